import { expect, test } from "bun:test";
import fc from "fast-check";
import { styleOf } from "../style.ts";
import { width } from "../text.ts";
import { Board, type Moment, type PlannedStep } from "./board.ts";
import { Picture } from "./picture.ts";
import { countsRow, plainLine, stepRow } from "./rows.ts";

const header = {
  bundle: "b.json",
  runtimeRunId: "r",
  scope: "acme/shop",
  mode: "enforce",
  adapter: "native",
};
const plan: PlannedStep[] = ["checkout", "lint", "test", "build", "package"].map((id, index, all) => ({
  id,
  label: id,
  waitsFor: index === 0 ? [] : [all[index - 1] ?? ""],
}));

const moments = (ids: readonly string[]): fc.Arbitrary<Moment[]> => {
  const at = fc.constantFrom(...ids).map((id) => ({ id, label: id, atMs: 7 }));
  const of = (what: Parameters<typeof anyMoment>[1]) => at.map((when) => anyMoment(when, what));
  return fc.array(
    fc.oneof(
      of({ kind: "started", attempt: 1 }),
      of({ kind: "succeeded", durationMs: 5 }),
      of({ kind: "retrying", attempt: 1, delayMs: 10, why: "exit 1" }),
      of({ kind: "failed", why: "exit 1: a long story about what went wrong and where" }),
      of({ kind: "denied", why: "no" }),
      of({ kind: "blocked", by: ["x", "y"] }),
      of({ kind: "cancelled" }),
    ),
    { maxLength: 40 },
  );
};

type What<M> = M extends Moment ? Omit<M, "id" | "label" | "atMs"> : never;

function anyMoment(when: Pick<Moment, "id" | "label" | "atMs">, what: What<Moment>): Moment {
  return { ...when, ...what };
}

test("the tally always counts every step once, whatever happens", () => {
  fc.assert(
    fc.property(moments([...plan.map(({ id }) => id), "unplanned"]), (happened) => {
      const board = new Board();
      board.plan(plan);
      for (const moment of happened) board.apply(moment);
      const counted = Object.values(board.tally).reduce((sum, count) => sum + count, 0);
      expect(counted).toBe(board.total);
      expect(Object.values(board.tally).every((count) => count >= 0)).toBe(true);
    }),
  );
});

test("of many steps only those that need eyes are shown, failures first", () => {
  const board = new Board();
  const steps = Array.from({ length: 100_000 }, (_, index) => ({
    id: `s${index}`,
    label: `s${index}`,
    waitsFor: [],
  }));
  board.plan(steps);
  for (const { id, label } of steps.slice(0, 50))
    board.apply({ kind: "started", id, label, atMs: 1, attempt: 1 });
  board.apply({ kind: "failed", id: "s7", label: "s7", atMs: 2, why: "exit 1" });
  const shown = board.visible(20);
  expect(shown.length).toBe(20);
  expect(shown[0]?.id).toBe("s7");
  expect(shown.slice(1).every((step) => step.phase === "started")).toBe(true);
  expect(countsRow(board, 7_300)).toBe("0 of 100000 done · 49 running · 99950 waiting · 1 failed · 7.3 s");
});

test("no line of the picture is as wide as the window, in any state and any window", () => {
  fc.assert(
    fc.property(
      moments(plan.map(({ id }) => id)),
      fc.integer({ min: 20, max: 200 }),
      fc.integer({ min: 2, max: 50 }),
      fc.array(fc.string(), { maxLength: 9 }),
      (happened, columns, rows, waiting) => {
        const board = new Board();
        board.plan(plan);
        for (const moment of happened) board.apply(moment);
        const picture = new Picture(
          { columns: () => columns, rows: () => rows, write: () => undefined },
          styleOf(true),
        );
        const lines = picture.lines(board, { header, startedAtMs: 0, nowMs: 10_000, asking: waiting });
        for (const line of lines) expect(width(line)).toBeLessThan(columns);
        expect(lines.length).toBeLessThanOrEqual(Math.max(waiting.length === 0 ? 3 : 4, rows - 2));
      },
    ),
  );
});

test("after a resize the picture goes back over the rows that it takes now", () => {
  let columns = 80;
  const written: string[] = [];
  const picture = new Picture(
    { columns: () => columns, rows: () => 24, write: (text) => written.push(text) },
    styleOf(false),
  );
  picture.draw(["x".repeat(70), "short"]);
  columns = 30;
  picture.draw(["x"]);
  // 70 columns take three rows of 30, and the short line one.
  expect(written[1]).toStartWith("\u001b[4F\u001b[0J");
});

test("a step that needed another try says so, with the time that people waited for it", () => {
  const board = new Board();
  board.plan(plan);
  const at = (atMs: number) => ({ id: "lint", label: "lint", atMs });
  board.apply({ ...at(100), kind: "started", attempt: 1 });
  board.apply({ ...at(200), kind: "retrying", attempt: 1, delayMs: 1_900, why: "busy" });
  board.apply({ ...at(2_100), kind: "started", attempt: 2 });
  const step = board.apply({ ...at(2_200), kind: "succeeded", durationMs: 100 });
  expect(plainLine(step)).toBe("done       lint  2.1 s  (2nd try)");
  const picture = new Picture({ columns: () => 80, rows: () => 24, write: () => undefined }, styleOf(false));
  const lines = picture.lines(board, { header, startedAtMs: 0, nowMs: 3_000 });
  expect(lines[2]).toBe("  ✓ lint        2.1 s  (2nd try)");
  expect(lines.at(-1)).toBe("1 of 5 done · 4 waiting · 1 retry · 3.0 s");
});

test("a step that failed in the end says after how many tries, before a reason that may be cut", () => {
  const board = new Board();
  board.plan(plan);
  board.apply({ id: "lint", label: "lint", atMs: 1, kind: "started", attempt: 3 });
  const step = board.apply({ id: "lint", label: "lint", atMs: 2, kind: "failed", why: "exit 1" });
  expect(plainLine(step)).toBe("failed     lint  exit 1  (3rd try)");
  const at = { nowMs: 3, labelColumns: 8, columns: 40 };
  expect(stepRow(step, board, at, styleOf(false))).toBe("  ✗ lint         1 ms  (3rd try) exit 1");
});

test("a plain line says what happened, and stays silent about starts", () => {
  const board = new Board();
  board.plan(plan);
  const said = (moment: Moment) => plainLine(board.apply(moment));
  const at = { id: "lint", label: "lint", atMs: 10 };
  expect(said({ ...at, kind: "started", attempt: 1 })).toBeUndefined();
  expect(said({ ...at, kind: "retrying", attempt: 1, delayMs: 2_000, why: "exit 1" })).toBe(
    "retrying   lint  retry 1 of 2 in 2 s: exit 1",
  );
  expect(said({ ...at, kind: "succeeded", durationMs: 800 })).toBe("done       lint  0.8 s");
  expect(said({ ...at, kind: "failed", why: "exit\n2" })).toBe("failed     lint  exit\\n2");
  expect(said({ ...at, kind: "blocked", by: ["test", "build"] })).toBe("blocked    lint  by test, build");
});
