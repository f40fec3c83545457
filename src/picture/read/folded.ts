/** A step while its events are read, and how it is shown in the end. Holds no event. */
import type { BundleFacts } from "../../evidence/facts.ts";
import type { ActionPhase } from "../../store/contract.ts";
import type { PicturedAttempt, PicturedStep } from "../model.ts";

export type Attempt = { -readonly [Key in keyof PicturedAttempt]: PicturedAttempt[Key] };

export interface Folded {
  readonly actionId: string;
  /** Empty until an event names it. */
  nodeId: string;
  readonly stepId: string | undefined;
  readonly layer: number;
  role: string | undefined;
  phase: ActionPhase;
  readonly attempts: Attempt[];
  reason: string | undefined;
  code: string | undefined;
  outputs: PicturedStep["outputs"];
  outputSha256: string | undefined;
}

/** As a picture shows it. @param node what the run kept of its node */
export function picturedStep(step: Folded, node: BundleFacts["nodes"][number] | undefined): PicturedStep {
  const name = step.stepId ?? (step.nodeId === "" ? step.actionId : step.nodeId);
  const { role, phase, attempts, reason, code, outputs, outputSha256, layer } = step;
  return {
    actionId: step.actionId,
    name,
    label: node?.name ?? name,
    ...(role === undefined ? {} : { role }),
    ...(node?.route === undefined ? {} : { route: node.route }),
    layer,
    phase,
    attempts,
    ...(reason === undefined ? {} : { reason }),
    ...(code === undefined ? {} : { code }),
    ...(outputs === undefined ? {} : { outputs }),
    ...(outputSha256 === undefined ? {} : { outputSha256 }),
  };
}

/** How an attempt ended that left its action in this phase. */
export function endOf(phase: ActionPhase): NonNullable<PicturedAttempt["end"]> {
  switch (phase) {
    case "succeeded":
    case "denied":
    case "cancelled":
      return phase;
    case "waiting":
      return "lost";
    default:
      return "failed";
  }
}
