/** Children that will not end, and what they leave behind: nothing of it outlives its action. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ContainmentLevel } from "../../src/policy/model.ts";
import { isZombie, startedBy } from "../../src/system/process-table.ts";
import { processTree } from "../../src/system/process-tree.ts";
import { strongestContainment } from "../../src/system/sandbox.ts";
import { eventually, isAlive, printed, type World, world } from "./request.ts";

const levels: readonly ContainmentLevel[] =
  strongestContainment() === "landlock" ? ["limits", "landlock"] : ["limits"];

describe.each(levels)("at level %s", (level) => {
  let place: World;
  beforeAll(() => {
    place = world({ containmentAtMost: level });
  });
  afterAll(() => place.close());

  /** The pid that a script wrote to `name`, once it has. */
  async function pidIn(name: string): Promise<number> {
    const path = join(place.workdir, name);
    await eventually(() => existsSync(path) && readFileSync(path, "utf8").endsWith("\n"));
    return Number(readFileSync(path, "utf8"));
  }

  test("a hanging child is ended at its deadline, and what it printed is kept", async () => {
    const result = await place.sh("echo $$ > hanging; echo before; sleep 600", { timeoutMs: 300 });
    expect(result.error).toMatchObject({ code: "SUBPROCESS_TIMEOUT", retryable: true });
    expect(result.status).toBe("failed");
    expect(printed(result)).toBe("before");
    expect(result.outputs["signal"]).toBe("SIGTERM");
    expect(result.error?.message).not.toContain("sleep");
    expect(isAlive(await pidIn("hanging"))).toBe(false);
  });

  test("a child that ignores TERM gets KILL, its grandchild as well", async () => {
    const script = `trap '' TERM; (trap '' TERM; echo $$ > stubborn; sleep 600 & echo $! > stubborn-2; wait) & wait`;
    const result = await place.sh(script, { timeoutMs: 300 });
    expect(result.error?.code).toBe("SUBPROCESS_TIMEOUT");
    expect(result.outputs["signal"]).toBe("SIGKILL");
    expect(isAlive(await pidIn("stubborn"))).toBe(false);
    expect(isAlive(await pidIn("stubborn-2"))).toBe(false);
  });

  test("a child may clean up after TERM, and so may the rest of its group", async () => {
    const script = `(trap 'sleep 0.2; echo tidy > tidied; exit' TERM; while :; do sleep 0.05; done) & sleep 600`;
    await place.sh(script, { timeoutMs: 300 });
    expect(readFileSync(join(place.workdir, "tidied"), "utf8")).toBe("tidy\n");
  });

  test("what a child leaves in its group dies with it, though its pipes are still held", async () => {
    const result = await place.sh("sleep 600 & echo $! > left; echo done");
    expect(result.status).toBe("succeeded");
    expect(printed(result)).toBe("done");
    expect(isAlive(await pidIn("left"))).toBe(false);
  });

  test("a grandchild in a session of its own dies too, with or without our pipes", async () => {
    for (const [name, redirect] of [
      ["escaped", ""],
      ["escaped-quiet", "</dev/null >/dev/null 2>&1"],
    ] as const) {
      const inner = `echo $$ > ${name}; exec sleep 600`;
      const script = `setsid sh -c '${inner}' ${redirect} & while ! test -s ${name}; do sleep 0.01; done`;
      const result = await place.sh(script);
      expect(result.status).toBe("succeeded");
      expect(isAlive(await pidIn(name))).toBe(false);
    }
  });

  test("a daemon that forked twice dies, and so does what it started meanwhile", async () => {
    const inner = `echo $$ > daemon; setsid sh -c "echo \\$\\$ > daemon-2; exec sleep 600" & sleep 600`;
    const script = `setsid sh -c '(${inner}) & exit' & while ! test -s daemon-2; do sleep 0.01; done`;
    await place.sh(script);
    expect(isAlive(await pidIn("daemon"))).toBe(false);
    expect(isAlive(await pidIn("daemon-2"))).toBe(false);
  });

  test("no dead process is left on the table", async () => {
    const children = () =>
      readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ").filter(Boolean);
    // Programs of other tests may have left servers, as adb does: alive, or dead so lately that somebody may still ask for them.
    const before = new Set(children());
    await place.sh("for i in 1 2 3 4 5; do setsid sh -c 'sleep 600' & done; sleep 0.1");
    expect(children().filter((pid) => !before.has(pid))).toEqual([]);
  });

  test("an escaped grandchild of a hanging child dies at the deadline", async () => {
    const result = await place.sh("setsid sh -c 'echo $$ > late; exec sleep 600' & sleep 600", {
      timeoutMs: 300,
    });
    expect(result.error?.code).toBe("SUBPROCESS_TIMEOUT");
    expect(isAlive(await pidIn("late"))).toBe(false);
  });

  test("an orphan of an action that still runs is left alone until that ends", async () => {
    const stop = new AbortController();
    const inner = "setsid sh -c 'echo $$ > helper; exec sleep 600' &";
    const long = place.sh(`sh -c '${inner.replaceAll("'", `'"'"'`)}'; sleep 600`, { signal: stop.signal });
    const helper = await pidIn("helper");
    for (let other = 0; other < 3; other++) expect((await place.sh("true")).status).toBe("succeeded");
    expect(isAlive(helper)).toBe(true);
    stop.abort();
    expect((await long).status).toBe("cancelled");
    expect(isAlive(helper)).toBe(false);
  });

  test("an abort ends the child and all of its group, and says so", async () => {
    const stop = new AbortController();
    const running = place.sh("sleep 600 & echo $! > aborted-2; echo $$ > aborted; wait", {
      signal: stop.signal,
    });
    const pids = [await pidIn("aborted"), await pidIn("aborted-2")];
    stop.abort();
    const result = await running;
    expect(result).toMatchObject({ status: "cancelled", error: { code: "CANCELLED", retryable: false } });
    expect(pids.map(isAlive)).toEqual([false, false]);
  });

  test("a request whose signal has aborted starts nothing", async () => {
    const result = await place.sh("touch too-late", { signal: AbortSignal.abort() });
    expect(result.status).toBe("cancelled");
    expect(existsSync(join(place.workdir, "too-late"))).toBe(false);
  });

  test("closing ends what still runs", async () => {
    const other = world({ containmentAtMost: level });
    const running = other.sh("echo $$ > pid; sleep 600");
    await eventually(() => existsSync(join(other.workdir, "pid")));
    await Bun.sleep(20);
    const pid = Number(readFileSync(join(other.workdir, "pid"), "utf8"));
    await other.close();
    expect((await running).status).toBe("cancelled");
    expect(isAlive(pid)).toBe(false);
  });
});

