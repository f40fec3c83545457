/** Listening sockets that go from copy to copy, with a client that never stops connecting. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { connect } from "node:net";
import { join } from "node:path";
import { listenersAt } from "../../src/system/listeners.ts";
import { freePort, ProcessWorld, until } from "./process-world.ts";

let world: ProcessWorld;
beforeEach(() => {
  world = new ProcessWorld();
});
afterEach(async () => {
  await world.end();
});

const server = join(import.meta.dir, "process-listening.child.ts");
const bun = process.execPath;

/** What the service answers to one connection. @throws what the system says */
function ask(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("data", (bytes) => {
      text += bytes.toString();
    });
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
    socket.setTimeout(20_000, () => reject(new Error("no answer")));
  });
}

/** Connects without a break, several at a time, until it is stopped. */
function asking(
  port: number,
): () => Promise<{ readonly answers: readonly string[]; readonly faults: readonly string[] }> {
  const answers: string[] = [];
  const faults: string[] = [];
  let over = false;
  const clients = Array.from({ length: 3 }, async () => {
    while (!over) {
      await ask(port).then(
        (answer) => answers.push(answer),
        (error) => faults.push(String(error)),
      );
      await Bun.sleep(3);
    }
  });
  return async () => {
    over = true;
    await Promise.all(clients);
    return { answers, faults };
  };
}

function inheriting(version: string, port: number, more: Readonly<Record<string, unknown>> = {}) {
  return {
    command: [bun, server, version],
    sandbox: { level: "none" },
    stop: { grace_ms: 5_000 },
    ports: { listen: [{ name: "web", port }], handover: "listen_fds" },
    ...more,
  };
}

test("no connection is lost while every copy is replaced by one that inherits the socket", async () => {
  const port = await freePort();
  const provider = world.provider();
  const first = await world.revision(provider, "web", inheriting("one", port, { replicas: 2 }));
  await world.apply(provider, first);
  expect(await ask(port)).toBe("one");
  await until(() => world.log("web").includes("inherited 1 web true"));
  const stop = asking(port);
  for (const version of ["two", "three"]) {
    const next = await world.revision(provider, "web", inheriting(version, port, { replicas: 2 }));
    await world.apply(provider, next);
    await until(async () => (await ask(port)) === version);
    expect((await world.present(provider, next)).copies).toMatchObject({ total: 2, updated: 2 });
  }
  const { answers, faults } = await stop();
  expect(faults).toEqual([]);
  // An empty answer would be a connection that was accepted and dropped.
  expect(new Set(answers).difference(new Set(["one", "two", "three"]))).toEqual(new Set());
  expect(answers.length).toBeGreaterThan(10);
}, 60_000);

test("a later akc fetches the socket back from a running copy, and no connection is lost either", async () => {
  const port = await freePort();
  const earlier = world.provider();
  const first = await world.revision(earlier, "web", inheriting("one", port));
  await world.apply(earlier, first);
  expect(await ask(port)).toBe("one");
  await earlier.close();
  const stop = asking(port);
  const later = world.provider();
  const next = await world.revision(later, "web", inheriting("two", port));
  await world.apply(later, next);
  await until(async () => (await ask(port)) === "two");
  const { faults } = await stop();
  expect(faults).toEqual([]);
  expect((await world.present(later, next)).message).toBeUndefined();
}, 60_000);

test("a socket that cannot be had from the running copy is bound anew after its end, and that is said", async () => {
  const port = await freePort();
  const earlier = world.provider();
  const moved = inheriting("one", port, { command: [bun, server, "one", "", "moves"] });
  const first = await world.revision(earlier, "web", moved);
  await world.apply(earlier, first);
  expect(await ask(port)).toBe("one");
  await earlier.close();
  const later = world.provider();
  const next = await world.revision(later, "web", inheriting("two", port));
  await world.apply(later, next);
  expect(await ask(port)).toBe("two");
  const { message, copies } = await world.present(later, next);
  expect(message).toContain("could not be taken over");
  expect(copies).toMatchObject({ total: 1, updated: 1 });
  await world.apply(later, next);
  expect((await world.present(later, next)).message).toBeUndefined();
}, 60_000);

test("connections wait while a copy that crashed is started again: the socket stays open", async () => {
  const port = await freePort();
  const provider = world.provider({ supervise: true });
  world.watch(provider);
  const revision = await world.revision(
    provider,
    "web",
    inheriting("one", port, { restart: { backoff_ms: 100 } }),
  );
  await world.apply(provider, revision);
  expect(await ask(port)).toBe("one");
  process.kill(world.pid("web"), "SIGKILL");
  await until(() => world.living("web").length === 0);
  expect(await ask(port)).toBe("one");
}, 60_000);

test("a confined service without a network accepts at the socket that it inherits", async () => {
  const port = await freePort();
  const provider = world.provider();
  const sandbox = { read: [join(import.meta.dir, "..", "..", "src"), import.meta.dir], network: false };
  const revision = await world.revision(provider, "web", inheriting("one", port, { sandbox }));
  await world.apply(provider, revision);
  expect(await ask(port)).toBe("one");
}, 60_000);

test("with reuse_port the next copy listens before the one it replaces is ended", async () => {
  const port = await freePort();
  const settings = (version: string) => ({
    command: [bun, server, version, String(port)],
    sandbox: { level: "none" },
    stop: { grace_ms: 5_000 },
    ports: { listen: [{ name: "web", port }], handover: "reuse_port" },
  });
  const provider = world.provider();
  const first = await world.revision(provider, "web", settings("one"));
  await world.apply(provider, first);
  await until(() => listenersAt(port) === 1);
  const next = await world.revision(provider, "web", settings("two"));
  let least = Number.POSITIVE_INFINITY;
  const looking = setInterval(() => {
    least = Math.min(least, listenersAt(port));
  }, 1);
  await world.apply(provider, next);
  clearInterval(looking);
  expect(least).toBeGreaterThanOrEqual(1);
  await until(async () => (await ask(port)) === "two");
  expect((await world.present(provider, next)).copies).toMatchObject({ total: 1, updated: 1 });
}, 60_000);

test("with reuse_port, a next copy that never listens fails the change and leaves the old one serving", async () => {
  const port = await freePort();
  const settings = (command: readonly string[]) => ({
    command,
    sandbox: { level: "none" },
    ports: { listen: [{ name: "web", port }], handover: "reuse_port" },
  });
  const provider = world.provider();
  await world.apply(
    provider,
    await world.revision(provider, "web", settings([bun, server, "one", String(port)])),
  );
  await until(() => listenersAt(port) === 1);
  const dead = await world.revision(provider, "web", settings(["sh", "-c", "exit 1"]));
  await expect(world.apply(provider, dead)).rejects.toMatchObject({ code: "PROVIDER_FAILED" });
  expect(await ask(port)).toBe("one");
}, 60_000);
