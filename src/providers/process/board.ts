/**
 * What the probes of running copies say: one series of questions a probe and a start, for as long as that process is the one.
 * Remembers answers and tells of turns; it neither starts nor ends a copy.
 */
import { limits } from "../../limits.ts";
import type { Clock } from "../../system/clock.ts";
import type { ExecCheck } from "../probe/check.ts";
import { type ProbeState, runProbe } from "../probe/runner.ts";
import type { Probe } from "../probe/schema.ts";
import type { ReplicaRecord } from "./record.ts";

const probeNames = ["readiness", "liveness"] as const;
export type ProbeName = (typeof probeNames)[number];

export interface Turn {
  readonly resourceId: string;
  readonly slot: number;
  readonly serviceId: string;
  readonly probe: ProbeName;
  readonly state: ProbeState;
}

export interface BoardDeps {
  readonly clock: Clock;
  exec(resourceId: string, record: ReplicaRecord): ExecCheck;
  turned(turn: Turn): void;
}

interface Asked {
  readonly resourceId: string;
  /** Of the probes as they are asked. */
  readonly key: string;
  readonly end: AbortController;
  readonly states: Partial<Record<ProbeName, ProbeState>>;
  /** Resolves when each probe has answered once. */
  readonly answered: Promise<unknown>;
}

export class ProbeBoard {
  readonly #deps: BoardDeps;
  readonly #asked = new Map<string, Asked>();

  constructor(deps: BoardDeps) {
    this.#deps = deps;
  }

  /** From now on this process is asked, unless it is already. */
  track(resourceId: string, record: ReplicaRecord): void {
    const { readiness, liveness } = record.settings;
    if (readiness === undefined && liveness === undefined) return;
    const key = JSON.stringify([readiness, liveness]);
    const known = this.#asked.get(record.service_id);
    if (known?.key === key) return;
    known?.end.abort();
    const end = new AbortController();
    const states: Asked["states"] = {};
    const first = probeNames.flatMap((name) => {
      const probe = record.settings[name];
      return probe === undefined ? [] : [this.#ask({ resourceId, record, name, probe, states }, end.signal)];
    });
    this.#asked.set(record.service_id, { resourceId, key, end, states, answered: Promise.all(first) });
  }

  /** Whoever of the resource is not named here is asked no longer. */
  keepOnly(resourceId: string, serviceIds: ReadonlySet<string>): void {
    for (const [serviceId, asked] of this.#asked) {
      if (asked.resourceId !== resourceId || serviceIds.has(serviceId)) continue;
      asked.end.abort();
      this.#asked.delete(serviceId);
    }
  }

  state(serviceId: string, probe: ProbeName): ProbeState | undefined {
    return this.#asked.get(serviceId)?.states[probe];
  }

  /** When everybody has answered once, or some time has passed: a process that does not answer must not hold up a look. */
  async firstAnswers(signal: AbortSignal): Promise<void> {
    const waiting = [...this.#asked.values()].filter(({ states }) => Object.keys(states).length === 0);
    if (waiting.length === 0) return;
    const over = new AbortController();
    const timer = this.#deps.clock.sleep(
      limits.processFirstProbeMsMax,
      AbortSignal.any([signal, over.signal]),
    );
    await Promise.race([timer, Promise.all(waiting.map(({ answered }) => answered))]);
    over.abort();
  }

  close(): void {
    for (const { end } of this.#asked.values()) end.abort();
    this.#asked.clear();
  }

  #ask(
    {
      resourceId,
      record,
      name,
      probe,
      states,
    }: {
      readonly resourceId: string;
      readonly record: ReplicaRecord;
      readonly name: ProbeName;
      readonly probe: Probe;
      readonly states: Asked["states"];
    },
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, exec, turned } = this.#deps;
    const { service_id: serviceId, slot, ready } = record;
    return new Promise((answered) => {
      signal.addEventListener("abort", () => answered(), { once: true });
      const run = {
        probe,
        startedMs: record.started_ms,
        clock,
        exec: exec(resourceId, record),
        ...(name === "readiness" && ready !== undefined
          ? { known: ready ? ("passing" as const) : ("failing" as const) }
          : {}),
        answeredWith(state: ProbeState, hasTurned: boolean) {
          states[name] = state;
          answered();
          if (hasTurned) turned({ resourceId, slot, serviceId, probe: name, state });
        },
      };
      void runProbe({ ...run, answered: run.answeredWith }, signal);
    });
  }
}
