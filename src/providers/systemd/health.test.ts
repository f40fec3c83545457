import { expect, test } from "bun:test";
import { healthOf } from "./health.ts";
import { isUp, readJobs, readShow, type UnitState } from "./unit-state.ts";

const nowMs = Date.parse("2026-01-02T03:04:05Z");
const show = `LoadState=loaded
ActiveState=active
SubState=running
Result=success
NRestarts=0
ExecMainCode=0
ExecMainStatus=0
Job=0
NeedDaemonReload=no
ConditionResult=yes
StatusText=a = b
ActiveEnterTimestamp=Fri 2026-01-02 03:00:00.250500 UTC
`;

function state(more: Partial<UnitState> = {}): UnitState {
  const [one] = readShow(show, 1) ?? [];
  if (one === undefined) throw new Error("not read");
  return { ...one.state, ...more };
}
const input = { nowMs, wantsActive: true, restartsBefore: undefined };
const judge = (more: Partial<UnitState>, about: Partial<typeof input> = {}) =>
  healthOf(state(more), { ...input, ...about });

test("an answer of another number of units, or without a state, is none", () => {
  expect(readShow(show, 2)).toBeUndefined();
  expect(readShow(`${show}\n${show}`, 2)).toHaveLength(2);
  expect(readShow("Id=x\n", 1)).toBeUndefined();
  expect(state().activeSinceMs).toBe(Date.parse("2026-01-02T03:00:00Z") + 250.5);
});

test("what runs is healthy and tells its status, unless it came back a moment ago or since the last look", () => {
  expect(judge({})).toMatchObject({ health: "healthy", message: "a = b" });
  expect(judge({ restarts: 3 })).toMatchObject({ health: "healthy" });
  expect(judge({ restarts: 3, activeSinceMs: nowMs - 100 })).toMatchObject({ health: "degraded" });
  expect(healthOf(state({ restarts: 3 }), { ...input, restartsBefore: 2 })).toMatchObject({
    health: "degraded",
  });
  expect(healthOf(state({ restarts: 3 }), { ...input, restartsBefore: 3 })).toMatchObject({
    health: "healthy",
  });
});

test("who starts or stops is unknown, who failed says how", () => {
  expect(judge({ active: "activating", sub: "start" }).health).toBe("unknown");
  expect(judge({ active: "deactivating", sub: "stop" }).health).toBe("unknown");
  expect(judge({ active: "inactive", sub: "dead", job: "start" }).health).toBe("unknown");
  expect(
    judge({
      active: "activating",
      sub: "auto-restart",
      restarts: 4,
      result: "exit-code",
      mainCode: 1,
      mainStatus: 7,
    }),
  ).toMatchObject({
    health: "degraded",
    message: "restarts again and again: exit-code (status 7), restarted 4 times",
  });
  expect(
    judge({
      active: "failed",
      sub: "failed",
      result: "watchdog",
      mainCode: 2,
      mainStatus: 6,
      statusText: "",
    }),
  ).toMatchObject({
    health: "failed",
    message: "failed: watchdog (signal 6)",
  });
  expect(judge({ load: "bad-setting", active: "inactive" })).toMatchObject({ health: "failed" });
});

test("what does not run is judged by whether it should", () => {
  const stopped = { active: "inactive", sub: "dead" };
  expect(judge(stopped).health).toBe("failed");
  expect(healthOf(state(stopped), { ...input, wantsActive: false }).health).toBe("healthy");
  expect(healthOf(state(stopped), { ...input, wantsActive: undefined }).health).toBe("healthy");
  expect(
    healthOf(state({ ...stopped, result: "exit-code" }), { ...input, wantsActive: undefined }).health,
  ).toBe("failed");
});

test("what is queued says where a unit is going", () => {
  const jobs = readJobs("12 a.service restart waiting\n13 b.service stop running\n\n");
  expect([...jobs]).toEqual([
    ["a.service", "start"],
    ["b.service", "stop"],
  ]);
  expect(isUp(state({ active: "deactivating", job: "start" }))).toBe(true);
  expect(isUp(state({ job: "stop" }))).toBe(false);
  expect(isUp(state({ active: "failed" }))).toBe(false);
});
