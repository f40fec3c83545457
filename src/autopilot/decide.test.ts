/** The rules that hold whatever happens, in whatever order. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  budgets,
  config,
  deployed,
  drifted,
  entry,
  hourMs,
  offer,
  run,
  started,
  trigger,
  unseen,
} from "../../test/autopilot/made-facts.ts";
import { limits } from "../limits.ts";
import { budgetGuard, budgetWindowMs } from "./budget.ts";
import { decide } from "./decide.ts";
import { emptyState, fold } from "./machine.ts";
import { type AttemptVerdict, type Fact, modes, type Sighting, triggerKinds, words } from "./model.ts";

const shas = ["b1", "b2", "b3", "b4"] as const;
const ids = fc.constantFrom("x1", "x2", "x3");
const anyRun = fc
  .record({ healthy: fc.boolean(), rollbacks: fc.nat(3) })
  .map(({ healthy, rollbacks }) => run({ healthy, rollbacks }));
const anySha = fc.constantFrom(...shas);
const anyFact: fc.Arbitrary<Fact> = fc.oneof(
  anySha.map((sha): Fact => ({ type: "adopted", deployed: deployed(sha) })),
  fc
    .tuple(ids, fc.constantFrom(...triggerKinds))
    .map(([id, kind]): Fact => ({ type: "triggered", trigger: trigger(id, kind) })),
  ids.map((id): Fact => ({ type: "triggers_settled", triggerIds: [id], by: "gone" })),
  ids.map((attemptId): Fact => ({ type: "recompile_started", attemptId, triggerIds: [] })),
  fc.tuple(ids, fc.constantFrom("offered", "unchanged", "refused", "failed", "cut_off"), anySha).map(
    ([attemptId, result, sha]): Fact => ({
      type: "recompile_ended",
      attemptId,
      result,
      offer: { ...offer(sha), source: "recompile" },
      durationMs: 1,
    }),
  ),
  anySha.map((sha): Fact => ({ type: "offered", offer: offer(sha) })),
  fc.tuple(ids, anySha).map(
    ([attemptId, bundleSha256]): Fact => ({
      type: "proposed",
      attemptId,
      kind: "rollout",
      bundleSha256,
      summary: "",
    }),
  ),
  fc.tuple(ids, anySha).map(([id, sha]) => started(sha, "rollout", id)),
  fc
    .tuple(ids, anyRun)
    .map(([attemptId, run]): Fact => ({ type: "attempt_deployed", attemptId, run, bakeUntilMs: 1 })),
  fc
    .tuple(
      ids,
      fc.constantFrom<AttemptVerdict>(
        "kept",
        "failed",
        "rolled_back",
        "rollback_failed",
        "not_started",
        "stopped",
      ),
      fc.option(anyRun, { nil: undefined }),
    )
    .map(([attemptId, verdict, run]): Fact => ({ type: "attempt_ended", attemptId, verdict, run })),
  fc.constant<Fact>({ type: "escalated", reason: "consecutive_failures", message: "" }),
  fc
    .tuple(fc.constantFrom(...words), fc.option(anySha, { nil: undefined }))
    .map(([word, bundleSha256]): Fact => ({ type: "word", word, by: "me", reason: "", bundleSha256 })),
  fc.constant<Fact>({ type: "visit_failed", code: "X", message: "" }),
  fc.constant<Fact>({ type: "visit_recovered" }),
  fc.constant<Fact>({ type: "scored", windowStartMs: 1, windowEndMs: 2 }),
);

test("every fact makes a state of every state, the same each time, and no list grows without bound", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(anyFact, fc.integer({ min: -hourMs, max: 30 * hourMs })), { maxLength: 60 }),
      (steps) => {
        let atMs = 1_000_000;
        const later = (byMs: number) => {
          atMs += byMs;
          return atMs;
        };
        const entries = steps.map(([fact, byMs], index) => entry(index + 1, later(byMs), fact));
        const states = entries.map((_, index) => entries.slice(0, index + 1).reduce(fold, emptyState()));
        let step = emptyState();
        for (const [index, one] of entries.entries()) {
          step = fold(step, one);
          expect(step).toEqual(states[index] ?? emptyState());
          expect(step.rejected.length).toBeLessThanOrEqual(limits.autopilotRejectedMax);
          expect(step.openTriggers.length).toBeLessThanOrEqual(limits.autopilotTriggersOpenMax);
          expect(new Set(step.openTriggers.map(({ key }) => key)).size).toBe(step.openTriggers.length);
          expect(
            [...step.mutationsAtMs, ...step.rollbacksAtMs].every((t) => t > step.atMs - budgetWindowMs),
          ).toBe(true);
          if (step.candidate !== undefined) {
            expect(step.candidate.bundleSha256).not.toBe(step.deployed?.bundleSha256);
            expect(step.rejected).not.toContain(step.candidate.bundleSha256);
          }
        }
      },
    ),
    { numRuns: 150 },
  );
});

interface Turn {
  readonly passMs: number;
  readonly sighting: Sighting;
  readonly offered?: string | undefined;
  readonly said?: Fact | undefined;
  readonly fate: AttemptVerdict | "deployed" | "crash";
  readonly rollbacks: number;
  readonly hook: "offered" | "unchanged" | "failed";
}

const anyTurn: fc.Arbitrary<Turn> = fc.record({
  passMs: fc.oneof(
    fc.constant(0),
    fc.integer({ min: 1, max: 200_000 }),
    fc.integer({ min: 1, max: 8 * hourMs }),
  ),
  sighting: fc.constantFrom<Sighting>({ kind: "standing" }, drifted, drifted, unseen),
  offered: fc.option(
    fc.integer({ min: 1, max: 12 }).map((n) => `b${n}`),
    { nil: undefined },
  ),
  said: fc.option(
    fc
      .tuple(fc.constantFrom(...words, "ack" as const, "resume" as const), fc.integer({ min: 1, max: 12 }))
      .map(([word, n]): Fact => ({ type: "word", word, by: "me", reason: "", bundleSha256: `b${n}` })),
    { nil: undefined, freq: 3 },
  ),
  fate: fc.constantFrom(
    "deployed",
    "deployed",
    "kept",
    "failed",
    "rolled_back",
    "rollback_failed",
    "not_started",
    "crash",
  ),
  rollbacks: fc.nat(2),
  hook: fc.constantFrom("offered", "unchanged", "failed"),
});

test("whatever happens: one attempt at a time, none while held, none that was rejected, none beyond the budgets, no repair of what nobody saw", () => {
  let attempts = 0;
  fc.assert(
    fc.property(
      fc.array(anyTurn, { minLength: 5, maxLength: 60 }),
      fc.constantFrom(...modes, "enforce" as const),
      fc.boolean(),
      (turns, mode, hasHook) => {
        let state = emptyState();
        let nowMs = 1_000_000;
        let open = 0;
        let numbered = 0;
        const number = () => {
          numbered += 1;
          return numbered;
        };
        const begunMs: number[] = [];
        const rejected = new Set<string>();
        const add = (fact: Fact) => {
          state = fold(state, entry(state.seq + 1, nowMs, fact));
          if (fact.type === "word" && fact.word === "ack") rejected.clear();
          if (fact.type === "word" && fact.word === "deny") rejected.add(fact.bundleSha256 ?? "");
        };
        const end = (verdict: AttemptVerdict, rollbacks: number) => {
          const { attempt } = state;
          if (attempt === undefined) return;
          open -= 1;
          if (verdict === "not_started") begunMs.pop();
          if (attempt.kind === "rollout" && verdict !== "kept" && verdict !== "not_started")
            rejected.add(attempt.bundleSha256);
          add({ type: "attempt_ended", attemptId: attempt.attemptId, verdict, run: run({ rollbacks }) });
        };
        for (const turn of turns) {
          nowMs += turn.passMs;
          if (turn.said !== undefined) add(turn.said);
          if (turn.offered !== undefined && turn.offered !== state.newestSha256)
            add({ type: "offered", offer: offer(turn.offered) });
          if (turn.sighting.kind === "drifted" && state.attempt === undefined)
            add({ type: "triggered", trigger: trigger(`t${number()}`, "drift", nowMs) });
          const next = decide({ state, config: config({ mode }), sighting: turn.sighting, hasHook, nowMs });
          const isHeld = state.paused !== undefined || state.escalated !== undefined;
          if (isHeld) expect(next.do).toBe("hold");
          switch (next.do) {
            case "settle":
              add({ type: "triggers_settled", triggerIds: next.triggerIds, by: next.by });
              break;
            case "escalate":
              add({ type: "escalated", reason: next.reason, message: next.message });
              break;
            case "recompile": {
              expect(mode).not.toBe("observe");
              const attemptId = `c${number()}`;
              const triggerIds = next.triggers.map(({ id }) => id);
              add({ type: "recompile_started", attemptId, triggerIds });
              const made = { ...offer(`b${(numbered % 12) + 1}`), source: "recompile" as const };
              add({ type: "recompile_ended", attemptId, result: turn.hook, offer: made, durationMs: 1 });
              if (turn.hook !== "failed") add({ type: "triggers_settled", triggerIds, by: "recompile" });
              break;
            }
            case "recover":
              if (turn.fate === "crash") break;
              if (turn.fate === "deployed")
                add({
                  type: "attempt_deployed",
                  attemptId: next.attempt.attemptId,
                  run: run(),
                  bakeUntilMs: nowMs + 1,
                });
              else end(turn.fate, turn.rollbacks);
              break;
            case "conclude":
              // Only a person's word ends it unseen.
              if (!rejected.has(next.attempt.bundleSha256)) expect(turn.sighting.kind).not.toBe("unseen");
              if (turn.fate === "crash") break;
              end(next.failed === undefined ? "kept" : "rolled_back", next.failed === undefined ? 0 : 1);
              break;
            case "attempt": {
              expect(open).toBe(0);
              expect(mode).not.toBe("observe");
              if (next.kind === "repair") expect(turn.sighting.kind).toBe("drifted");
              expect([...rejected]).not.toContain(next.offer.bundleSha256);
              if (mode === "propose" && state.approval?.bundleSha256 !== next.offer.bundleSha256) {
                add({
                  type: "proposed",
                  attemptId: `p${number()}`,
                  kind: next.kind,
                  bundleSha256: next.offer.bundleSha256,
                  summary: "",
                });
                break;
              }
              if (!budgetGuard(state, budgets, open, nowMs).open) break;
              open += 1;
              attempts += 1;
              begunMs.push(nowMs);
              add(started(next.offer.bundleSha256, next.kind, `a${number()}`));
              break;
            }
            case "nothing":
            case "hold":
            case "wait":
              break;
          }
          const inWindow = begunMs.filter((at) => at > nowMs - budgetWindowMs).length;
          expect(inWindow).toBeLessThanOrEqual(budgets.mutationsPerDay);
          expect(state.mutationsAtMs.filter((at) => at > nowMs - budgetWindowMs)).toHaveLength(inWindow);
          expect(open).toBe(state.attempt === undefined ? 0 : 1);
        }
      },
    ),
    { numRuns: 400 },
  );
  // A machine that does nothing keeps every rule as well.
  expect(attempts).toBeGreaterThan(300);
});
