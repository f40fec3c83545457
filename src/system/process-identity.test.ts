/** Who a process is, with real ones: the living, the dead, and numbers that mean somebody else. */
import { afterEach, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { systemClock } from "./clock.ts";
import { DeathWatch } from "./death-watch.ts";
import { bootId, isAlive, livesBy, membersOf, signalProcess, startTicksOf } from "./process-identity.ts";
import { statOf } from "./process-table.ts";

const children: Bun.Subprocess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

function sleeper(env: Readonly<Record<string, string>> = {}) {
  const child = Bun.spawn(["sleep", "1000"], {
    env: { ...env },
    stdio: ["ignore", "ignore", "ignore"],
    detached: true,
  });
  children.push(child);
  // Until it has become the program it may have no environment to be read.
  for (let looks = 0; looks < 2_000 && !isSleep(child.pid); looks += 1) Bun.sleepSync(1);
  const stat = statOf(child.pid);
  if (stat === undefined) throw new Error("it is gone already");
  const { startTicks } = stat;
  return { child, identity: { pid: child.pid, startTicks, bootId: bootId() } };
}

function isSleep(pid: number): boolean {
  const path = `/proc/${pid}/comm`;
  return existsSync(path) && readFileSync(path, "utf8") === "sleep\n";
}

test("a signal goes to the very process, and to nobody when the number, the start or the boot is another's", async () => {
  const { child, identity } = sleeper();
  for (const wrong of [
    { ...identity, startTicks: identity.startTicks + 1 },
    { ...identity, bootId: "another" },
    { ...identity, pid: 2 ** 22 + 1 },
  ]) {
    expect(isAlive(wrong)).toBe(false);
    expect(signalProcess(wrong, "SIGKILL")).toBe("gone");
  }
  await Bun.sleep(20);
  expect(isAlive(identity)).toBe(true);
  expect(signalProcess(identity, "SIGKILL")).toBe("sent");
  await child.exited;
  expect(isAlive(identity)).toBe(false);
  expect(signalProcess(identity, "SIGKILL")).toBe("gone");
});

test("deaths of many are noticed in one look, each once, and of the right ones", async () => {
  const watch = new DeathWatch();
  const many = Array.from({ length: 20 }, () => sleeper());
  for (const [index, { identity }] of many.entries()) watch.add(String(index), identity);
  expect(watch.dead()).toEqual([]);
  for (const index of [3, 17]) {
    many[index]?.child.kill("SIGKILL");
    await many[index]?.child.exited;
  }
  expect(watch.dead().toSorted()).toEqual(["17", "3"]);
  expect(watch.dead()).toEqual([]);
  expect(watch.keys()).toHaveLength(18);
  watch.close();
});

test("who is dead before it is watched is noticed too", async () => {
  const { child, identity } = sleeper();
  child.kill("SIGKILL");
  await child.exited;
  const watch = new DeathWatch();
  watch.add("dead", identity);
  expect(watch.dead()).toEqual(["dead"]);
});

test("members are those of a living leader's session and those that bear the mark, and nobody else", async () => {
  const other = sleeper({ MARK: "theirs" });
  const { identity } = sleeper({ MARK: "ours" });
  const apart = sleeper({ MARK: "ours" });
  const mark = { names: ["MARK"], value: "ours" };
  const pids = (leader: typeof identity | undefined) =>
    membersOf(leader, mark)
      .map(({ pid }) => pid)
      .sort();
  const ours = [identity.pid, apart.identity.pid].sort();
  expect(pids(identity)).toEqual(ours);
  expect(pids(undefined)).toEqual(ours);
  expect(pids({ ...other.identity, startTicks: 1 })).toEqual(ours);
  expect(pids(other.identity)).toEqual([...ours, other.identity.pid].sort());
});

test("a child that is hidden at first is looked for until it is seen or has ended", async () => {
  const { child, identity } = sleeper();
  let looks = 0;
  const hidden = (pid: number) => (++looks < 4 ? undefined : statOf(pid));
  expect(await startTicksOf(child.pid, child.exited, systemClock, hidden)).toBe(identity.startTicks);
  expect(looks).toBe(4);
  child.kill("SIGKILL");
  expect(await startTicksOf(child.pid, child.exited, systemClock, () => undefined)).toBe(0);
});

test("one that is hidden while it becomes another program lives; one that is gone is not looked for twice", async () => {
  const { child, identity } = sleeper();
  let looks = 0;
  const hidden = (pid: number) => (++looks < 4 ? undefined : statOf(pid));
  expect([livesBy(hidden, identity), looks]).toEqual([true, 4]);
  looks = 0;
  expect([livesBy(hidden, { ...identity, startTicks: 1 }), looks]).toEqual([false, 4]);
  // Hidden for good: nobody can tell that it is the one that is meant.
  expect(livesBy(() => undefined, identity)).toBe(false);
  child.kill("SIGKILL");
  await child.exited;
  looks = 0;
  expect([livesBy(hidden, identity), looks]).toEqual([false, 1]);
});

test("the host's boot has an id", () => {
  expect(bootId()).toMatch(/^[0-9a-f-]{36}$/);
});
