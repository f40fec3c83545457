import { expect, test } from "bun:test";
import { eventTypes } from "../../kernel/wire.ts";
import { reconcileEvents } from "../../reconciler/model.ts";
import { signsOf } from "./signs.ts";

type Told = readonly [type: string, atMs: number, payload?: object];

function signs(...events: readonly Told[]) {
  const stored = events.map(([type, atMs, payload = {}], index) => ({
    ...{ seq: index + 1, type, atMs, payload: JSON.stringify(payload), sha256: "", prevSha256: "" },
  }));
  return (afterSeq = 0) =>
    signsOf(
      {
        events: async (after, limit) => stored.filter(({ seq }) => seq > after).slice(0, Math.min(limit, 2)),
      },
      afterSeq,
    );
}

const { started, finished, rolledBack } = reconcileEvents;

test("convergence is the time from the beginning of the deployment to the moment at which all stood", async () => {
  const told = signs(
    [eventTypes.loopFinished, 1_000],
    [started, 2_000, { mode: "enforce" }],
    [finished, 5_500, { mode: "enforce", converged: true, window_ms: 9, wait_ms: 9 }],
  );
  expect(await told()).toMatchObject({ converged: true, convergenceMs: 3_500, beganAtMs: 1_000 });
  expect(await told(3)).toEqual({ rollbacks: 0, rollbacksSucceeded: 0, convergenceMs: null });
});

test("what was cut off and gone on with counts from its first beginning; what nobody ended has not converged", async () => {
  const cut = [started, 2_000, { mode: "enforce" }] as const;
  expect(await signs(cut)()).toMatchObject({ converged: false, convergenceMs: null });
  const again = [started, 4_000, { mode: "enforce" }] as const;
  const end = [finished, 6_000, { mode: "enforce", converged: true }] as const;
  expect(await signs(cut, again, end)()).toMatchObject({ converged: true, convergenceMs: 4_000 });
  const failed = [finished, 6_000, { converged: false, error: "no", error_code: "PROVIDER_FAILED" }] as const;
  expect(await signs(cut, failed)()).toMatchObject({
    converged: false,
    convergenceMs: null,
    errorCode: "PROVIDER_FAILED",
  });
});

test("whoever only looked later has changed nothing of it", async () => {
  const told = signs(
    [started, 1_000, { mode: "enforce" }],
    [finished, 2_000, { mode: "enforce", converged: true }],
    [started, 9_000, { mode: "simulate" }],
    [finished, 9_500, { mode: "simulate", converged: false }],
  );
  expect(await told()).toMatchObject({ converged: true, convergenceMs: 1_000 });
});

test("rollbacks are counted by resource, and those that succeeded apart; the last verdict counts", async () => {
  const back = (rollback_outcome: string): Told => [rolledBack, 1, { rollback_outcome }];
  const told = signs(
    back("rollback_applied"),
    back("rollback_failed"),
    back("rollback_unsupported"),
    [eventTypes.validityAttested, 2, { verdict: "pass" }],
    [eventTypes.validityAttested, 3, { verdict: "inconclusive" }],
  );
  expect(await told()).toMatchObject({ rollbacks: 3, rollbacksSucceeded: 1, validity: "inconclusive" });
});
