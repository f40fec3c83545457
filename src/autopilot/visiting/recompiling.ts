/**
 * Asks the hook for a new bundle: written down before it is asked, and again when it has answered, however it did. Triggers are settled
 * in the same write as the answer, so that none is lost and none is asked about twice.
 *
 * Source: spec cli §15.3; cli:W-27, W-29, W-58.
 */

import type { Fact, Trigger } from "../model.ts";
import type { RecompileAnswer } from "../recompile/contract.ts";
import type { Step } from "./attempting.ts";
import { workUntilCut } from "./bounded.ts";
import { faultOf } from "./noticing.ts";

/** @throws the reason of a lost lease or a cut */
export async function recompile(step: Step, triggers: readonly Trigger[]): Promise<void> {
  const { ports, order, record } = step;
  const { scope, held, cut } = order;
  const attemptId = ports.ids.eventId();
  const triggerIds = triggers.map(({ id }) => id);
  const { deployed } = record.state();
  await record.append([{ type: "recompile_started", attemptId, triggerIds }]);
  const begunAtMs = ports.clock.monotonicMs();
  const took = () => Math.max(0, Math.round(ports.clock.monotonicMs() - begunAtMs));
  let answer: RecompileAnswer;
  try {
    const request = { scope, attemptId, triggers, ...(deployed === undefined ? {} : { deployed }) };
    answer = await workUntilCut([held.lost, cut], (signal) => ports.recompiler.recompile(request, signal));
  } catch (cause) {
    held.lost.throwIfAborted();
    if (cut.aborted) {
      await record.append([cutOff(attemptId, took(), "the controller stopped")]);
      throw cut.reason;
    }
    answer = { result: "failed", ...faultOf(cause, "the recompile hook") };
  }
  await record.append(factsOf(step, attemptId, answer, took(), triggerIds));
}

/** A hook that another process asked and did not live to hear. Its triggers are still open. */
export async function forgetRecompile({ record }: Step): Promise<void> {
  const { recompiling } = record.state();
  if (recompiling === undefined) return;
  const durationMs = Math.max(0, record.nowMs() - recompiling.sinceMs);
  await record.append([
    cutOff(recompiling.attemptId, durationMs, "the controller ended before the hook did"),
  ]);
}

function factsOf(
  { record }: Step,
  attemptId: string,
  answer: RecompileAnswer,
  durationMs: number,
  triggerIds: readonly string[],
): readonly Fact[] {
  const ended = { type: "recompile_ended", attemptId, durationMs } as const;
  const settled = { type: "triggers_settled", triggerIds, by: "recompile" } as const;
  switch (answer.result) {
    case "failed":
      return [{ ...ended, result: "failed", errorCode: answer.code, message: answer.message }];
    case "unchanged":
    case "refused":
      return [{ ...ended, result: answer.result, message: answer.message }, settled];
    case "offered": {
      const { offer } = answer;
      const { deployed, rejected } = record.state();
      // Known by its hash: the same bytes in another place are no other bundle (cli:W-58).
      const known =
        offer.bundleSha256 === deployed?.bundleSha256
          ? "it answered with the bundle that stands already"
          : rejected.includes(offer.bundleSha256)
            ? "it answered with a bundle that failed or was denied before"
            : undefined;
      return known === undefined
        ? [{ ...ended, result: "offered", offer }, settled]
        : [{ ...ended, result: "unchanged", offer, message: known }, settled];
    }
  }
}

function cutOff(attemptId: string, durationMs: number, message: string): Fact {
  return { type: "recompile_ended", attemptId, result: "cut_off", message, durationMs };
}
