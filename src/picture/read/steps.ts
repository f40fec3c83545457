/**
 * Folds a run's events into its steps as a picture shows them: phase, attempts with their times, why it stands so, what it put out.
 * It keeps a few bytes of each step and no event; what an event does not say, it does not guess.
 */
import { listAt, member, objectAt, textAt } from "../../bundle/member.ts";
import { AkcError } from "../../errors.ts";
import type { BundleFacts } from "../../evidence/facts.ts";
import { RowReader } from "../../evidence/text/row-reader.ts";
import { asDouble, isJsonObject, type JsonObject } from "../../json/value.ts";
import { eventTypes } from "../../kernel/wire.ts";
import type { ActionPhase, NewEvent, RunRow } from "../../store/contract.ts";
import type { PicturedStep } from "../model.ts";
import { endOf, type Folded, picturedStep } from "./folded.ts";
import { nodeLayers } from "./node-layers.ts";
import { OutputsOf } from "./outputs.ts";
import { shownText } from "./shown-text.ts";
import { edgesTold, stepIn, waitWords } from "./told.ts";

/** An edge that an event told of, by actions' ids. */
export interface ToldEdge {
  readonly from: string;
  readonly to: string;
  readonly kind: string;
}

export class StepsFold {
  readonly #facts: BundleFacts;
  readonly #runtimeRunId: string;
  readonly #payloads = new RowReader();
  readonly #steps = new Map<string, Folded>();
  readonly #actionOfStep = new Map<string, string>();
  readonly #layerOfStep = new Map<string, number>();
  readonly #nodeLayers: ReadonlyMap<string, number>;
  readonly #nodeNames = new Map<string, BundleFacts["nodes"][number]>();
  /** Which action an event was about, for those that such an event may have triggered. */
  readonly #aboutSeq = new Map<number, string>();
  readonly #told = new Map<string, ToldEdge>();
  readonly #outputs: OutputsOf;

  constructor(row: RunRow, facts: BundleFacts) {
    this.#facts = facts;
    this.#runtimeRunId = row.context.runtimeRunId;
    for (const node of facts.nodes) this.#nodeNames.set(node.nodeId, node);
    this.#nodeLayers = nodeLayers(facts.nodes);
    const { coordination } = facts;
    let number = 0;
    for (const [layer, stepIds] of (coordination?.layers ?? []).entries()) {
      for (const stepId of stepIds) {
        this.#layerOfStep.set(stepId, layer);
        const node = facts.nodes[coordination?.graph?.stepNodes[number] ?? -1];
        const role = coordination?.graph?.roles[coordination.graph.stepRoles[number] ?? -1];
        this.#add(`coordination:${stepId}:${layer}`, node?.nodeId ?? "", stepId, role);
        number += 1;
      }
    }
    this.#outputs = new OutputsOf(number);
  }

  /** The next event. Answers its payload; an empty one where it is none. */
  event(event: Pick<NewEvent, "seq" | "type" | "atMs" | "payload">): JsonObject {
    const payload = this.#payloadOf(event.payload);
    switch (event.type) {
      case eventTypes.allowed:
        this.#allowed(payload, event.atMs);
        break;
      case eventTypes.completed:
        this.#settle(payload, event, "succeeded");
        break;
      case eventTypes.deadLettered:
        this.#settle(payload, event, textAt(payload, "reason") === "policy_denied" ? "denied" : "failed");
        break;
      case eventTypes.retried:
        this.#end(this.#ofAction(payload, event.seq), "retrying", event.atMs, payload);
        break;
      case eventTypes.cancelled:
        this.#end(this.#ofAction(payload, event.seq), "cancelled", event.atMs, payload);
        break;
      case eventTypes.interrupted:
        this.#end(this.#named(payload), "waiting", event.atMs, payload);
        break;
      case eventTypes.stepBlocked:
      case eventTypes.blocked:
        this.#blocked(payload);
        break;
      case eventTypes.waitStarted:
        this.#suspended(payload, event.atMs);
        break;
      case eventTypes.resumed:
        this.#waitAgain(listAt(payload, "reopened"));
        break;
      case eventTypes.rerun:
        this.#waitAgain(listAt(payload, "action_ids"));
        break;
    }
    return payload;
  }

