/** What a service manager hears from akc, over a real unix datagram socket. */
import { afterAll, expect, test } from "bun:test";
import { closeSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { limits } from "../../src/limits.ts";
import { monotonicUsec, notifyText, openNotifier } from "../../src/service/notify.ts";
import { libc } from "../../src/system/libc.ts";
import { NotifyListener } from "./notify-listener.ts";

const folder = mkdtempSync(join(tmpdir(), "akc-notify-"));
const listeners: NotifyListener[] = [];
const children: Bun.Subprocess[] = [];
let count = 0;

afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(listeners.map((listener) => listener.close()));
  rmSync(folder, { recursive: true });
});

async function listen(place = join(folder, `s${++count}`)) {
  const listener = await NotifyListener.at(place);
  listeners.push(listener);
  return { listener, place };
}

interface Started {
  readonly pid: number;
  readonly exited: Promise<number>;
  /** Lines of stderr so far and to come. */
  said(what: string): Promise<string>;
  kill(signal: NodeJS.Signals): void;
}

function standIn(env: Readonly<Record<string, string>>): Started {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "stand-in.ts")], {
    env: { PATH: process.env["PATH"] ?? "", STAND_IN_FOLDER: folder, ...env },
    stdin: "ignore",
    stdout: "inherit",
    stderr: "pipe",
  });
  children.push(child);
  let text = "";
  let woken = Promise.withResolvers<void>();
  void (async () => {
    for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      woken.resolve();
      woken = Promise.withResolvers<void>();
    }
  })();
  return {
    pid: child.pid,
    exited: child.exited,
    async said(what) {
      for (;;) {
        const line = text.split("\n").find((one) => one.includes(what));
        if (line !== undefined) return line;
        await woken.promise;
      }
    },
    kill: (signal) => child.kill(signal),
  };
}

test.each([
  ["a path", undefined],
  ["a name of the abstract name space", `@akc-test-${process.pid}`],
])("is told at %s, by the process itself, and no child learns where", async (_, place) => {
  const { listener, place: at } = await listen(place);
  const env: Record<string, string | undefined> = { NOTIFY_SOCKET: at, HOME: "/" };
  const notifier = openNotifier(env);
  expect([notifier.listens, env]).toEqual([true, { HOME: "/" }]);
  expect(notifier.notify({ ready: true, status: "all\nis well", mainPid: 7 })).toBe("sent");
  expect(await listener.heard("READY=1")).toEqual({
    pid: process.pid,
    lines: ["READY=1", "STATUS=all is well", "MAINPID=7"],
  });
});

test("nothing is told where nobody asked, where the place is none, and where nobody listens", () => {
  expect(openNotifier({}).notify({ ready: true })).toBe("absent");
  for (const place of ["", "relative", "@", "vsock:2:1", `/${"x".repeat(200)}`])
    expect(openNotifier({ NOTIFY_SOCKET: place }).notify({ ready: true })).toBe("absent");
  expect(openNotifier({ NOTIFY_SOCKET: join(folder, "nobody") }).notify({ ready: true })).toBe("refused");
});

test("a manager that does not read holds nothing up, and costs no descriptor", async () => {
  const { listener, place } = await listen();
  const notifier = openNotifier({ NOTIFY_SOCKET: place });
  listener.pause();
  const open = readdirSync("/proc/self/fd").length;
  const told = new Set<string>();
  // The queue of a unix datagram socket holds some hundred at most (net.unix.max_dgram_qlen).
  for (let index = 0; index < 5_000; index++) told.add(notifier.notify({ status: "x".repeat(200) }));
  expect(told).toEqual(new Set(["sent", "refused"]));
  expect(readdirSync("/proc/self/fd").length).toBe(open);
});

test("the lines are those of sd_notify(3)", () => {
  expect(
    notifyText({ reloadingSinceUsec: 12n, extendTimeoutUsec: 1.5, watchdog: true, stopping: true }),
  ).toBe("RELOADING=1\nMONOTONIC_USEC=12\nSTOPPING=1\nWATCHDOG=1\nEXTEND_TIMEOUT_USEC=1");
  const [uptime = "0"] = readFileSync("/proc/uptime", "utf8").split(" ");
  // Of the clock that counts from boot, which systemd compares it with: whole hours off would be another one.
  expect(Math.abs(Number(monotonicUsec()) / 1e6 - Number(uptime))).toBeLessThan(3_600);
});

