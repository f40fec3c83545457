/**
 * The order for one child: what is executed, with which arguments, environment and bounds.
 * The environment is made from nothing; what akc itself was started with never reaches a child.
 *
 * Source: spec bundle §14.5; bundle:W-26.
 */
import { availableParallelism } from "node:os";
import type { SubprocessRoute } from "../../bundle/model.ts";
import { limits } from "../../limits.ts";
import type { SubprocessLane } from "../../policy/model.ts";
import { fixedPath } from "../../system/executable.ts";
import { spawnIdVariable } from "../../system/process-table.ts";
import type { ResourceLimits } from "../../system/rlimits.ts";
import type { SpawnOrder } from "../../system/spawn-protocol.ts";
import type { ActionRequest } from "../contract.ts";
import type { ChildPlace } from "./child-place.ts";

type Place = ChildPlace & {
  readonly spawnId: string;
  /** Where the predecessors' outputs are, when there are any. */
  readonly handoffFolder: string | undefined;
};

export function spawnOrder(
  request: ActionRequest & { readonly route: SubprocessRoute },
  executable: string,
  place: Place,
): SpawnOrder {
  const { route, policy, workdir } = request;
  const timeoutMs = Math.min(request.timeoutMs, route.timeoutMs);
  return {
    id: place.spawnId,
    executable,
    argv: route.argv,
    workdir,
    env: environment(request, place),
    ...(route.stdin === undefined ? {} : { stdin: route.stdin }),
    ...(place.containment === "none" ? {} : { limits: resourceLimits(policy.subprocess, timeoutMs) }),
    timeoutMs,
    killGraceMs: limits.killGraceMs,
    outputBytesMax: policy.subprocess.outputBytesMax,
  };
}

/** All of it but TMPDIR, which is a folder of the attempt's own inside the working directory. */
function environment(
  { action, attempt, context, route, step, workdir }: ActionRequest & { readonly route: SubprocessRoute },
  { spawnId, network, repoRoot, stepRoots, handoffFolder }: Place,
): Readonly<Record<string, string>> {
  return {
    LANG: "C.UTF-8",
    ...route.env,
    PATH: fixedPath,
    HOME: workdir,
    AKC_RUNTIME_RUN_ID: context.runtimeRunId,
    AKC_ACTION_ID: action.actionId,
    AKC_ATTEMPT: String(attempt),
    AKC_IDEMPOTENCY_KEY: action.idempotencyKey,
    [spawnIdVariable]: spawnId,
    ...(step === undefined ? {} : { AKC_COORDINATION_NETWORK_ALLOWED: network ? "1" : "0" }),
    ...(step?.filesystemScope === undefined
      ? {}
      : { AKC_COORDINATION_READ_ONLY_ROOTS_JSON: JSON.stringify(stepRoots) }),
    // A list in JSON is nothing that a line of shell could use.
    ...(stepRoots.length === 0 ? {} : { AKC_REPO_ROOT: repoRoot }),
    ...(handoffFolder === undefined ? {} : { AKC_HANDOFF_DIR: handoffFolder }),
  };
}

function resourceLimits(lane: SubprocessLane, timeoutMs: number): ResourceLimits {
  return {
    openFiles: lane.openFilesMax,
    processes: lane.processesMax,
    fileBytes: lane.fileBytesMax,
    ...(lane.memoryBytesMax === undefined ? {} : { memoryBytes: lane.memoryBytesMax }),
    // All processors for the whole of its time, and some: reached only when nobody enforces the deadline any more.
    cpuSeconds: Math.ceil((timeoutMs / 1_000) * availableParallelism()) + 10,
  };
}
