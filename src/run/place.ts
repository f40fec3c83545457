/**
 * Where a run keeps its things. Makes the folders; no part of the way may be a link that leads outside.
 *
 * Source: spec kernel §3, spec bundle §17.3; bundle:W-7.
 */
import { mkdir } from "node:fs/promises";
import type { RunContext } from "../adapters/contract.ts";
import { resolveConfined } from "../system/files.ts";

export interface Place {
  readonly outputsRoot: string;
  /** `<outputs_root>/<tenant>/<repo>` */
  readonly scopeRoot: string;
  /** The run's own folder, `<scope>/.akc/runtime/<run_id>/<runtime_run_id>`. */
  readonly scopeDir: string;
}

/** @throws AkcError PATH_UNSAFE */
export async function makePlace(outputsRoot: string, context: RunContext): Promise<Place> {
  await mkdir(outputsRoot, { recursive: true });
  const { tenantId, repoId } = context.scope;
  const scopeRoot = await resolveConfined(outputsRoot, `${tenantId}/${repoId}`);
  await mkdir(scopeRoot, { recursive: true });
  const scopeDir = await resolveConfined(scopeRoot, `.akc/runtime/${context.runId}/${context.runtimeRunId}`);
  await mkdir(scopeDir, { recursive: true });
  return { outputsRoot, scopeRoot, scopeDir };
}