test("a controller is ready, reloads, says what it does, and ends with 0 when it was asked once", async () => {
  const { listener, place } = await listen();
  const akc = standIn({ NOTIFY_SOCKET: place, STAND_IN_CHILD: "1", WATCHDOG_USEC: "400000" });
  expect((await listener.heard("READY=1")).pid).toBe(akc.pid);
  const environment = await akc.said("child environment");
  expect(environment).not.toMatch(/NOTIFY_SOCKET|WATCHDOG/);
  await listener.heard("WATCHDOG=1");

  writeFileSync(join(folder, "config"), "line 3 is wrong");
  akc.kill("SIGHUP");
  const reloading = await listener.heard("RELOADING=1");
  expect(reloading.lines[1]).toMatch(/^MONOTONIC_USEC=\d+$/);
  await listener.heard("STATUS=the configuration on disk is refused: line 3 is wrong");
  const after = listener.datagrams.slice(listener.datagrams.indexOf(reloading) + 1);
  expect(after.some(({ lines }) => lines.includes("READY=1"))).toBe(true);
  rmSync(join(folder, "config"));

  akc.kill("SIGTERM");
  expect(await akc.exited).toBe(0);
  expect(listener.lines()).toContain("STOPPING=1");
});

test("a stop that takes its time asks for it, is cut off by a second signal, and says so by its exit code", async () => {
  const { listener, place } = await listen();
  const akc = standIn({ NOTIFY_SOCKET: place, STAND_IN_DRAIN_MS: "600000" });
  await listener.heard("READY=1");
  akc.kill("SIGTERM");
  const extension = await listener.heard("EXTEND_TIMEOUT_USEC=");
  expect(extension.lines.some((line) => /^EXTEND_TIMEOUT_USEC=[1-9]\d{6,7}$/.test(line))).toBe(true);
  akc.kill("SIGINT");
  expect(await akc.exited).toBe(130);
  await akc.said("stop cut off");
});

test("a stop that takes longer than it may is cut off by itself and still ends with 0", async () => {
  const akc = standIn({ STAND_IN_DRAIN_MS: "600000", STAND_IN_DRAIN_MAX_MS: "100" });
  await akc.said("controller running");
  akc.kill("SIGTERM");
  expect(await akc.exited).toBe(0);
});

test("what hears no word of being cut off ends with the third", async () => {
  const akc = standIn({ STAND_IN_DRAIN_MS: "600000", STAND_IN_DEAF: "1" });
  await akc.said("controller running");
  for (const [signal, said] of [
    ["SIGTERM", "stopping"],
    ["SIGTERM", "stop cut off"],
  ] as const) {
    akc.kill(signal);
    await akc.said(said);
  }
  akc.kill("SIGTERM");
  expect(await akc.exited).toBe(143);
});

test("SIGUSR1 shows the state as one line of JSON, without a secret", async () => {
  const akc = standIn({ STAND_IN_FORMAT: "json" });
  await akc.said("controller_phase");
  akc.kill("SIGUSR1");
  const line = JSON.parse(await akc.said("state_dump"));
  expect(line).toMatchObject({
    event: "state_dump",
    level: "info",
    pid: akc.pid,
    tenant_id: null,
    run_id: null,
    state: { phase: "running", holder: "stand-in [redacted]" },
  });
  akc.kill("SIGTERM");
  expect(await akc.exited).toBe(0);
});

test.each([["stuck", "no_turn"]])("a controller that is %s is not fed, and says why", async (file, why) => {
  const { listener, place } = await listen();
  const own = mkdtempSync(join(folder, "starved-"));
  const akc = standIn({ NOTIFY_SOCKET: place, WATCHDOG_USEC: "400000", RUNTIME_DIRECTORY: own });
  await listener.heard("WATCHDOG=1");
  writeFileSync(join(own, file), "");
  expect(await akc.said("watchdog starved")).toContain(`why=${why}`);
  const fed = listener.lines().filter((line) => line === "WATCHDOG=1").length;
  await Bun.sleep(500);
  expect(listener.lines().filter((line) => line === "WATCHDOG=1").length).toBe(fed);
  rmSync(join(own, file));
  while (listener.lines().filter((line) => line === "WATCHDOG=1").length === fed) await Bun.sleep(20);
  akc.kill("SIGTERM");
  expect(await akc.exited).toBe(0);
});

test("a log that nobody reads holds nothing up, keeps a bounded part, and says afterwards what it lost", async () => {
  // A pipe of our own: Bun reads those that it makes, whether somebody asks for it or not.
  const [readEnd = -1, writeEnd = -1] = libc()?.pipe() ?? [];
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "flood.ts")], {
    stdio: ["pipe", "pipe", writeEnd],
    env: { PATH: process.env["PATH"] ?? "" },
  });
  children.push(child);
  closeSync(writeEnd);
  // Nothing of stderr is read before it has said this: 20 MB are then logged.
  const { value } = await child.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("logged\n");
  child.stdin.write("\n");
  child.stdin.end();
  const lines = (await Bun.file(readEnd).text()).trim().split("\n");
  const kept = lines.length - 2;
  expect(kept * 1_000).toBeLessThan(2 * limits.journalUnreadCharsMax);
  expect(lines.at(-2)).toEndWith(`log lines dropped lines=${20_000 - kept}`);
  expect(lines.at(-1)).toEndWith("after");
  expect(await child.exited).toBe(0);
});