  /** An action that is there, though no event has spoken of it yet. */
  known(actionId: string, nodeId: string): void {
    if (!this.#steps.has(actionId)) this.#add(actionId, nodeId, stepIn(actionId), undefined);
  }

  /** Why the policy refused it: the rule. */
  denied(actionId: string, rule: string): void {
    const step = this.#steps.get(actionId);
    if (step !== undefined && step.phase === "denied") step.code = rule;
  }

  /** The place of each action in `steps()`. */
  numbers(): ReadonlyMap<string, number> {
    return new Map(this.#inOrder().map(({ actionId }, index) => [actionId, index]));
  }

  /** The actions of each node, in order. */
  byNode(): ReadonlyMap<string, readonly string[]> {
    const found = new Map<string, string[]>();
    for (const { nodeId, actionId } of this.#inOrder()) {
      const known = found.get(nodeId);
      if (known === undefined) found.set(nodeId, [actionId]);
      else known.push(actionId);
    }
    return found;
  }

  /** The action of a step. */
  actionOf(stepId: string): string | undefined {
    return this.#actionOfStep.get(stepId);
  }

  told(): Iterable<ToldEdge> {
    return this.#told.values();
  }

  steps(): readonly PicturedStep[] {
    return this.#inOrder().map((step) => picturedStep(step, this.#nodeNames.get(step.nodeId)));
  }

  #inOrder(): readonly Folded[] {
    return [...this.#steps.values()].sort((left, right) => left.layer - right.layer);
  }

  #payloadOf(text: string): JsonObject {
    try {
      const payload = this.#payloads.read(text);
      return isJsonObject(payload) ? payload : {};
    } catch (cause) {
      if (cause instanceof AkcError) return {};
      throw cause;
    }
  }

  #add(actionId: string, nodeId: string, stepId: string | undefined, role: string | undefined): Folded {
    const step: Folded = {
      actionId,
      nodeId,
      stepId,
      layer: stepId === undefined ? this.#layerBelow(actionId, nodeId) : (this.#layerOfStep.get(stepId) ?? 0),
      role,
      phase: "waiting",
      attempts: [],
      reason: undefined,
      code: undefined,
      outputs: undefined,
      outputSha256: undefined,
    };
    this.#steps.set(actionId, step);
    if (stepId !== undefined) this.#actionOfStep.set(stepId, actionId);
    return step;
  }

