/**
 * What reconciling costs: a pass over 1 000 resources that changes nothing, one that creates them all, and 200 services through
 * the binary, from nothing and back after a kill. What the provider `process` itself costs is in `process-provider.ts`.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fingerprint } from "../../src/json/fingerprint.ts";
import { createJournal } from "../../src/kernel/journal.ts";
import { createReconcileLedger } from "../../src/kernel/reconcile-ledger.ts";
import { limits } from "../../src/limits.ts";
import type { DesiredResource, Provider } from "../../src/providers/contract.ts";
import { createInMemoryProvider } from "../../src/providers/in-memory.ts";
import { reconcileUntilSettled } from "../../src/reconciler/resync.ts";
import { strategyOf } from "../../src/reconciler/rollout/strategy.ts";
import { newRunRow } from "../../src/run/parts.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { systemClock } from "../../src/system/clock.ts";
import { policy } from "../../test/kernel/world.ts";
import { type BenchRow, median, printRows } from "./row.ts";

const resources = 1_000;
const services = 200;
const turns = 9;
const kills = 5;
const backMsMax = 30_000;
const binary = join(import.meta.dir, "../../dist/akc");

export async function benchReconcile(): Promise<readonly BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "akc-bench-reconcile-"));
  try {
    return [...(await inProcess(folder)), ...(await throughTheBinary(folder))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The provider, and how often it was asked what stands and to change something. */
function counted(inner: Provider) {
  const calls = { observe: 0, apply: 0 };
  const provider: Provider = {
    ...inner,
    async observe(revisions, owned, call) {
      calls.observe += 1;
      return inner.observe(revisions, owned, call);
    },
    async apply(change, call) {
      calls.apply += 1;
      await inner.apply(change, call);
    },
  };
  return { provider, calls };
}

async function inProcess(folder: string): Promise<readonly BenchRow[]> {
  const desired = Array.from({ length: resources }, (_, index) => resource(index));
  const creations: number[] = [];
  const quiet: number[] = [];
  const bare: number[] = [];
  let looksOfCreation = 0;
  let looksOfQuiet = 0;
  for (let turn = 0; turn < 3; turn += 1) {
    const scopeRoot = join(folder, `in-process-${turn}`);
    const { provider, calls } = counted(createInMemoryProvider());
    creations.push(await onePass(scopeRoot, "first", { provider, desired }));
    looksOfCreation = calls.observe;
    if (calls.apply !== resources) throw new Error(`${calls.apply} changes for ${resources} resources`);
    for (let again = 0; again <= turns; again += 1) {
      calls.observe = 0;
      calls.apply = 0;
      Bun.gc(true);
      const tookMs = await onePass(scopeRoot, `again-${again}`, { provider, desired });
      if (calls.apply > 0) throw new Error("a pass that should change nothing has changed something");
      looksOfQuiet = calls.observe;
      const barePassMs = await bareLook(provider, desired);
      // The first pass only warms up.
      if (again > 0) {
        quiet.push(tookMs);
        bare.push(barePassMs);
      }
    }
  }
  return [
    {
      name: `resolve and look at ${resources} resources in memory, nothing else`,
      value: median(bare),
      unit: "ms",
    },
    {
      name: `a pass that changes nothing, ${resources} resources, told in the store`,
      value: median(quiet),
      unit: "ms",
      baseline: "resolve and look",
      ratio: median(quiet) / median(bare),
      goal: "< 50 ms",
    },
    { name: "looks at what stands in such a pass", value: looksOfQuiet, unit: "", goal: "exactly 1" },
    { name: `a pass that creates all ${resources}, kept step by step`, value: median(creations), unit: "ms" },
    { name: "looks at what stands in such a pass", value: looksOfCreation, unit: "" },
  ];
}

function resource(index: number): DesiredResource {
  const resourceId = `service-${String(index).padStart(4, "0")}`;
  const intent = {
    node_id: resourceId,
    kind: "service",
    name: resourceId,
    depends_on: index % 10 === 0 ? [] : [`service-${String(index - (index % 10)).padStart(4, "0")}`],
    spec: { image: `registry.invalid/shop/${resourceId}:1.2.${index}`, replicas: 3, port: 8_000 + index },
  };
  return {
    resourceId,
    resourceClass: "service",
    name: resourceId,
    desiredHash: fingerprint(intent),
    intent,
    settings: {},
    dependsOn: intent.depends_on,
  };
}

/** Milliseconds of one reconciliation on behalf of a run of its own, all that it does durable. */
async function onePass(
  scopeRoot: string,
  runtimeRunId: string,
  { provider, desired }: { readonly provider: Provider; readonly desired: readonly DesiredResource[] },
): Promise<number> {
  const store = await openStore(scopeRoot);
  const clock = systemClock;
  const writer = await store.createRun(runOf(runtimeRunId), thisProcess(), clock.nowMs());
  await writer.holdScope(clock.nowMs());
  const journal = createJournal(runtimeRunId);
  const ledger = createReconcileLedger({
    journal,
    clock,
    emit: (type, _payload, text, atMs) => journal.event(type, text, atMs),
    commit: () => writer.commit(journal.take()),
  });
  const startedAt = performance.now();
  const { converged } = await reconcileUntilSettled(
    {
      provider,
      scope: "bench/bench",
      runtimeRunId,
      policy: policy(),
      deployment: store.deployment,
      ledger,
      clock,
      signal: new AbortController().signal,
      measure: async () => ({ verdict: "pass", message: "", evidence: {} }),
      waitForPerson: false,
      exact: false,
      ignoredOf: () => [],
      desired,
      bundleSha256: "0".repeat(64),
      strategy: strategyOf({}, { mode: "enforce", resources, parallel: limits.resourcesInParallelMax }),
      gate: { kind: "permissive", unknownGraceMs: 0 },
      simulate: false,
      adopt: false,
      insist: true,
      newRolloutId: () => Bun.randomUUIDv7(),
    },
    { iterations: 1, delayMs: () => 0 },
  );
  const tookMs = performance.now() - startedAt;
  await writer.close();
  await store.close();
  if (!converged) throw new Error("it has not converged");
  return tookMs;
}

