/**
 * The actions of a run in columns: what a ledger keeps of each, in a few bytes, since a run may have a hundred thousand of them. It
 * knows nothing of events.
 */
import { type ActionPhase, type ActionRow, actionPhases } from "../store/contract.ts";
import { DigestColumn } from "./digest-column.ts";

/** What the row of an action must say; `stepId` is undefined when no event told it. */
export type LedgerRow = Omit<ActionRow, "stepId"> & { readonly stepId: string | null | undefined };

const phaseNumbers = new Map(actionPhases.map((phase, index) => [phase, index]));

export class Entries {
  readonly #indexes = new Map<string, number>();
  readonly #outputs = new DigestColumn();
  /** Phase, whether it has an output, attempt, seq, node. */
  #numbers = new Uint32Array(64 * width);
  readonly #nodes: string[] = [];
  readonly #nodeNumbers = new Map<string, number>();
  /** Where it is another than the action's id says. */
  readonly #steps = new Map<number, string>();
  readonly #runtimeRunId: string;

  constructor(runtimeRunId: string) {
    this.#runtimeRunId = runtimeRunId;
  }

  get size(): number {
    return this.#indexes.size;
  }

  /** In the order in which they were added. */
  ids(): IterableIterator<string> {
    return this.#indexes.keys();
  }

  /** Number of the action; undefined when it was never added. */
  find(actionId: string): number | undefined {
    return this.#indexes.get(actionId);
  }

  /** Adds an action that waits. */
  add(actionId: string, nodeId: string): number {
    const index = this.#indexes.size;
    this.#indexes.set(own(actionId), index);
    if ((index + 1) * width > this.#numbers.length) this.#grow();
    this.#numbers[index * width + nodeAt] = this.#nodeNumber(nodeId);
    this.#numbers[index * width + phaseAt] = phaseNumbers.get("waiting") ?? 0;
    return index;
  }

  phase(index: number): ActionPhase {
    return actionPhases[this.#numbers[index * width + phaseAt] ?? 0] ?? "waiting";
  }

  attempt(index: number): number {
    return this.#numbers[index * width + attemptAt] ?? 0;
  }

  /** @param seq of the event that says so */
  setPhase(index: number, phase: ActionPhase, seq: number): void {
    this.#numbers[index * width + phaseAt] = phaseNumbers.get(phase) ?? 0;
    this.#numbers[index * width + seqAt] = seq;
  }

  setAttempt(index: number, attempt: number): void {
    this.#numbers[index * width + attemptAt] = attempt;
  }

  /** @param sha256 undefined takes it away */
  setOutput(index: number, sha256: string | undefined): void {
    this.#numbers[index * width + outputAt] = sha256 === undefined ? 0 : 1;
    if (sha256 !== undefined) this.#outputs.set(index, sha256);
  }

  setStep(index: number, actionId: string, stepId: string): void {
    if (`coordination:${stepId}:` === actionId.slice(0, actionId.lastIndexOf(":") + 1)) return;
    if (!this.#steps.has(index)) this.#steps.set(index, own(stepId));
  }

  row(actionId: string): LedgerRow | undefined {
    const index = this.#indexes.get(actionId);
    if (index === undefined) return undefined;
    const numbers = this.#numbers;
    const at = index * width;
    const nodeId = this.#nodes[numbers[at + nodeAt] ?? 0] ?? "";
    return {
      actionId,
      nodeId,
      stepId: this.#steps.get(index) ?? stepOf(actionId, nodeId, this.#runtimeRunId),
      phase: this.phase(index),
      attempt: numbers[at + attemptAt] ?? 0,
      seq: numbers[at + seqAt] ?? 0,
      outputSha256: numbers[at + outputAt] === 1 ? this.#outputs.get(index) : null,
    };
  }

  #nodeNumber(nodeId: string): number {
    const known = this.#nodeNumbers.get(nodeId);
    if (known !== undefined) return known;
    const name = own(nodeId);
    this.#nodeNumbers.set(name, this.#nodes.length);
    return this.#nodes.push(name) - 1;
  }

  #grow(): void {
    const larger = new Uint32Array(this.#numbers.length * 2);
    larger.set(this.#numbers);
    this.#numbers = larger;
  }
}

const width = 5;
const [phaseAt, outputAt, attemptAt, seqAt, nodeAt] = [0, 1, 2, 3, 4];

/**
 * The step that an action's id names; null for an action that an event triggered, whose id ends with that event's.
 * undefined when the id tells neither.
 */
function stepOf(actionId: string, nodeId: string, runtimeRunId: string): string | null | undefined {
  if (actionId.startsWith(`${nodeId}:${runtimeRunId}:`)) return null;
  const end = actionId.lastIndexOf(":");
  if (!actionId.startsWith(coordination) || end <= coordination.length) return undefined;
  return /^\d+$/.test(actionId.slice(end + 1)) ? actionId.slice(coordination.length, end) : undefined;
}

const coordination = "coordination:";

/** A copy: part of a payload would keep the whole payload in memory. */
function own(text: string): string {
  return Buffer.from(text, "utf16le").toString("utf16le");
}