  /** One layer below the action whose event triggered this one: its id ends with the number of that event. */
  #layerBelow(actionId: string, nodeId: string): number {
    const own = this.#nodeLayers.get(nodeId) ?? 0;
    if (!actionId.startsWith(`${nodeId}:${this.#runtimeRunId}:`)) return own;
    const by = this.#aboutSeq.get(Number(actionId.slice(actionId.lastIndexOf(":") + 1)));
    const trigger = by === undefined ? undefined : this.#steps.get(by);
    if (trigger === undefined) return own;
    this.#told.set(`${trigger.actionId}\n${actionId}`, {
      from: trigger.actionId,
      to: actionId,
      kind: "trigger",
    });
    return Math.max(own, trigger.layer + 1);
  }

  /** Of a payload with the action's names only. */
  #named(payload: JsonObject): Folded | undefined {
    const actionId = textAt(payload, "action_id");
    if (actionId === undefined) return undefined;
    const stepId = textAt(payload, "graph_step_id") ?? stepIn(actionId);
    return this.#known(actionId, textAt(payload, "node_id") ?? "", stepId);
  }

  /** Of a payload with the whole action. */
  #ofAction(payload: JsonObject, seq: number): Folded | undefined {
    const action = objectAt(payload, "action");
    const actionId = textAt(action, "action_id");
    if (actionId === undefined) return this.#named(payload);
    const context = objectAt(action, "policy_context");
    const nodeId = textAt(objectAt(action, "node_ref"), "node_id") ?? "";
    const stepId = textAt(context, "coordination_step_id") ?? stepIn(actionId);
    const step = this.#known(actionId, nodeId, stepId);
    step.role ??= textAt(context, "coordination_role_id");
    if (stepId === undefined) this.#aboutSeq.set(seq, actionId);
    else if (this.#facts.coordination?.graph === undefined) this.#tellEdges(context, actionId);
    return step;
  }

  #known(actionId: string, nodeId: string, stepId: string | undefined): Folded {
    const step = this.#steps.get(actionId) ?? this.#add(actionId, nodeId, stepId, undefined);
    if (step.nodeId === "") step.nodeId = nodeId;
    return step;
  }

  /** What runs of before the graph was kept tell of it. */
  #tellEdges(context: JsonObject, to: string): void {
    for (const { kind, stepId } of edgesTold(context)) {
      const from = this.#actionOfStep.get(stepId);
      if (from !== undefined) this.#told.set(`${from}\n${to}\n${kind}`, { from, to, kind });
    }
  }

  #allowed(payload: JsonObject, atMs: number): void {
    const step = this.#named(payload);
    if (step === undefined) return;
    step.phase = "running";
    step.reason = undefined;
    step.code = undefined;
    const number = asDouble(member(payload, "attempt")) ?? step.attempts.length + 1;
    step.attempts.push({ number, startedAtMs: atMs });
  }

  /** It came to an end, with what it put out. */
  #settle(payload: JsonObject, { seq, atMs }: Pick<NewEvent, "seq" | "atMs">, phase: ActionPhase): void {
    const step = this.#ofAction(payload, seq);
    if (step === undefined) return;
    this.#end(step, phase, atMs, payload);
    const result = objectAt(payload, "result");
    step.outputs = this.#outputs.shown(objectAt(result, "outputs"));
    step.outputSha256 = textAt(objectAt(result, "output_ref"), "sha256");
  }

  /** An attempt of it ended, and left it in this phase. */
  #end(step: Folded | undefined, phase: ActionPhase, atMs: number, payload: JsonObject): void {
    if (step === undefined) return;
    const before = step.phase;
    step.phase = phase;
    const attempt = step.attempts.at(-1);
    const error = textAt(payload, "error");
    const code = textAt(payload, "error_code");
    const why = shownText(error ?? (phase === "succeeded" ? undefined : textAt(payload, "reason")));
    step.reason = why;
    step.code = code;
    if (attempt === undefined || attempt.endedAtMs !== undefined || before === "waiting") return;
    attempt.endedAtMs = Math.max(atMs, attempt.startedAtMs);
    attempt.end = endOf(phase);
    if (code !== undefined) attempt.code = code;
    if (why !== undefined) attempt.message = why;
  }

  #blocked(payload: JsonObject): void {
    const step = this.#named(payload);
    if (step === undefined) return;
    const by = listAt(payload, "by").filter((item) => typeof item === "string");
    step.phase = "blocked";
    step.code = textAt(payload, "reason");
    step.reason = shownText(by.length === 0 ? step.code : `blocked by ${by.join(", ")}`);
    if (this.#facts.coordination?.graph !== undefined) return;
    for (const stepId of by) {
      const from = this.#actionOfStep.get(stepId);
      const to = step.actionId;
      if (from !== undefined) this.#told.set(`${from}\n${to}`, { from, to, kind: "depends_on" });
    }
  }

  #suspended(payload: JsonObject, atMs: number): void {
    const step = this.#named(payload);
    if (step === undefined) return;
    step.phase = "suspended";
    step.reason = waitWords(payload);
    const attempt = step.attempts.at(-1);
    if (attempt !== undefined && attempt.endedAtMs === undefined) attempt.waitedFromMs = atMs;
  }

  #waitAgain(actionIds: readonly unknown[]): void {
    for (const actionId of actionIds) {
      const step = typeof actionId === "string" ? this.#steps.get(actionId) : undefined;
      if (step === undefined) continue;
      step.phase = "waiting";
      step.reason = undefined;
      step.code = undefined;
      step.outputs = undefined;
      step.outputSha256 = undefined;
    }
  }
}