async function bareLook(provider: Provider, desired: readonly DesiredResource[]): Promise<number> {
  const call = { signal: new AbortController().signal };
  const startedAt = performance.now();
  const resolved = await provider.resolve(desired, call);
  await provider.observe(
    resolved.flatMap((one) => (one.kind === "resolved" ? [one.revision] : [])),
    [],
    call,
  );
  return performance.now() - startedAt;
}

function runOf(runtimeRunId: string) {
  return newRunRow(
    {
      scope: { tenantId: "bench", repoId: "bench" },
      runId: "bench",
      runtimeRunId,
      mode: "enforce",
      adapterId: "native",
    },
    { bundlePath: "/bench", bundleSha256: "0".repeat(64) },
    "0".repeat(32),
    Date.now(),
  );
}

/** Everything with the binary, as an operator has it: a start of 200 services, and one killed under `--watch`. */
async function throughTheBinary(folder: string): Promise<readonly BenchRow[]> {
  const bundle = join(folder, "services.runtime_bundle.json");
  await Bun.write(bundle, JSON.stringify(servicesBundle()));
  const bareMs = await bareChildren();
  const root = join(folder, "out");
  try {
    const startedAt = performance.now();
    await akc(["runtime", "start", "--bundle", bundle, "--mode", "enforce", ...idAndRoot(root)]).exited;
    const startMs = performance.now() - startedAt;
    const pids = servicePids(root);
    if (pids.length !== services) throw new Error(`only ${pids.length} services stand`);
    const backMs = await backUnderWatch(root);
    return [
      { name: `${services} bare children`, value: bareMs, unit: "ms" },
      {
        name: `akc runtime start, ${services} services from nothing to healthy`,
        value: startMs / 1_000,
        unit: "s",
        baseline: "bare children",
        ratio: startMs / bareMs,
        goal: "< 10 s",
      },
      {
        name: "one killed under --watch, until its next process",
        value: backMs,
        unit: "ms",
        goal: "< 1000 ms",
      },
    ];
  } finally {
    for (const pid of servicePids(root)) process.kill(pid, "SIGKILL");
  }
}

async function bareChildren(): Promise<number> {
  const startedAt = performance.now();
  const children = Array.from({ length: services }, () =>
    Bun.spawn(["/bin/sleep", "100000"], { env: {}, stdio: ["ignore", "ignore", "ignore"], detached: true }),
  );
  const tookMs = performance.now() - startedAt;
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(children.map((child) => child.exited));
  return tookMs;
}

function servicesBundle() {
  return {
    schema_version: 4,
    schema_id: "akc:runtime_bundle:v4",
    tenant_id: "bench",
    repo_id: "bench",
    run_id: "bench",
    referenced_ir_nodes: [],
    referenced_contracts: [],
    spec_hashes: {
      orchestration_spec_sha256: "0".repeat(64),
      coordination_spec_sha256: "0".repeat(64),
    },
    runtime_policy_envelope: {},
    deployment_provider: { kind: "process" },
    deployment_intents: Array.from({ length: services }, (_, index) => ({
      node_id: `service-${index}`,
      kind: "service",
      name: `service-${index}`,
      depends_on: [],
      runtime_deployment: {
        process: { command: ["sleep", "100000"], restart: { backoff_ms: 0 }, stop: { signal: "SIGKILL" } },
      },
    })),
  };
}

/** Median milliseconds from the kill of a service to the next process in its record. */
async function backUnderWatch(root: string): Promise<number> {
  const watching = akc([
    "runtime",
    "reconcile",
    "--apply",
    "--watch",
    "--watch-max-iterations",
    "0",
    ...idAndRoot(root),
  ]);
  const times: number[] = [];
  try {
    await Bun.sleep(3_000);
    for (let kill = 0; kill < kills; kill += 1) {
      const pid = pidOf(root, kill) ?? 0;
      const startedAt = performance.now();
      process.kill(pid, "SIGKILL");
      for (let next = pidOf(root, kill); next === pid || next === undefined; next = pidOf(root, kill)) {
        if (performance.now() - startedAt > backMsMax) throw new Error("it did not come back");
        await Bun.sleep(1);
      }
      times.push(performance.now() - startedAt);
      await Bun.sleep(200);
    }
  } finally {
    watching.kill("SIGTERM");
    await watching.exited;
  }
  return median(times);
}

function akc(args: readonly string[]) {
  const env = { ...process.env, AKC_ENABLE_MUTATING_DEPLOYMENT_PROVIDER: "1" };
  return Bun.spawn([binary, ...args], { env, stdin: "ignore", stdout: "ignore", stderr: "inherit" });
}

function idAndRoot(root: string): readonly string[] {
  return ["--runtime-run-id", "bench", "--outputs-root", root, "--quiet"];
}

function servicePids(root: string): readonly number[] {
  return Array.from({ length: services }, (_, index) => pidOf(root, index)).filter(
    (pid) => pid !== undefined,
  );
}

/** Undefined while none is recorded. */
function pidOf(root: string, index: number): number | undefined {
  const path = join(root, "bench/bench/.akc/services", `service-${index}`, "0.json");
  if (!existsSync(path)) return undefined;
  const record: { readonly process?: { readonly pid: number } } = JSON.parse(readFileSync(path, "utf8"));
  return record.process?.pid;
}

if (import.meta.main) printRows(await benchReconcile());
