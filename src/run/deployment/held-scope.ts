/**
 * Looks before a run begins whether somebody deploys in its scope: the actions of a run that could not deploy in the end are not worth
 * beginning. It takes nothing; who really deploys is settled when the scope is taken.
 *
 * Source: W-11.
 */
import type { Store } from "../../store/contract.ts";
import { scopeHeld } from "../../store/deployment/refusals.ts";
import { isHeld, thisProcess } from "../../store/sqlite/holder.ts";
import type { ReadyRun } from "../ready.ts";

/** @throws AkcError SCOPE_HELD naming the holder */
export async function refuseHeldScope(
  { convergence, context }: Pick<ReadyRun, "convergence" | "context">,
  store: Store,
  nowMs: number,
): Promise<void> {
  if (convergence === undefined || context.mode === "simulate") return;
  const lease = await store.scopeLease();
  if (lease !== null && isHeld(lease, thisProcess(), nowMs)) throw scopeHeld(lease);
}
