/**
 * The queues of what may start: one lane a role or node kind, each with its cap, all under the caps of the run. Pure; it
 * gives out places and takes them back, and knows nothing of what becomes of them.
 */
import { AkcError } from "../errors.ts";
import { MinHeap } from "./heap.ts";
import type { Lane } from "./model.ts";
import type { Caps } from "./plan.ts";

interface Queued {
  readonly lane: Lane;
  readonly rank: number;
}

interface LaneState<T> {
  readonly lane: Lane;
  readonly ready: MinHeap<T>;
  inFlight: number;
}

export class Lanes<T extends Queued> {
  readonly #caps: Caps;
  readonly #lanes = new Map<string, LaneState<T>>();
  #readyCount = 0;
  #inFlight = 0;
  #stepsInFlight = 0;

  constructor(caps: Caps) {
    this.#caps = caps;
  }

  /** Places that are taken. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Whether nobody has a place and nobody asks for one. */
  get idle(): boolean {
    return this.#inFlight === 0 && this.#readyCount === 0;
  }

  /** The lane of this name, made when it is first asked for. */
  lane(kind: Lane["kind"], name: string): Lane {
    const key = `${kind}:${name}`;
    const known = this.#lanes.get(key);
    if (known !== undefined) return known.lane;
    const inFlightMax = kind === "steps" ? this.#caps.stepsPerRole : this.#caps.perClass;
    const lane: Lane = { name: key, kind, inFlightMax };
    this.#lanes.set(key, { lane, ready: new MinHeap(), inFlight: 0 });
    return lane;
  }

  /** Asks for a place. */
  push(item: T): void {
    this.#readyCount += 1;
    this.#state(item).ready.push(item.rank, item);
  }

  /** Gives places to those of smallest rank, within all caps. */
  take(): T[] {
    const taken: T[] = [];
    while (this.#readyCount > 0 && this.#inFlight < this.#caps.total) {
      const state = this.#best();
      const item = state?.ready.pop();
      if (state === undefined || item === undefined) break;
      state.inFlight += 1;
      this.#inFlight += 1;
      if (state.lane.kind === "steps") this.#stepsInFlight += 1;
      this.#readyCount -= 1;
      taken.push(item);
    }
    return taken;
  }

  /** Gives back a place that `take` gave. */
  release(item: T): void {
    const state = this.#state(item);
    state.inFlight -= 1;
    this.#inFlight -= 1;
    if (state.lane.kind === "steps") this.#stepsInFlight -= 1;
  }

  #best(): LaneState<T> | undefined {
    let best: LaneState<T> | undefined;
    for (const state of this.#lanes.values()) {
      if (state.ready.size === 0 || state.inFlight >= state.lane.inFlightMax) continue;
      if (state.lane.kind === "steps" && this.#stepsInFlight >= this.#caps.steps) continue;
      if (best === undefined || state.ready.peekKey() < best.ready.peekKey()) best = state;
    }
    return best;
  }

  #state(item: T): LaneState<T> {
    const state = this.#lanes.get(item.lane.name);
    if (state === undefined) throw new AkcError("INTERNAL", { message: `no lane ${item.lane.name}` });
    return state;
  }
}
