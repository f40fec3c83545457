/** How many answers of which kind an analysis by validators bears, from the built binary, by servers that say what they are told to say. */
import { expect, setDefaultTimeout, test } from "bun:test";
import {
  back,
  bound,
  commands,
  completed,
  expectVerified,
  idOf,
  measured,
  paused,
  rollOut,
  status,
  verdicts,
} from "./analysed.ts";
import type { Json } from "./bundle.ts";
import { metricsSystem, promql } from "./judged.ts";
import { inShop, type Shop } from "./services.ts";
import type { Started } from "./world.ts";

setDefaultTimeout(60_000);

type Answer = number | undefined | "broken";

/** Answers one query after the other with these, and then with the last of them. */
function saying(...answers: readonly Answer[]) {
  const asked: number[] = [];
  const system = metricsSystem(() => {
    const answer = answers[Math.min(asked.length, answers.length - 1)];
    asked.push(performance.now());
    return answer === "broken" ? new Response("the disk is full", { status: 500 }) : answer;
  });
  return { ...system, url: system.url, asked };
}

const broken = "broken";

async function said(
  answers: readonly Answer[],
  analysis: Json,
  check: (shop: Shop, ran: Started, asked: readonly number[]) => Promise<void>,
): Promise<void> {
  const system = saying(...answers);
  try {
    await inShop(async (shop) => {
      const ran = await rollOut(shop, { errors: promql(system.url, "errors", bound) }, analysis);
      await check(shop, ran, system.asked);
    });
  } finally {
    await system.stop();
  }
}

test.concurrent.each([
  ["as many failures as are allowed", [9, 0, 9, 0], { count: 4, failure_limit: 2 }, completed, 4],
  ["one failure more", [9, 0, 9, 0], { count: 4, failure_limit: 1 }, back, 3],
  [
    "as many without an answer as are allowed",
    [undefined, 0, 0],
    { count: 3, inconclusive_limit: 1 },
    completed,
    3,
  ],
  ["one more without an answer", [undefined, 0, undefined], { count: 5, inconclusive_limit: 1 }, paused, 3],
  ["nothing but no answers, all allowed", [undefined], { count: 2, inconclusive_limit: 1 }, paused, 2],
  [
    "as many errors in a row as are allowed",
    [broken, 0, broken, 0],
    { count: 4, error_limit: 1 },
    completed,
    4,
  ],
  ["one error more in a row", [0, broken, broken, 0], { count: 4, error_limit: 1 }, back, 3],
  ["an error where none is allowed", [broken, 0], { count: 2 }, back, 1],
  ["a dry run that fails", [9, undefined, broken], { count: 3, dry_run: true }, completed, 3],
] as const)("%s", (_name, answers, analysis, phase, times) =>
  said(answers, analysis, async (shop, ran, asked) => {
    expect(await status(shop)).toMatchObject(phase);
    expect(asked).toHaveLength(times);
    expect(measured(shop, idOf(ran))).toHaveLength(times);
    await shop.expectRunning(
      phase === completed ? commands(2, 2, 2) : commands(phase === paused ? 2 : 1, 1, 1),
    );
    await expectVerified(shop, idOf(ran));
  }),
);

test("nothing is asked before the initial delay, and then once an interval", () =>
  said([0], { count: 3, initial_delay_ms: 600, interval_ms: 300 }, async (shop, ran, asked) => {
    expect(await status(shop)).toMatchObject(completed);
    const analysing = shop.world
      .events(idOf(ran))
      .find(({ type, payload }) => type === "runtime.rollout.changed" && payload["phase"] === "analysing");
    const [first, ...others] = measured(shop, idOf(ran)).map(({ atMs }) => atMs);
    expect((first ?? 0) - (analysing?.atMs ?? 0)).toBeGreaterThanOrEqual(600);
    expect(others).toHaveLength(2);
    for (const [index, atMs] of asked.entries()) {
      if (index > 0) expect(atMs - (asked[index - 1] ?? 0)).toBeGreaterThanOrEqual(290);
    }
  }));

test("of several bindings the worst decides, and one that only runs dry decides nothing", async () => {
  const system = metricsSystem((query) => (query === "none" ? undefined : Number(query)));
  const binding = (query: string, more: Json = {}) => promql(system.url, query, { ...bound, ...more });
  const checks = ["good", "dry"].map((id) => ({ kind: "validator", binding: id }));
  try {
    await inShop(async (shop) => {
      const bindings = { good: binding("0"), dry: binding("9", { dry_run: true }) };
      const ran = await rollOut(shop, bindings, { checks });
      expect(await status(shop)).toMatchObject(completed);
      expect(measured(shop, idOf(ran))[0]?.checks).toMatchObject([
        { binding: "good", verdict: "pass" },
        { binding: "dry", verdict: "fail", dry_run: true },
      ]);
    });
    await inShop(async (shop) => {
      const bindings = { good: binding("none"), dry: binding("9") };
      const ran = await rollOut(shop, bindings, { checks });
      expect(await status(shop)).toMatchObject(back);
      expect(verdicts(shop, idOf(ran))).toEqual(["fail"]);
    });
  } finally {
    await system.stop();
  }
});
