/**
 * Where a run stands, folded from its events and action rows: what the checkpoint and the queue snapshot are made of. It
 * keeps numbers of events, not events, so that it stays small however much the actions put out.
 *
 * Source: spec kernel §4.8, §7.5.
 */
import { objectAt, textAt, textsAt } from "../bundle/member.ts";
import { type ActionPhase, type ActionRow, noPhases, type PhaseCounts } from "../store/contract.ts";
import type { ProjectedEvent } from "./project.ts";

export interface NodeProgress {
  readonly state: string;
  readonly lastActionId: string;
  /** The event that holds the last result. */
  readonly seq: number;
}

export interface StepProgress {
  readonly stepId: string;
  /** The word of `coordination_step_terminal`. */
  readonly end: string;
  readonly outputSha256: string | null;
}

export interface DeadLetter {
  readonly seq: number;
  readonly atMs: number;
  readonly actionId: string;
}

export class RunProgress {
  readonly nodes = new Map<string, NodeProgress>();
  readonly deadLetters: DeadLetter[] = [];
  /** Of steps that have come to an end. */
  readonly steps: StepProgress[] = [];
  readonly queued: ActionRow[] = [];
  readonly inFlight: ActionRow[] = [];
  readonly phases: PhaseCounts;
  layerCount: number | undefined;
  planSpecSha256: string | undefined;
  checkpointId = "init";
  replayToken: string | undefined;
  /** Index in the event list of the last event that could trigger something; -1 before the first. */
  lastPolledIndex = -1;
  stopAtMs: number | undefined;
  eventCount = 0;
  readonly #phases: Record<ActionPhase, number> = { ...noPhases };

  constructor() {
    this.phases = this.#phases;
  }

  event(event: ProjectedEvent): void {
    const { seq, type, atMs, action, payload } = event;
    this.eventCount += 1;
    if (type !== "runtime.kernel.loop_finished") this.lastPolledIndex = this.eventCount - 1;
    if (type === "runtime.coordination.plan_enqueued") {
      const count = payload["layer_count"];
      this.layerCount = typeof count === "number" ? count : 0;
      this.planSpecSha256 = textAt(payload, "coordination_spec_sha256");
    }
    if (type === "runtime.kernel.stop_requested") this.stopAtMs ??= atMs;
    // The request was made to whoever held the run before.
    if (type === "runtime.kernel.resumed") this.stopAtMs = undefined;
    if (type === "runtime.kernel.rerun") this.#beginAgain(textsAt(payload, "action_ids"));
    if (action === undefined) return;
    if (type === "runtime.action.dead_lettered") {
      this.deadLetters.push({ seq, atMs, actionId: action.actionId });
    }
    if (type !== "runtime.action.completed") return;
    this.checkpointId = action.actionId;
    this.replayToken = action.idempotencyKey;
    this.nodes.set(action.nodeId, {
      state:
        textAt(objectAt(payload, "transition"), "to_state") ??
        this.nodes.get(action.nodeId)?.state ??
        "completed",
      lastActionId: action.actionId,
      seq,
    });
  }

  /** What these actions came to before stays in the events; where they stand now is where they began. */
  #beginAgain(actionIds: readonly string[]): void {
    const again = new Set(actionIds);
    for (const [nodeId, { lastActionId }] of this.nodes)
      if (again.has(lastActionId)) this.nodes.delete(nodeId);
    const kept = this.deadLetters.filter(({ actionId }) => !again.has(actionId));
    this.deadLetters.splice(0, this.deadLetters.length, ...kept);
  }

  action(row: ActionRow): void {
    this.#phases[row.phase] += 1;
    if (row.phase === "running") this.inFlight.push(row);
    else if (queuedPhases.has(row.phase)) this.queued.push(row);
    if (row.stepId === null) return;
    const end = stepEndOf(row.phase);
    if (end === undefined) return;
    const outputSha256 = row.phase === "succeeded" ? row.outputSha256 : null;
    this.steps.push({ stepId: row.stepId, end, outputSha256 });
  }
}

const queuedPhases: ReadonlySet<ActionPhase> = new Set(["waiting", "retrying", "suspended"]);

/** The documented words; `blocked` and `cancelled` are additions. */
function stepEndOf(phase: ActionPhase): string | undefined {
  switch (phase) {
    case "succeeded":
    case "blocked":
    case "cancelled":
      return phase;
    case "failed":
    case "denied":
      return "dead_lettered";
    default:
      return undefined;
  }
}
