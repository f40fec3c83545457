/** What a plugin can reach: what it was granted, and what a program needs to run at all. Asked of the kernel, not of its good will. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Granted } from "../../src/plugin-host/contract.ts";
import { strongestContainment } from "../../src/system/sandbox.ts";
import { PluginWorld, patient, refusal } from "./hosted.ts";

let world: PluginWorld;
let outside = "";
const landlocked = strongestContainment() === "landlock";
const closed = () => join(outside, "closed");
beforeAll(() => {
  world = new PluginWorld({ env: { HOME: "/root", SHOWN: "yes", HIDDEN: "no", LD_PRELOAD: "/x.so" } });
  outside = join(world.folder, "outside");
  mkdirSync(closed(), { recursive: true });
  writeFileSync(join(outside, "file"), "content");
  writeFileSync(join(closed(), "state"), "secret");
});
afterAll(() => world.close());

async function tries(granted: Partial<Granted>, paths: { read: string; write: string; run: string }) {
  const plugin = world.hostile("files", { granted });
  const result = await plugin.call("adapter/execute", paths, patient);
  await plugin.close();
  const { read, write, own, root, run, environment, umask } = JSON.parse(JSON.stringify(result));
  return { read, write, own, root, run, environment, umask };
}

const paths = () => ({ read: join(outside, "file"), write: join(outside, "planted"), run: "/usr/bin/true" });
const refused = { failed: "EACCES" };

test.if(landlocked)("without grants a plugin reads, writes and executes nothing of the host's", async () => {
  const found = await tries({}, paths());
  expect(found.read).toEqual(refused);
  expect(found.write).toEqual(refused);
  expect(found.root).toEqual(refused);
  expect(found.run.failed).toBeDefined();
  expect(found.own).toEqual({ ok: null });
  expect(found.umask).toBe("77");
  expect(existsSync(join(outside, "planted"))).toBe(false);
});

test.if(landlocked)("each grant opens what it names and nothing else", async () => {
  const reading = await tries({ read: [outside] }, paths());
  expect(reading.read).toEqual({ ok: "content" });
  expect(reading.write).toEqual(refused);
  const writing = await tries({ write: [outside] }, paths());
  expect(writing.write).toEqual({ ok: null });
  expect(writing.run.failed).toBeDefined();
  for (const run of [["true"], ["/usr/bin/true"], ["/usr/bin"]]) {
    const running = await tries({ run }, paths());
    expect(running.run).toEqual({ ok: 0 });
    expect(running.read).toEqual(refused);
  }
});

test.if(landlocked)("what a plugin writes it cannot execute", async () => {
  const script = join(outside, "script");
  writeFileSync(script, "#!/bin/sh\nexit 0\n", { mode: 0o755 });
  const found = await tries({ write: [outside], run: ["sh"] }, { ...paths(), run: script });
  expect(found.run.failed).toBeDefined();
});

test.if(landlocked)("closed places stay closed, whatever is granted", async () => {
  const other = new PluginWorld({ closedPaths: [closed()] });
  const plugin = other.hostile("files", { granted: { read: [outside] } });
  const result = await plugin.call("adapter/execute", { ...paths(), read: join(closed(), "state") }, patient);
  expect(result).toMatchObject({ read: refused });
  const writer = other.hostile("files", { granted: { write: [outside] } });
  expect((await refusal(writer.call("adapter/execute", paths(), patient))).code).toBe(
    "CONTAINMENT_UNAVAILABLE",
  );
  await other.close();
});

test("the environment holds what was granted by name, and nothing that akc was started with", async () => {
  const found = await tries({ env: ["SHOWN", "ABSENT"] }, paths());
  expect(found.environment).toEqual(["AKC_SPAWN_ID", "HOME", "LANG", "PATH", "SHOWN", "TMPDIR"]);
});

async function reaches(granted: Partial<Granted>, port: number, path: string) {
  const plugin = world.hostile("network", { granted });
  const result = await plugin.call("adapter/execute", { port, path }, patient);
  await plugin.close();
  return JSON.parse(JSON.stringify(result));
}

test.if(landlocked)(
  "a plugin connects to the ports that it was granted, binds none, and finds no other way out",
  async () => {
    const path = join(world.folder, "service.sock");
    using tcp = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    using _unix = Bun.listen({ unix: path, socket: { data() {} } });
    const none = await reaches({}, tcp.port, path);
    expect(none.tcp.ok).toBeUndefined();
    expect(none.unix.ok).toBeUndefined();
    expect(none.bind.ok).toBeUndefined();
    const other = await reaches({ net: [`127.0.0.1:${tcp.port === 1 ? 2 : 1}`] }, tcp.port, path);
    expect(other.tcp.ok).toBeUndefined();
    const right = await reaches({ net: [`127.0.0.1:${tcp.port}`] }, tcp.port, path);
    expect(right.tcp).toEqual({ ok: true });
    expect(right.unix.ok).toBeUndefined();
    expect(right.bind.ok).toBeUndefined();
    const socket = await reaches({ write: [path] }, tcp.port, path);
    expect(socket.tcp.ok).toBeUndefined();
    expect(socket.unix).toEqual({ ok: true });
  },
);

test("a host that is too weak for what the operator wants starts nothing", async () => {
  const weak = new PluginWorld({ containmentAtMost: "limits" });
  const plugin = weak.hostile("good", { granted: { containment: "landlock" } });
  const error = await refusal(plugin.call("adapter/execute", {}, patient));
  expect(error.code).toBe("CONTAINMENT_UNAVAILABLE");
  expect(plugin.info()).toMatchObject({ containment: "limits", faultsInRow: 0 });
  const willing = weak.hostile("good", { granted: { containment: "none" } });
  await willing.ready(patient.timeoutMs);
  await weak.close();
});

test("a plugin has none of akc's own files and sockets open", async () => {
  const [plugin, other] = [world.hostile("good"), world.hostile("good")];
  for (const one of [plugin, other]) await one.ready(patient.timeoutMs);
  const kept = openSync(join(outside, "file"), "r");
  const ours = openBy("self");
  expect(ours).toContain(join(outside, "file"));
  for (const one of [plugin, other]) {
    const theirs = openBy(String(one.info().pid));
    expect(theirs.length).toBeGreaterThan(2);
    expect(theirs.filter((target) => ours.includes(target))).toEqual([]);
  }
  closeSync(kept);
  await Promise.all([plugin.close(), other.close()]);
});

/** What a process has open, as far as it can be told apart from what another has. */
function openBy(pid: string): readonly string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
      return /^(anon_inode|\/dev\/|\/proc\/)/.test(target) ? [] : [target];
    } catch {
      return [];
    }
  });
}
