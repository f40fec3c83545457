/**
 * What the worker is told: the documented keys, then the goal, the role, the tools and what the predecessors handed over, as
 * far as there is room.
 */
import type { ExecuteRequest, Handoff, Json, JsonMap, WireStep } from "akc/sdk";

/** A token is taken for four characters. */
export const charactersPerToken = 4;

export interface Turn {
  readonly request: ExecuteRequest;
  readonly step: WireStep;
  readonly timeoutMs: number;
  handoff(stepId: string): Handoff;
}

/** Undefined when not even the documented keys fit. */
export async function turnBody(turn: Turn): Promise<string | undefined> {
  const { request, step } = turn;
  const bytesMax = step.bounds.max_request_bytes ?? Number.POSITIVE_INFINITY;
  const documented = documentedKeys(turn);
  const names = handoffNames(request);
  const predecessors: JsonMap[] = request.handoffs.map((handoff) => ({
    ...identity(handoff, names),
    truncated: true,
  }));
  const whole = () => JSON.stringify({ ...documented, ...additionalKeys(request, step), predecessors });
  let room = bytesMax - byteLength(whole());
  if (room < 0) {
    const least = JSON.stringify({ ...documented, context_omitted: true });
    return byteLength(least) <= bytesMax ? least : undefined;
  }
  const tokens = step.bounds.max_input_tokens ?? Number.POSITIVE_INFINITY;
  let characters = tokens * charactersPerToken - documented.prompt.length;
  for (const [at, handoff] of request.handoffs.entries()) {
    if (handoff.sizeBytes > room) continue;
    const text = await turn.handoff(handoff.stepId).text();
    const full = { ...identity(handoff, names), text };
    const grows = byteLength(JSON.stringify(full)) - byteLength(JSON.stringify(predecessors[at]));
    if (grows > room || text.length > characters) continue;
    predecessors[at] = full;
    room -= grows;
    characters -= text.length;
  }
  return whole();
}

function documentedKeys({ request, step, timeoutMs }: Turn) {
  const { context, action } = request;
  const policy = mapIn(action.wire["policy_context"]);
  const stepId = textIn(policy["coordination_step_id"]);
  const roleId = textIn(policy["coordination_role_id"]);
  return {
    tenant_id: context.tenantId,
    repo_id: context.repoId,
    run_id: context.runId,
    runtime_run_id: context.runtimeRunId,
    coordination_step_id: stepId,
    coordination_role_id: roleId,
    coordination_spec_sha256: textIn(policy["coordination_spec_sha256"]),
    timeout_s: timeoutMs / 1_000,
    max_input_tokens: step.bounds.max_input_tokens ?? null,
    max_output_tokens: step.bounds.max_output_tokens ?? null,
    prompt: [
      `[coordination_step_id] ${stepId}`,
      `[coordination_role_id] ${roleId}`,
      `[inputs_fingerprint] ${action.inputsFingerprint}`,
    ].join("\n"),
    idempotency_key: action.idempotencyKey,
    inputs_fingerprint: action.inputsFingerprint,
  };
}

function additionalKeys({ action, attempt }: ExecuteRequest, step: WireStep): JsonMap {
  const roleId = textIn(mapIn(action.wire["policy_context"])["coordination_role_id"]);
  return {
    ...(step.goal === undefined ? {} : { goal: step.goal }),
    role: { id: roleId, ...(step.agent === undefined ? {} : { agent: step.agent }) },
    tools: step.allowed_tools,
    ...(step.label === undefined ? {} : { label: step.label }),
    allow_network: step.allow_network,
    attempt,
  };
}

function identity(
  { stepId, sha256, sizeBytes }: ExecuteRequest["handoffs"][number],
  names: ReadonlyMap<string, string>,
): JsonMap {
  return { step_id: stepId, handoff_id: names.get(stepId) ?? null, sha256, size_bytes: sizeBytes };
}

/** From step → the id under which it hands over; several are joined with a comma. */
function handoffNames({ action }: ExecuteRequest): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const edge of mapsIn(mapIn(action.wire["policy_context"])["coordination_handoff_edges"])) {
    const from = textIn(edge["from_step_id"]);
    const before = names.get(from);
    const id = textIn(edge["handoff_id"]);
    names.set(from, before === undefined ? id : `${before},${id}`);
  }
  return names;
}

/** The distinct http(s) targets of the step's incoming delegate edges, in their order. */
export function delegateUrls({ action }: ExecuteRequest): readonly string[] {
  const targets = mapsIn(mapIn(action.wire["policy_context"])["coordination_delegate_edges"])
    .map((edge) => textIn(edge["delegate_target"]).trim())
    .filter((target) => /^https?:\/\//i.test(target));
  return [...new Set(targets)];
}

export function mapIn(value: Json | undefined): JsonMap {
  return isMap(value) ? value : {};
}

function mapsIn(value: Json | undefined): readonly JsonMap[] {
  return Array.isArray(value) ? value.filter(isMap) : [];
}

export function isMap(value: Json | undefined): value is JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textIn(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
