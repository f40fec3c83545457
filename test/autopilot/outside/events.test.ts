/** The stream of what a controller tells: in order, taken up where it was left, and never at the controller's cost. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { connect } from "node:net";
import * as v from "valibot";
import type { Entry } from "../../../src/autopilot/model.ts";
import { limits } from "../../../src/limits.ts";
import { type Outside, type OutsideDeps, serveOutside } from "../../../src/service/server.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { someDefaults } from "./config.ts";
import { FakeController, shop } from "./fake-controller.ts";

let controller: FakeController;
let outside: Outside;
let journal: Entry[];
const stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  journal = [];
  controller = new FakeController();
  outside = await serve();
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function serve(): Promise<Outside> {
  const store: OutsideDeps["store"] = {
    scopes: async () => [shop],
    entriesBetween: async (_, fromMs, toMs) => journal.filter(({ atMs }) => atMs >= fromMs && atMs < toMs),
  };
  const made = await serveOutside(controller, {
    listen: { kind: "tcp", host: "127.0.0.1", port: 0 },
    clock: systemClock,
    config: () => someDefaults,
    store,
  });
  stops.push(() => made.close());
  return made;
}

const Data = v.record(v.string(), v.unknown());

interface Event {
  readonly id: string;
  readonly event: string;
  readonly data: v.InferOutput<typeof Data>;
}

/** A reader of the stream, as EventSource is one. */
async function read(lastEventId?: string, query = "") {
  const abort = new AbortController();
  stops.unshift(async () => abort.abort());
  const response = await fetch(`${outside.address}/v1/events${query}`, {
    headers: lastEventId === undefined ? {} : { "last-event-id": lastEventId },
    signal: abort.signal,
  });
  const parts = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const next = async (): Promise<Event> => {
    for (;;) {
      const end = text.indexOf("\n\n");
      if (end < 0) {
        const { done, value } = (await parts?.read()) ?? { done: true };
        if (done) throw new Error("the stream has ended");
        text += value ?? "";
        continue;
      }
      const fields = new Map(
        text
          .slice(0, end)
          .split("\n")
          .map((line): [string, string] => [line.replace(/:.*$/s, ""), line.replace(/^[^:]*: ?/, "")]),
      );
      text = text.slice(end + 2);
      const data = fields.get("data");
      if (data === undefined) continue;
      const parsed: unknown = JSON.parse(data);
      return { id: fields.get("id") ?? "", event: fields.get("event") ?? "", data: v.parse(Data, parsed) };
    }
  };
  return { response, next, stop: () => abort.abort() };
}

const note = (message: string) =>
  controller.tell({ kind: "note", level: "info", message, keys: { camelCase: 1 }, atMs: Date.now() });

test("what is told arrives in order, with an id, in snake case", async () => {
  const reader = await read();
  expect(reader.response.headers.get("content-type")).toContain("text/event-stream");
  controller.tell({ kind: "visited", scope: shop, next: "nothing", durationMs: 2, atMs: 9 });
  controller.fact({ type: "escalated", reason: "rollback_failed", message: "m\n\ndata: {}" });
  note("one");
  const [first, second, third] = [await reader.next(), await reader.next(), await reader.next()];
  expect(first).toMatchObject({
    event: "visited",
    data: { tenant_id: "acme", repo_id: "shop", next: "nothing", duration_ms: 2, at_ms: 9 },
  });
  expect(second).toMatchObject({
    event: "entry",
    data: { entry: { seq: 1, fact: { type: "escalated", message: "m\n\ndata: {}" } } },
  });
  expect(third.data).toMatchObject({ message: "one", keys: { camelCase: 1 } });
  const numbers = [first, second, third].map(({ id }) => Number(id.split(".")[1]));
  expect(numbers).toEqual([1, 2, 3]);
});

test("a reader that comes back is told exactly what it missed", async () => {
  const first = await read();
  note("one");
  const { id } = await first.next();
  first.stop();
  for (const message of ["two", "three"]) note(message);
  const again = await read(id);
  note("four");
  const heard = [await again.next(), await again.next(), await again.next()];
  expect(heard.map(({ data }) => data["message"])).toEqual(["two", "three", "four"]);
});

test("after a restart entries come from the journal, once each, and that more is missing is said", async () => {
  const reader = await read();
  journal.push(
    controller.fact({ type: "escalated", reason: "rollback_failed", message: "old" }, Date.now() - 5),
  );
  const { id } = await reader.next();
  await outside.close();
  const before = controller;
  controller = new FakeController({ holder: "ctl@host:2:0022" });
  outside = await serve();
  journal.push(before.fact({ type: "visit_recovered" }));
  const again = await read(id);
  expect(await again.next()).toMatchObject({ event: "gap", data: { entries_follow: true } });
  // At the same time stands what was had already: it may come twice, with its number.
  const heard = [await again.next(), await again.next()];
  expect(heard.map(({ data }) => v.parse(Data, data["entry"])["seq"])).toEqual([1, 2]);
  const [, last] = journal;
  if (last !== undefined) controller.tell({ kind: "entry", scope: shop, entry: last });
  note("live");
  expect((await again.next()).data["message"]).toBe("live");
});

test("a reader of one scope hears of it and of what concerns none", async () => {
  const reader = await read(undefined, "?scope=acme/shop");
  const other = { tenantId: "acme", repoId: "site" };
  controller.tell({ kind: "visited", scope: other, next: "nothing", durationMs: 1, atMs: 1 });
  controller.tell({ kind: "visited", scope: shop, next: "hold", durationMs: 1, atMs: 1 });
  note("all");
  expect([(await reader.next()).data["next"], (await reader.next()).data["message"]]).toEqual([
    "hold",
    "all",
  ]);
});

test("a reader that does not read is cut off, and nobody waits for it", async () => {
  const socket = connect(outside.port, "127.0.0.1");
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.on("error", () => undefined);
  socket.write("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await new Promise((resolve) => socket.once("readable", resolve));
  socket.pause();
  const families = () => outside.metrics.families();
  const value = (name: string) => {
    const family = families().find((one) => one.name === name);
    return family?.kind === "histogram" ? undefined : family?.series[0]?.value;
  };
  expect(value("akc.events.streams")).toBe(1);
  // More than the kernel takes for it, and more than it may leave lying.
  const large = "x".repeat(20_000);
  for (
    let told = 0;
    told < 2 * limits.outsideStreamQueueMax && value("akc.events.streams") === 1;
    told += 1
  ) {
    note(large);
    if (told % 100 === 0) await Bun.sleep(1);
  }
  expect(value("akc.events.streams")).toBe(0);
  expect(value("akc.events.streams_cut")).toBe(1);
  expect((await fetch(`${outside.address}/livez`)).status).toBe(200);
  socket.destroy();
});

test("there are so many readers and no more, and one that leaves makes place", async () => {
  const readers = await Promise.all(Array.from({ length: limits.outsideStreamsMax }, () => read()));
  const refused = await read();
  expect(refused.response.status).toBe(503);
  readers[0]?.stop();
  for (let tries = 0; tries < 100; tries += 1) {
    const { response, stop } = await read();
    if (response.status === 200) return;
    stop();
    await Bun.sleep(20);
  }
  throw new Error("no place was made");
});

test("a server that closes ends its streams", async () => {
  const reader = await read();
  await outside.close();
  await expect(reader.next()).rejects.toThrow();
});
