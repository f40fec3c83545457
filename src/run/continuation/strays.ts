/**
 * Ends what a dead process left running of a run, and removes what only those attempts used. Children outlive a process that
 * was killed, and nobody else would end them. It touches no process of another run, and none of a holder that lives.
 */
import { realpath } from "node:fs/promises";
import type { RunContext } from "../../adapters/contract.ts";
import { runKeyOf } from "../../adapters/local-depth/child-place.ts";
import { evidencePaths } from "../../evidence/layout.ts";
import { killStrays } from "../../system/process-tree.ts";
import { clearDebris } from "./debris.ts";

/**
 * On this host only. Call it when the holder is known to be gone: after taking its lease, or when it is abandoned.
 * @param scopeRoot `<outputs_root>/<tenant>/<repo>`
 */
export async function endStrays(scopeRoot: string, context: RunContext): Promise<void> {
  const folder = await realpath(evidencePaths(scopeRoot, context).folder).catch(() => undefined);
  if (folder === undefined) return;
  await killStrays(runKeyOf(folder, context));
  await clearDebris(folder);
}
