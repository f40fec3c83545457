/** What the documented conditions say at each moment of a rollout. */
import { expect, test } from "bun:test";
import { conditionsOf, conditionsOfRollout } from "../../src/reconciler/rollout/conditions.ts";
import { bad, member, strategy, World } from "./rollout-world.ts";

function told(conditions: ReturnType<typeof conditionsOf>): readonly string[] {
  return conditions.flatMap(({ type, status, reason }) => (status === "true" ? [`${type}: ${reason}`] : []));
}

test("always all three, in order, and a reason only where one holds", () => {
  const world = new World([member("db")], strategy());
  const [degraded, progressing, stalled] = conditionsOf(world.rollout, world.unit("db"));
  expect([degraded.type, progressing.type, stalled.type]).toEqual(["degraded", "progressing", "stalled"]);
  expect(degraded).toEqual({ type: "degraded", status: "false", lastTransitionMs: world.nowMs });
  expect(told(conditionsOf(world.rollout, world.unit("db")))).toEqual(["progressing: reconciling"]);
});

test("what stands has none of them", () => {
  const world = new World([member("db")], strategy()).run();
  expect(told(conditionsOf(world.rollout, world.unit("db")))).toEqual([]);
  expect(told(conditionsOfRollout(world.rollout))).toEqual([]);
});

test("a paused rollout stalls what does not stand yet, and says what it waits for", () => {
  const world = new World([member("db"), member("web", { layer: 1 })], strategy());
  world.turn();
  world.command("pause");
  expect(told(conditionsOf(world.rollout, world.unit("web")))).toEqual(["stalled: paused_by_operator"]);
  expect(told(conditionsOfRollout(world.rollout))).toEqual(["stalled: paused_by_operator"]);
});

test("a failure degrades, with its own reason for the one at fault and the rollout's for the others", () => {
  const world = new World([member("db"), member("web", { layer: 1, nature: bad })], strategy());
  world.runUntil("rolling_back");
  expect(told(conditionsOf(world.rollout, world.unit("web")))).toEqual([
    "degraded: unhealthy",
    "progressing: reconciling",
  ]);
  world.run();
  for (const id of ["web", "db"]) {
    expect(told(conditionsOf(world.rollout, world.unit(id)))).toEqual([
      "degraded: unhealthy",
      "stalled: unhealthy",
    ]);
  }
  expect(told(conditionsOfRollout(world.rollout))).toEqual(["degraded: unhealthy", "stalled: unhealthy"]);
});

test("an unhealthy unit that settled is degraded even while the rollout goes on", () => {
  const world = new World([member("db")], strategy({ abortOn: ["failed"] })).runUntil("progressing");
  world.run();
  const unit = { ...world.unit("db"), health: "degraded" as const };
  expect(told(conditionsOf({ ...world.rollout, phase: "baking" }, unit))).toEqual([
    "degraded: unhealthy",
    "progressing: reconciling",
  ]);
});
