/**
 * Whether a person has approved exactly this bundle, where the configuration asks for one. Pure.
 */

import type { GateQuestion } from "../contract.ts";
import { scopeName } from "../model.ts";
import { closed, open, skipped } from "./answer.ts";
import type { GateAnswer } from "./model.ts";

export function approvalGate({ scope, kind, offer, state }: GateQuestion): GateAnswer {
  const { approval } = scope.gates;
  if (approval === "never" || (approval === "rollouts" && kind === "repair")) {
    return skipped("approval", "approval_not_required", `a ${kind} needs no approval here`);
  }
  const given = state.approval;
  if (given?.bundleSha256 === offer.bundleSha256) {
    return open("approval", "approved", `${given.by} has approved it`, { by: given.by, at_ms: given.atMs });
  }
  return closed("approval", {
    reason: given === undefined ? "approval_required" : "approval_of_another_bundle",
    message:
      given === undefined
        ? "nobody has approved it yet"
        : `${given.by} has approved another bundle: ${given.bundleSha256.slice(0, 12)}`,
    opens: `\`akc autopilot approve --scope ${scopeName(scope.scope)} --reason TEXT\`, by somebody who has looked at ${offer.bundleSha256.slice(0, 12)}.`,
  });
}
