/**
 * Finds in a bundle what its agent turns are told and bounded by. Looks at nothing else.
 *
 * Source: spec kernel §12.8, spec bundle §4.4.
 */
import type { Bundle } from "../../bundle/model.ts";
import { asDouble, isJsonObject, type JsonValue } from "../../json/value.ts";
import { runAgentTurn } from "../agent-worker.ts";
import type { ActionRequest, ActionResult } from "../contract.ts";
import type { AgentBounds, StepFacts } from "./request.ts";
import type { AgentTurnDeps } from "./turn.ts";

/** For the native adapter, which learns its bundle when it is prepared. */
export function agentTurnsOf(
  deps: Omit<AgentTurnDeps, "bounds" | "goal" | "factsOf">,
): (bundle: Bundle) => (request: ActionRequest) => Promise<ActionResult> {
  return (bundle) => {
    const goal = goalOf(bundle);
    const facts = stepFacts(bundle);
    const turn: AgentTurnDeps = {
      ...deps,
      bounds: boundsOf(bundle),
      ...(goal === undefined ? {} : { goal }),
      factsOf: (stepId) => facts.get(stepId) ?? {},
    };
    return (request) => runAgentTurn(request, turn);
  };
}

/** What an intent node of the bundle says it is about; the projection holds only the goal's fingerprint. */
export function goalOf({ nodes }: Bundle): string | undefined {
  for (const { kind, properties } of nodes) {
    if (kind !== "intent") continue;
    for (const key of ["goal_statement", "goal", "statement"]) {
      const goal = properties[key];
      if (typeof goal === "string" && goal.trim() !== "") return goal.trim();
    }
  }
  return undefined;
}

export function boundsOf({ intentProjection }: Bundle): AgentBounds {
  const bounds = intentProjection["operating_bounds_effective"];
  if (!isJsonObject(bounds)) return {};
  const seconds = asDouble(bounds["max_seconds"]);
  const input = positiveInteger(bounds["max_input_tokens"]);
  const output = positiveInteger(bounds["max_output_tokens"]);
  return {
    ...(seconds !== undefined && seconds > 0 ? { maxSeconds: seconds } : {}),
    ...(input === undefined ? {} : { maxInputTokens: input }),
    ...(output === undefined ? {} : { maxOutputTokens: output }),
  };
}

export function stepFacts({ coordination }: Bundle): ReadonlyMap<string, StepFacts> {
  const facts = new Map<string, StepFacts>();
  for (const { nodeId, label } of coordination?.spec.nodes ?? []) {
    if (label !== undefined) facts.set(nodeId, { label });
  }
  for (const { agentName, stepIds } of coordination?.spec.bindings ?? []) {
    for (const stepId of stepIds) facts.set(stepId, { ...facts.get(stepId), agent: agentName });
  }
  return facts;
}

function positiveInteger(value: JsonValue | undefined): number | undefined {
  const number = asDouble(value);
  return number !== undefined && Number.isSafeInteger(number) && number > 0 ? number : undefined;
}
