/**
 * Whether a process works, or worked, for the autopilot: what it does in a run may be ended by whoever has the scope. It knows controllers
 * by what they have written, and takes nobody else for one.
 */
import { limits } from "../../limits.ts";
import type { LeaseHolder } from "../../store/contract.ts";
import type { AutopilotStore } from "../contract.ts";
import type { ScopeId } from "../model.ts";

/** By its beat; one that died or was stopped before its first one, by the facts that it wrote in the scope last. */
export async function isControllerProcess(
  store: Pick<AutopilotStore, "controllers" | "state" | "entries">,
  { host, pid }: Pick<LeaseHolder, "host" | "pid">,
  scope: ScopeId,
): Promise<boolean> {
  if ((await store.controllers()).some((row) => row.host === host && row.pid === pid)) return true;
  const { seq } = await store.state(scope);
  const last = await store.entries(scope, Math.max(0, seq - limits.storePageRows), limits.storePageRows);
  // As `newIdentity` says it; a person has no process in his name.
  return last.some(({ writer, token }) => token > 0 && writer.includes(`@${host}:${pid}:`));
}
