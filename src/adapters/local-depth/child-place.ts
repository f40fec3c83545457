/**
 * What one action's child may reach: its working directory, what it may read, and whether there is a network.
 * Refuses a place that leads elsewhere than it says; starts nothing.
 *
 * Source: spec kernel §12.9; kernel:W-16, bundle:W-35.
 */
import { isAbsolute } from "node:path";
import { AkcError } from "../../errors.ts";
import { sha256Hex } from "../../json/fingerprint.ts";
import type { ContainmentLevel } from "../../policy/model.ts";
import { resolveConfined } from "../../system/files.ts";
import { landlockAbi } from "../../system/landlock.ts";
import { type Profile, realPlace, within } from "../../system/sandbox.ts";
import type { ActionRequest, RunContext } from "../contract.ts";
import type { HandoffFiles } from "./handoff-files.ts";

export interface ChildPlace {
  readonly profile: Profile;
  /** The level in force, and Landlock's ABI where it is that. */
  readonly containment: ContainmentLevel;
  readonly abi: number | undefined;
  /** The folder that a step's declared roots lie below. Absolute. */
  readonly repoRoot: string;
  /** Absolute paths of the step's declared read-only roots. */
  readonly stepRoots: readonly string[];
  readonly network: boolean;
}

export interface ChildPlaces {
  /** The place of an earlier action with the same needs: nearly always there is one. */
  find(request: ActionRequest): ChildPlace | undefined;
  /** @throws AkcError PATH_UNSAFE */
  make(request: ActionRequest): Promise<ChildPlace>;
}

export interface ChildPlacesDeps {
  readonly level: ContainmentLevel;
  readonly repoRoot: string;
  readonly workdirRoot: string;
  readonly closedPaths?: readonly string[];
  readonly handoffs: HandoffFiles;
}

export function createChildPlaces(deps: ChildPlacesDeps): ChildPlaces {
  // By policy first: two runs in one process may have different roots.
  const known = new WeakMap<ActionRequest["policy"], Map<string, ChildPlace>>();
  return {
    find: (request) => known.get(request.policy)?.get(keyOf(request)),
    async make(request) {
      const place = await makePlace(request, deps);
      const places = known.get(request.policy) ?? new Map<string, ChildPlace>();
      known.set(request.policy, places.set(keyOf(request), place));
      return place;
    },
  };
}

function keyOf({ workdir, step, policy }: ActionRequest): string {
  const roots = step?.filesystemScope?.readOnlyRoots ?? [];
  return `${step === undefined ? "" : "step"}\0${networkOf(step, policy) ? "net" : ""}\0${workdir}\0${roots.join("\0")}`;
}

/** A step's own permission is the narrowest of envelope, governance and role. */
function networkOf(step: ActionRequest["step"], policy: ActionRequest["policy"]): boolean {
  return policy.allowNetwork && (step?.allowNetwork ?? true);
}

async function makePlace(request: ActionRequest, deps: ChildPlacesDeps): Promise<ChildPlace> {
  const { policy, step, workdir } = request;
  if (!within(realPlace(workdir), realPlace(deps.workdirRoot))) {
    throw new AkcError("PATH_UNSAFE", { message: "the working directory leads outside of the run's place" });
  }
  const lane = policy.subprocess;
  const stepRoots = await Promise.all(
    (step?.filesystemScope?.readOnlyRoots ?? []).map((root) => belowRepo(root.replace(/^[\\/]+/, ""), deps)),
  );
  const laneRoots = await Promise.all(
    lane.readOnlyRoots.map((root) => (isAbsolute(root) ? root : belowRepo(root, deps))),
  );
  const executables = [...lane.allowlist, ...(lane.operatorPaths ?? [])].filter(isAbsolute);
  const network = networkOf(step, policy);
  return {
    containment: deps.level,
    abi: deps.level === "landlock" ? landlockAbi() : undefined,
    repoRoot: deps.repoRoot,
    stepRoots,
    network,
    profile: {
      level: deps.level,
      readWrite: [workdir],
      readOnly: [
        ...laneRoots,
        ...stepRoots,
        ...executables,
        // Only steps are handed anything.
        ...(step === undefined ? [] : [deps.handoffs.folderOf(workdir)]),
      ],
      closed: deps.closedPaths ?? [],
      network,
    },
  };
}

async function belowRepo(root: string, { repoRoot }: ChildPlacesDeps): Promise<string> {
  return resolveConfined(repoRoot, root === "" ? "." : root);
}

/** What the children of one run have in common in every process that carries it out. */
export function runKeyOf(workdirRoot: string, { scope, runtimeRunId }: RunContext): string {
  return sha256Hex([workdirRoot, scope.tenantId, scope.repoId, runtimeRunId].join("\0")).slice(0, 16);
}