test.skipIf(strongestContainment() !== "landlock")(
  "a contained process that hides whose it is dies when the last action that may have started it has ended",
  async () => {
    const place = world();
    try {
      const script = `env -i setsid /bin/sh -c 'echo $$ > nameless; exec sleep 600' & while ! test -s nameless; do sleep 0.01; done`;
      await place.sh(script);
      expect(isAlive(Number(readFileSync(join(place.workdir, "nameless"), "utf8")))).toBe(false);
    } finally {
      await place.close();
    }
  },
);

test("processes that akc starts for other purposes are not touched", async () => {
  const place = world();
  const ours = Bun.spawn(["/bin/sleep", "600"], { stdio: ["ignore", "ignore", "ignore"] });
  try {
    await place.sh("setsid sleep 600 & sleep 0.05");
    expect(isAlive(ours.pid)).toBe(true);
    expect(ours.exitCode).toBeNull();
  } finally {
    ours.kill();
    expect(await ours.exited).toBe(143);
    await place.close();
  }
});

test("an orphan that was taken for akc's own is taken off the table some time after it died", async () => {
  const tree = processTree();
  const parent = Bun.spawn(["/bin/sh", "-c", "setsid sleep 600 >/dev/null & echo $!"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const orphan = Number(await parent.stdout.text());
  await parent.exited;
  await eventually(() => startedBy(process.pid).includes(orphan));
  tree.sweep("any");
  expect(isZombie(orphan)).toBe(false);
  process.kill(orphan, "SIGKILL");
  await eventually(() => isZombie(orphan));
  tree.sweep("any");
  expect(isZombie(orphan)).toBe(true);
  await Bun.sleep(1_100);
  tree.sweep("any");
  expect(isAlive(orphan)).toBe(false);
});
