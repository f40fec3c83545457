/**
 * What a controller has done and how it stands, measured: counts of what it tells, and gauges of what a look at it shows. A listener
 * that never throws and never waits; it writes no format itself.
 *
 * Source: docs/autopilot.md, "Seen from outside".
 */
import type { AutopilotConfig } from "../../autopilot/config/model.ts";
import type { Controller, ControllerStatus, Telling } from "../../autopilot/contract.ts";
import { isShut } from "../../autopilot/gates/model.ts";
import { type Budgets, type Entry, type ScopeId, scopeName } from "../../autopilot/model.ts";
import type { Clock } from "../../system/clock.ts";
import { AKC_VERSION } from "../../version.ts";
import { trackAttempts } from "../telemetry/attempts.ts";
import { createCounters } from "./counters.ts";
import { gauge } from "./instruments.ts";
import type { Family } from "./model.ts";
import { processGauges } from "./process-gauges.ts";
import {
  type BurnReading,
  controllerFamilies,
  type ErrorBudgetReading,
  scopeFamilies,
} from "./scope-gauges.ts";

export interface MetricsDeps {
  readonly clock: Clock;
  /** The configuration in force: limits of budgets are read off it. */
  config(): Pick<AutopilotConfig, "defaults" | "scopes">;
  /** Must be cheap: asked at every scrape. Absent: no burn rates are shown. */
  readonly burns?: (() => Burns) | undefined;
}

export interface Burns {
  readonly burns: readonly BurnReading[];
  readonly errorBudgets: readonly ErrorBudgetReading[];
}

export interface Metrics {
  /** A snapshot, in a stable order. */
  families(): readonly Family[];
  /** A durable write of the store took so long. */
  storeWrote(ms: number, ok: boolean): void;
  httpServed(path: string, status: number): void;
  eventStreams(open: number): void;
  eventStreamCut(): void;
  exported(signal: string, result: "sent" | "rejected" | "dropped", items: number): void;
  close(): void;
}

export function createMetrics(controller: Controller, deps: MetricsDeps): Metrics {
  const counters = createCounters();
  const attempts = trackAttempts();
  const streaks = new Map<string, number>();
  let streams = 0;
  const first = controller.status();
  attempts.look(first);
  const ofProcess = processGauges(deps.clock, first.startedAtMs);

  const hear = (told: Telling) => {
    switch (told.kind) {
      case "visited":
        counters.visits.add({ next: told.next });
        counters.visitDuration.observe({}, told.durationMs / 1_000);
        return;
      case "lease":
        counters.leaseAnswers.add({ answer: told.answer });
        if (told.streak > 0) streaks.set(scopeName(told.scope), told.streak);
        else streaks.delete(scopeName(told.scope));
        return;
      case "reloaded":
        counters.reloads.add({ result: told.ok ? "ok" : "refused" });
        return;
      case "note":
        counters.notes.add({ level: told.level });
        return;
      case "entry":
        countAttempt(told);
        countEntry(told.entry);
        return;
      case "phase":
        return;
    }
  };
  const countAttempt = (told: Telling) => {
    const news = attempts.told(told);
    if (news?.news === "started") counters.attemptsStarted.add({ kind: news.attempt.kind });
    if (news?.news === "deployed") converged(news.attempt.deployed?.run.convergenceMs);
    if (news?.news !== "ended") return;
    const labels = { kind: news.attempt?.kind ?? "unknown", verdict: news.verdict };
    counters.attempts.add(labels);
    if (news.attempt !== undefined) {
      counters.attemptDuration.observe(labels, (news.atMs - news.attempt.startedAtMs) / 1_000);
    }
  };
  const converged = (ms: number | null | undefined) => {
    if (typeof ms === "number") counters.convergence.observe({}, ms / 1_000);
  };
  const countEntry = ({ fact }: Entry) => {
    switch (fact.type) {
      case "triggered":
        return counters.triggers.add({ kind: fact.trigger.kind });
      case "recompile_ended":
        counters.recompiles.add({ result: fact.result });
        return counters.recompileDuration.observe({ result: fact.result }, fact.durationMs / 1_000);
      case "held":
        for (const { gate, verdict } of fact.answers.filter(isShut))
          counters.gatesClosed.add({ gate, verdict });
        return;
      case "word":
        return counters.words.add({ word: fact.word });
      case "escalated":
        return counters.escalations.add({ reason: fact.reason });
      case "visit_failed":
        return counters.visitFailures.add({ code: fact.code });
      default:
        return;
    }
  };
  const stop = controller.listen(hear);

  const budgets = (scope: ScopeId) => budgetsIn(deps.config(), scope);
  const ofStatus = (status: ControllerStatus): readonly Family[] => {
    attempts.look(status);
    forgetUnwatched(streaks, status);
    const readings = deps.burns?.() ?? { burns: [], errorBudgets: [] };
    const input = {
      status,
      monotonicMs: deps.clock.monotonicMs(),
      budgets,
      deniedStreak: (scope: ScopeId) => streaks.get(scopeName(scope)) ?? 0,
      ...readings,
    };
    return [...controllerFamilies(input), ...scopeFamilies(input)];
  };
  return {
    families: () => [
      buildInfo(),
      ...ofStatus(controller.status()),
      ...counters.families(),
      gauge({ name: "akc.events.streams", help: "Readers of /v1/events." }, [{ labels: {}, value: streams }]),
      ...ofProcess.families(),
    ],
    storeWrote: (ms, ok) => counters.storeWrites.observe({ result: ok ? "ok" : "failed" }, ms / 1_000),
    httpServed: (path, status) => counters.httpRequests.add({ path, status: String(status) }),
    eventStreams: (open) => {
      streams = open;
    },
    eventStreamCut: () => counters.eventStreamsCut.add({}),
    exported: (signal, result, items) => counters.exported.add({ signal, result }, items),
    close() {
      stop();
      ofProcess.close();
    },
  };
}

export function budgetsIn({ scopes, defaults }: ReturnType<MetricsDeps["config"]>, scope: ScopeId): Budgets {
  return scopes.get(scopeName(scope))?.budgets ?? defaults.budgets;
}

function forgetUnwatched(streaks: Map<string, number>, { scopes }: ControllerStatus): void {
  if (streaks.size <= scopes.length) return;
  const watched = new Set(scopes.map(({ scope }) => scopeName(scope)));
  for (const key of [...streaks.keys()]) if (!watched.has(key)) streaks.delete(key);
}

function buildInfo(): Family {
  const labels = { version: AKC_VERSION, bun: Bun.version, os: process.platform, arch: process.arch };
  return gauge({ name: "akc.build_info", help: "Which akc this is; always 1." }, [{ labels, value: 1 }]);
}
