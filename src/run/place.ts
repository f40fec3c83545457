/**
 * Where a run keeps its things. Makes the folders; no part of the way may be a link that leads outside.
 *
 * Source: spec kernel §3, spec bundle §17.3; bundle:W-7.
 */
import { mkdir } from "node:fs/promises";
import type { RunContext } from "../adapters/contract.ts";
import { AkcError } from "../errors.ts";
import { asDiskError, errnoOf, resolveConfined } from "../system/files.ts";

export interface Place {
  readonly outputsRoot: string;
  /** `<outputs_root>/<tenant>/<repo>` */
  readonly scopeRoot: string;
  /** The run's own folder, `<scope>/.akc/runtime/<run_id>/<runtime_run_id>`. */
  readonly scopeDir: string;
}

/**
 * What a run has in common with all others of its scope, made before anything is asked on its behalf. Returns the scope's folder.
 * @throws AkcError PATH_UNSAFE, OUTPUTS_UNWRITABLE, DISK_FULL
 */
export async function makeScope(outputsRoot: string, { scope }: Pick<RunContext, "scope">): Promise<string> {
  await makeFolder(outputsRoot);
  const scopeRoot = await resolveConfined(outputsRoot, `${scope.tenantId}/${scope.repoId}`);
  await makeFolder(scopeRoot);
  return scopeRoot;
}

/** @throws AkcError PATH_UNSAFE, OUTPUTS_UNWRITABLE, DISK_FULL */
export async function makePlace(outputsRoot: string, context: RunContext): Promise<Place> {
  const scopeRoot = await makeScope(outputsRoot, context);
  const scopeDir = await resolveConfined(scopeRoot, `.akc/runtime/${context.runId}/${context.runtimeRunId}`);
  // Written last, looked at first: a link found only when the work is done would cost the run its evidence.
  await resolveConfined(scopeRoot, ".akc/run");
  await makeFolder(scopeDir);
  return { outputsRoot, scopeRoot, scopeDir };
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    const fault = asDiskError(cause, path);
    if (fault instanceof AkcError) throw fault;
    throw new AkcError("OUTPUTS_UNWRITABLE", { cause, details: { path, errno: errnoOf(cause) } });
  }
}
