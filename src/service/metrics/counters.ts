/** All that is counted of what a controller tells, with names, help and buckets in one place. Counts nothing itself. */
import type { AttemptKind, AttemptVerdict, Fact } from "../../autopilot/model.ts";
import { counter, histogram } from "./instruments.ts";
import type { Family } from "./model.ts";

/** From a look at a map to a visit that has waited for a slow tool. */
const visitBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
/** From a write into memory to a disk that is about to fail. */
const storeBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const minutesBounds = [1, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400];
const convergenceBounds = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600];

// What alerts and rates are made of is there from the start.
const attemptKinds = ["rollout", "repair"] as const satisfies readonly AttemptKind[];
const verdicts = [
  "kept",
  "failed",
  "rolled_back",
  "rollback_failed",
  "not_started",
  "stopped",
] as const satisfies readonly AttemptVerdict[];
type RecompileResult = Extract<Fact, { type: "recompile_ended" }>["result"];
const recompileResults = [
  "offered",
  "unchanged",
  "refused",
  "failed",
  "cut_off",
] as const satisfies readonly RecompileResult[];

export type Counters = ReturnType<typeof createCounters>;

export function createCounters() {
  const made = {
    visits: counter({
      name: "akc.visits",
      help: "Visits of scopes, by what was found to be done next.",
      labels: ["next"],
    }),
    visitDuration: histogram(
      { name: "akc.visit.duration", help: "How long a visit took.", unit: "s", labels: [] },
      visitBounds,
    ),
    visitFailures: counter({
      name: "akc.visit.failures",
      help: "Visits that failed first after one that did not, by error code.",
      labels: ["code"],
    }),
    attemptsStarted: counter({
      name: "akc.attempts_started",
      help: "Attempts that were begun.",
      labels: ["kind"],
    }),
    attempts: counter(
      { name: "akc.attempts", help: "Attempts that have ended, by how.", labels: ["kind", "verdict"] },
      attemptKinds.flatMap((kind) => verdicts.map((verdict) => ({ kind, verdict }))),
    ),
    attemptDuration: histogram(
      {
        name: "akc.attempt.duration",
        help: "From an attempt's beginning to its end, bake included.",
        unit: "s",
        labels: ["kind", "verdict"],
      },
      minutesBounds,
    ),
    convergence: histogram(
      {
        name: "akc.convergence.duration",
        help: "From the start of a deployment to the moment at which all stood.",
        unit: "s",
        labels: [],
      },
      convergenceBounds,
    ),
    gatesClosed: counter({
      name: "akc.gates_closed",
      help: "Gates that did not open, counted when the answers change.",
      labels: ["gate", "verdict"],
    }),
    triggers: counter({ name: "akc.triggers", help: "Triggers that were stored.", labels: ["kind"] }),
    recompiles: counter(
      { name: "akc.recompiles", help: "Recompiles that have ended, by how.", labels: ["result"] },
      recompileResults.map((result) => ({ result })),
    ),
    recompileDuration: histogram(
      { name: "akc.recompile.duration", help: "How long the hook took.", unit: "s", labels: ["result"] },
      minutesBounds,
    ),
    words: counter({ name: "akc.words", help: "Words of people that were taken.", labels: ["word"] }),
    escalations: counter({
      name: "akc.escalations",
      help: "Escalations to a person.",
      labels: ["reason"],
    }),
    leaseAnswers: counter({
      name: "akc.lease.answers",
      help: "What the lease's backend answered.",
      labels: ["answer"],
    }),
    reloads: counter({
      name: "akc.config.reloads",
      help: "Reloads of the configuration.",
      labels: ["result"],
    }),
    notes: counter({ name: "akc.notes", help: "Notes in the log, by level.", labels: ["level"] }),
    storeWrites: histogram(
      {
        name: "akc.store.write.duration",
        help: "How long a durable write of the autopilot's store took.",
        unit: "s",
        labels: ["result"],
      },
      storeBounds,
    ),
    httpRequests: counter({
      name: "akc.http.requests",
      help: "Requests to this server.",
      labels: ["path", "status"],
    }),
    eventStreamsCut: counter({
      name: "akc.events.streams_cut",
      help: "Readers of /v1/events that were too slow and were cut off.",
      labels: [],
    }),
    exported: counter({
      name: "akc.export.items",
      help: "Spans, metrics and mirrored lines, by what became of them.",
      labels: ["signal", "result"],
    }),
  };
  return { ...made, families: (): readonly Family[] => Object.values(made).map((one) => one.family()) };
}
