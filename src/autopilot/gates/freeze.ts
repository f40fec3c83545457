/**
 * Whether now lies within a time in which nothing is rolled out, and when that ends. Pure.
 *
 * Source: Argo CD's deny windows (design only).
 */
import type { GatesConfig } from "../config/model.ts";
import type { AttemptKind } from "../model.ts";
import { closed, open, skipped } from "./answer.ts";
import type { GateAnswer } from "./model.ts";

/** @param nowMs milliseconds since the epoch */
export function freezeGate(freezes: GatesConfig["freezes"], kind: AttemptKind, nowMs: number): GateAnswer {
  const concerned = freezes.filter(({ repairs }) => kind === "rollout" || repairs);
  if (concerned.length === 0) return skipped("freeze", "no_freezes", `no freeze concerns a ${kind}`);
  const at = (ms: number) => concerned.filter(({ fromMs, toMs }) => fromMs <= ms && ms < toMs);
  const [current] = at(nowMs);
  if (current === undefined) return open("freeze", "not_frozen", "no freeze is on");
  // One may follow upon the other without a gap.
  let opensAtMs = nowMs;
  for (let on = at(opensAtMs); on.length > 0; on = at(opensAtMs)) {
    opensAtMs = Math.max(...on.map(({ toMs }) => toMs));
  }
  return closed("freeze", {
    reason: "frozen",
    message: `nothing is changed now: ${current.reason}`,
    opens: `The freeze ends ${new Date(opensAtMs).toISOString()}, or is taken out of the configuration.`,
    opensAtMs,
  });
}
