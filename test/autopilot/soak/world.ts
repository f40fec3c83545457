/**
 * A busy host for the autopilot: scopes that drift, that are given new bundles, whose hook fails, that people hold and let go, that are
 * broken, and that stand still; with everything switched on that a controller can be seen and told through. Leaving it ends all of it.
 */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { akc, binary } from "../../e2e/akc.ts";
import { changing } from "../../e2e/services.ts";
import { processesBelow, until } from "../../e2e/world.ts";

/** Each is a repository of the tenant `acme`. */
export const scopes = [
  "drifting",
  "rolling",
  "failing",
  "answering",
  "worded",
  "broken",
  "still-1",
  "still-2",
] as const;
export type Scope = (typeof scopes)[number];

export interface BusyHost extends AsyncDisposable {
  readonly base: string;
  readonly outputsRoot: string;
  readonly socket: string;
  readonly secret: string;
  /** Parts of traces and metrics that arrived; some are refused on purpose. */
  readonly exported: { taken: number; refused: number };
  readonly autopilot: Bun.Subprocess<"ignore", "ignore", "pipe">;
  readonly journal: { bytes: number; lines: number; readonly errors: string[] };
  /** Kills what runs in the scope. Returns how many there were. */
  kill(scope: Scope): number;
  running(scope: Scope): number;
}

export async function busyHost(): Promise<BusyHost> {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "akc-soak-")));
  const outputsRoot = join(base, "out");
  const exported = { taken: 0, refused: 0 };
  const collector = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      await request.arrayBuffer();
      const isRefused = (exported.taken + exported.refused) % 5 === 4;
      exported[isRefused ? "refused" : "taken"] += 1;
      return isRefused ? new Response("busy", { status: 503 }) : Response.json({});
    },
  });
  const secret = "soaked-through";
  writeFileSync(join(base, "secret"), secret, { mode: 0o600 });
  writeHooks(base);
  const found = (scope: Scope) =>
    processesBelow(join(outputsRoot, "acme", scope)).filter(({ shown }) => shown.startsWith("sleep 9"));
  const leave = async () => {
    for (const { pid } of processesBelow(base)) endIfThere(pid);
    await until("nothing of it runs", () => processesBelow(base).length === 0, 20_000);
    await collector.stop(true);
    rmSync(base, { recursive: true, force: true });
  };
  try {
    await Promise.all(scopes.map((scope) => deploy(base, outputsRoot, scope)));
    // Whoever reads a bundle of this scope again finds none.
    writeFileSync(bundleOf(base, "broken"), "{");
    writeFileSync(join(base, "autopilot.yaml"), configuration(collector.port));
    const journal: BusyHost["journal"] = { bytes: 0, lines: 0, errors: [] };
    const autopilot = Bun.spawn(
      [binary, "runtime", "autopilot", "--config", join(base, "autopilot.yaml"), "-o", "json"],
      { cwd: base, env: changing, stdin: "ignore", stdout: "ignore", stderr: "pipe" },
    );
    void follow(autopilot.stderr, journal);
    const socket = join(base, "s.sock");
    await until("it can be looked at", () => {
      if (autopilot.exitCode !== null) throw new Error(`it has ended: ${journal.errors.join("\n")}`);
      return existsSync(socket);
    });
    await until("it knows of every scope", async () => (await visitedOf(socket)) === scopes.length);
    return {
      base,
      outputsRoot,
      socket,
      secret,
      exported,
      autopilot,
      journal,
      kill: (scope) => {
        const all = found(scope);
        for (const { pid } of all) endIfThere(pid);
        return all.length;
      },
      running: (scope) => found(scope).length,
      [Symbol.asyncDispose]: leave,
    };
  } catch (cause) {
    await leave();
    throw cause;
  }
}

/** How many scopes it has been to. */
async function visitedOf(socket: string): Promise<number> {
  const answer = await fetch("http://akc/v1/status", { unix: socket });
  const status = v.parse(
    v.object({ scopes: v.array(v.object({ visits: v.number() })) }),
    await answer.json(),
  );
  return status.scopes.filter(({ visits }) => visits > 0).length;
}

