/**
 * An outputs root with many scopes in which something is deployed, for the benchmarks of the autopilot: a resource each that akc keeps
 * in memory, and in some a real process. Leaving it ends the processes and removes the tree.
 */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRun } from "../../src/run/start.ts";
import { systemClock } from "../../src/system/clock.ts";
import { systemIds } from "../../src/system/ids.ts";

export interface ScopesWorld extends AsyncDisposable {
  readonly base: string;
  readonly outputsRoot: string;
  readonly repos: readonly string[];
  /** Of the repositories whose resource is a process. */
  readonly withProcess: readonly string[];
}

const tenant = "bench";
export const changing = {
  PATH: "/usr/local/bin:/usr/bin:/bin",
  HOME: tmpdir(),
  LANG: "C.UTF-8",
  AKC_ENABLE_MUTATING_DEPLOYMENT_PROVIDER: "1",
};

/** @param processes in so many of them a process stands */
export async function deployedScopes(count: number, processes = 0): Promise<ScopesWorld> {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "akc-bench-autopilot-")));
  const outputsRoot = join(base, "out");
  const repos = Array.from({ length: count }, (_, at) => `repo-${String(at).padStart(4, "0")}`);
  const withProcess = repos.slice(0, processes);
  const waiting = [...repos];
  const work = async () => {
    for (let repo = waiting.pop(); repo !== undefined; repo = waiting.pop()) {
      await deploy(outputsRoot, repo, withProcess.includes(repo));
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  return {
    base,
    outputsRoot,
    repos,
    withProcess,
    async [Symbol.asyncDispose]() {
      for (const pid of processesOf(base)) endIfThere(pid);
      while (processesOf(base).length > 0) await Bun.sleep(20);
      rmSync(base, { recursive: true, force: true });
    },
  };
}

async function deploy(outputsRoot: string, repo: string, isProcess: boolean): Promise<void> {
  const folder = join(outputsRoot, tenant, repo, ".akc");
  const bundlePath = join(folder, "runtime/bench.runtime_bundle.json");
  mkdirSync(join(folder, "runtime"), { recursive: true });
  mkdirSync(join(folder, "run"), { recursive: true });
  const ids = { tenant_id: tenant, repo_id: repo, run_id: "bench" };
  writeFileSync(bundlePath, JSON.stringify({ ...ids, ...bundleOf(isProcess) }));
  const manifest = { schema_kind: "run_manifest", manifest_version: 1, ...ids, control_plane: {} };
  writeFileSync(join(folder, "run/bench.manifest.json"), JSON.stringify(manifest));
  const input = { bundlePath, mode: "enforce", adapter: "auto", outputsRoot } as const;
  const signal = new AbortController().signal;
  const report = await startRun({ ...input, signal }, { clock: systemClock, ids: systemIds, env: changing });
  if (report.exitCode !== 0) throw new Error(`${repo} was not deployed: ${JSON.stringify(report)}`);
}

function bundleOf(isProcess: boolean): object {
  const intent = { node_id: "web", kind: "service", name: "web", depends_on: [] };
  const process = { command: ["sleep", "80000"], restart: { backoff_ms: 10 } };
  return {
    schema_version: 4,
    schema_id: "akc:runtime_bundle:v4",
    referenced_ir_nodes: [],
    referenced_contracts: [],
    spec_hashes: {
      orchestration_spec_sha256: "0".repeat(64),
      coordination_spec_sha256: "0".repeat(64),
    },
    runtime_policy_envelope: {},
    deployment_intents: [isProcess ? { ...intent, runtime_deployment: { process } } : intent],
    ...(isProcess ? { deployment_provider: { kind: "process" } } : {}),
    runtime_rollout: { strategy: "all_at_once", health: { min_healthy_ms: 0 } },
  };
}

/** Services that stand below the folder; they say so in their environment. */
export function processesOf(folder: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => textAt(`/proc/${name}/environ`).includes(folder))
    .map(Number);
}

export function endIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone by itself.
  }
}

function textAt(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
