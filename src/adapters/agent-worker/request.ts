/**
 * Writes what the HTTP agent worker is told: the documented keys, then the goal, the role, the tools and what the
 * predecessors handed over, as far as the lane's bound on bodies has room. Never sends anything.
 *
 * Source: spec kernel §12.8 (kernel:W-17).
 */
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import type { ActionRequest, Handoff } from "../contract.ts";

export interface AgentBounds {
  /** Of one turn. */
  readonly maxSeconds?: number;
  readonly maxInputTokens?: number;
  readonly maxOutputTokens?: number;
}

/** What is known of a step beside its plan. */
export interface StepFacts {
  readonly label?: string;
  /** The agent that its role is bound to. */
  readonly agent?: string;
}

export interface TurnContext {
  readonly goal?: string;
  readonly bounds: AgentBounds;
  readonly facts: StepFacts;
  readonly timeoutMs: number;
  readonly bodyBytesMax: number;
}

/** A token is taken for four characters, as the documented bound on the answer does. */
export const charactersPerToken = 4;

/**
 * The body, or undefined when not even the documented keys fit. What the predecessors said is left out first (marked
 * `truncated`), then everything that is not documented (marked `context_omitted`).
 */
export async function turnBody(request: ActionRequest, context: TurnContext): Promise<string | undefined> {
  const documented = documentedKeys(request, context);
  const names = handoffNames(request);
  const predecessors = request.handoffs.map((handoff) => withoutText(handoff, names));
  const whole = () => JSON.stringify({ ...documented, ...additionalKeys(request, context), predecessors });

  let room = context.bodyBytesMax - Buffer.byteLength(whole());
  if (room < 0) {
    const least = JSON.stringify({ ...documented, context_omitted: true });
    return Buffer.byteLength(least) <= context.bodyBytesMax ? least : undefined;
  }
  let characters = inputCharacters(context) - documented.prompt.length;
  for (const [at, handoff] of request.handoffs.entries()) {
    // Not even read when it cannot fit.
    if (handoff.sizeBytes > room) continue;
    const text = new TextDecoder().decode(await handoff.read());
    const full = { ...identity(handoff, names), text };
    const grows = jsonBytes(full) - jsonBytes(withoutText(handoff, names));
    if (grows > room || text.length > characters) continue;
    predecessors[at] = full;
    room -= grows;
    characters -= text.length;
  }
  return whole();
}

/** In the documented order. */
function documentedKeys({ context, action }: ActionRequest, { bounds, timeoutMs }: TurnContext) {
  const stepId = text(action.policyContext, "coordination_step_id");
  const roleId = text(action.policyContext, "coordination_role_id");
  return {
    tenant_id: context.scope.tenantId,
    repo_id: context.scope.repoId,
    run_id: context.runId,
    runtime_run_id: context.runtimeRunId,
    coordination_step_id: stepId,
    coordination_role_id: roleId,
    coordination_spec_sha256: text(action.policyContext, "coordination_spec_sha256"),
    timeout_s: timeoutMs / 1_000,
    max_input_tokens: bounds.maxInputTokens ?? null,
    max_output_tokens: bounds.maxOutputTokens ?? null,
    prompt: [
      `[coordination_step_id] ${stepId}`,
      `[coordination_role_id] ${roleId}`,
      `[inputs_fingerprint] ${action.inputsFingerprint}`,
    ].join("\n"),
    idempotency_key: action.idempotencyKey,
    inputs_fingerprint: action.inputsFingerprint,
  };
}

function additionalKeys({ action, step, attempt }: ActionRequest, { goal, facts }: TurnContext) {
  const roleId = text(action.policyContext, "coordination_role_id");
  return {
    ...(goal === undefined ? {} : { goal }),
    role: { id: roleId, ...(facts.agent === undefined ? {} : { agent: facts.agent }) },
    tools: step?.allowedTools ?? [],
    ...(facts.label === undefined ? {} : { label: facts.label }),
    allow_network: step?.allowNetwork ?? false,
    attempt,
  };
}

interface Predecessor {
  readonly step_id: string;
  readonly handoff_id: string | null;
  readonly sha256: string;
  readonly size_bytes: number;
  readonly text?: string;
  readonly truncated?: true;
}

function identity(handoff: Handoff, names: ReadonlyMap<string, string>): Predecessor {
  return {
    step_id: handoff.stepId,
    handoff_id: names.get(handoff.stepId) ?? null,
    sha256: handoff.sha256,
    size_bytes: handoff.sizeBytes,
  };
}

function withoutText(handoff: Handoff, names: ReadonlyMap<string, string>): Predecessor {
  return { ...identity(handoff, names), truncated: true };
}

/** From step → the id under which it hands over; several are joined with a comma, as in the policy context. */
function handoffNames({ action }: ActionRequest): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const edge of objects(action.policyContext?.["coordination_handoff_edges"])) {
    const from = text(edge, "from_step_id");
    const before = names.get(from);
    const id = text(edge, "handoff_id");
    names.set(from, before === undefined ? id : `${before},${id}`);
  }
  return names;
}

/** The distinct http(s) targets of the step's incoming delegate edges, in their order. */
export function delegateUrls({ action }: ActionRequest): readonly string[] {
  const targets = objects(action.policyContext?.["coordination_delegate_edges"])
    .map((edge) => text(edge, "delegate_target").trim())
    .filter((target) => /^https?:\/\//i.test(target));
  return [...new Set(targets)];
}

function inputCharacters({ bounds }: TurnContext): number {
  return (bounds.maxInputTokens ?? Number.POSITIVE_INFINITY) * charactersPerToken;
}

function jsonBytes(value: Predecessor): number {
  return Buffer.byteLength(JSON.stringify(value));
}

function objects(value: JsonValue | undefined): readonly JsonObject[] {
  return isJsonArray(value) ? value.filter(isJsonObject) : [];
}

function text(object: JsonObject | undefined, key: string): string {
  const value = object?.[key];
  return typeof value === "string" ? value : "";
}