function configuration(collectorPort: number | undefined): string {
  return `version: 1
outputs_root: out
env_profile: dev
profile: living_loop_v1
interval: 2s
parallel: 4
listen: {unix: s.sock}
webhook: {secret_file: secret}
telemetry: {otlp: {endpoint: "http://127.0.0.1:${collectorPort}", interval: 5s}, mirrors: {file: mirror.ndjson}}
retention: {decision_files: 20, history_bytes: 65536}
score: {window: 1d}
rollout: {bake: 2s, bake_look: 1s}
budgets:
  mutations_per_day: 100000
  rollbacks_per_day: 100000
  rollbacks_per_day_before_escalation: 100000
  concurrent_rollouts: 3
  consecutive_failures: 100000
  cooldown_after_failure: 1s
  cooldown_after_policy_deny: 1s
scopes:
  discover: true
  overrides:
    acme/rolling: {recompile: {command: [hooks/new-bundle.sh], timeout: 30s}}
    acme/failing: {recompile: {command: [hooks/fail.sh], timeout: 30s}}
    acme/answering: {recompile: {command: [hooks/unchanged.sh], timeout: 30s}}
`;
}

function writeHooks(base: string): void {
  const hooks = {
    // Another length of sleep is another bundle.
    "new-bundle": `count=$(( $(cat .akc/count 2>/dev/null || echo 0) + 1 )); echo $count >.akc/count
sed "s/\\"9[0-9]*\\"/\\"$(( 90000 + count ))\\"/" .akc/runtime/soak.runtime_bundle.json >.akc/runtime/next.runtime_bundle.json
mv .akc/runtime/next.runtime_bundle.json .akc/runtime/soak.runtime_bundle.json
echo '{"bundle": ".akc/runtime/soak.runtime_bundle.json"}'`,
    fail: "echo no compiler here >&2; exit 1",
    unchanged: "cat >/dev/null; echo '{\"unchanged\": true}'",
  };
  mkdirSync(join(base, "hooks"));
  for (const [name, script] of Object.entries(hooks)) {
    const path = join(base, "hooks", `${name}.sh`);
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
  }
}

function bundleOf(base: string, scope: Scope): string {
  return join(base, "out/acme", scope, ".akc/runtime/soak.runtime_bundle.json");
}

/** One service that sleeps; the broken scope has none, so that nobody looks after one. */
async function deploy(base: string, outputsRoot: string, scope: Scope): Promise<void> {
  const path = bundleOf(base, scope);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, JSON.stringify(document(scope)));
  const flags = ["--bundle", path, "--mode", "enforce", "--outputs-root", outputsRoot];
  const ran = await akc(["runtime", "start", ...flags, "-o", "json"], { cwd: base, env: changing });
  if (ran.exit !== 0) throw new Error(`${scope} could not be deployed: ${ran.stdout}${ran.stderr}`);
}

function document(scope: Scope): object {
  const process = { command: ["sleep", "90000"], restart: { backoff_ms: 10 } };
  const intent = { node_id: "work", kind: "service", name: "work", depends_on: [] };
  return {
    schema_version: 4,
    schema_id: "akc:runtime_bundle:v4",
    tenant_id: "acme",
    repo_id: scope,
    run_id: "soak",
    referenced_ir_nodes: [],
    referenced_contracts: [],
    spec_hashes: {
      orchestration_spec_sha256: "0".repeat(64),
      coordination_spec_sha256: "0".repeat(64),
    },
    runtime_policy_envelope: {},
    deployment_provider: { kind: "process" },
    deployment_intents: [{ ...intent, runtime_deployment: { process } }],
    runtime_rollout: {
      strategy: "all_at_once",
      health: { min_healthy_ms: 100, healthy_deadline_ms: 4_000 },
    },
  };
}

async function follow(stream: ReadableStream<Uint8Array>, journal: BusyHost["journal"]): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    journal.bytes += chunk.length;
    const lines = `${rest}${decoder.decode(chunk, { stream: true })}`.split("\n");
    rest = lines.pop() ?? "";
    journal.lines += lines.length;
    journal.errors.push(...lines.filter((line) => !/"level":"(debug|info)"/.test(line)));
    // What is looked at afterwards is what went wrong first and last.
    if (journal.errors.length > 200) journal.errors.splice(100, 1);
  }
}

function endIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone by itself.
  }
}
