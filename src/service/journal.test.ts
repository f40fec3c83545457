import { expect, test } from "bun:test";
import fc from "fast-check";
import { limits } from "../limits.ts";
import { createJournal } from "./journal.ts";
import { type LineStyle, type LogRecord, logLine } from "./log-line.ts";

const json: LineStyle = { format: "json", place: "stream", color: false, pid: 7 };
const record = (over: Partial<LogRecord> = {}): LogRecord => ({
  level: "warn",
  event: "lease_lost",
  atMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  tenantId: "acme",
  repoId: "shop",
  keys: { streak: 3, by: "host a" },
  ...over,
});

test("a line has the common fields, a constant message and keys, in the form of the place it goes to", () => {
  expect(JSON.parse(logLine(record(), json, []))).toEqual({
    ts_unix_ms: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    level: "warn",
    event: "lease_lost",
    pid: 7,
    tenant_id: "acme",
    run_id: null,
    repo_id: "shop",
    message: "lease lost",
    streak: 3,
    by: "host a",
  });
  const text = (place: LineStyle["place"], color = false) =>
    logLine(record(), { ...json, format: "text", place, color }, []);
  expect(text("journal")).toBe('<4>lease lost scope=acme/shop streak=3 by="host a"\n');
  expect(text("terminal")).toBe('03:04:05 warn  lease lost scope=acme/shop streak=3 by="host a"\n');
  expect(text("terminal", true)).toStartWith("03:04:05 \u001b[33mwarn \u001b[39m lease lost");
  expect(text("stream")).toStartWith("2026-01-02T03:04:05.678Z warn  lease lost");
  expect(logLine(record(), { ...json, place: "journal" }, [])).toStartWith('<4>{"ts_unix_ms":');
});

test("no value breaks a line, steers a terminal, or takes a common field's place", () => {
  const evil = fc.dictionary(
    fc.oneof(fc.string(), fc.constantFrom("level", "pid", "event", "tenant_id", "__proto__")),
    fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("a\nb", "\u001b[2J", "\u202e", "\u009b31m")),
  );
  fc.assert(
    fc.property(evil, fc.constantFrom<LineStyle["place"]>("journal", "terminal", "stream"), (keys, place) => {
      for (const format of ["json", "text"] as const) {
        const line = logLine(record({ keys }), { ...json, format, place }, []);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose.
        expect(line.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/);
        if (format === "json")
          expect(JSON.parse(line.replace(/^<4>/, ""))).toMatchObject({
            level: "warn",
            event: "lease_lost",
            pid: 7,
            tenant_id: "acme",
          });
      }
    }),
  );
});

test("no secret gets through: known ones, what stands behind a key that names one, and what looks like one", () => {
  const keys = {
    detail: "sent open-sesame to https://me:hunter2@example.org",
    headers: { authorization: "Basic Zm9v", "x-akc": "fine" },
    list: [{ api_key: "k-123456" }, "password=abcdef"],
  };
  for (const format of ["json", "text"] as const) {
    const line = logLine(record({ message: "open-sesame refused", keys }), { ...json, format }, [
      "open-sesame",
    ]);
    expect(line).not.toMatch(/open-sesame|hunter2|Zm9v|k-123456|abcdef/);
    expect(line).toContain("fine");
  }
});

/** A reader that takes so many lines and then no more, until it is told to. */
class SlowReader {
  readonly lines: string[] = [];
  room = Number.POSITIVE_INFINITY;
  take(text: string): boolean {
    if (this.room <= 0) return false;
    this.room -= 1;
    this.lines.push(text.trimEnd());
    return true;
  }
}

function written(reader: SlowReader) {
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const style: LineStyle = { format: "text", place: "journal", color: false, pid: 7 };
  const journal = createJournal({ sink: reader, style, clock, level: "info", secrets: () => [] });
  return { journal, pass: (ms: number) => (nowMs += ms) };
}

test("the same line again and again is held back and counted, that of another scope is not", () => {
  const reader = new SlowReader();
  const { journal, pass } = written(reader);
  const max = limits.journalLinesPerWindow;
  for (let index = 0; index < max + 30; index++)
    journal.log({ level: "warn", event: "lease_unknown", tenantId: "a", repoId: "b", keys: { index } });
  expect(reader.lines.length).toBe(max);
  journal.log({ level: "warn", event: "lease_unknown", tenantId: "a", repoId: "c", keys: {} });
  expect(reader.lines.at(-1)).toBe("<4>lease unknown scope=a/c");
  pass(limits.journalWindowMs);
  journal.log({ level: "warn", event: "lease_unknown", tenantId: "a", repoId: "b", keys: {} });
  expect(reader.lines.slice(-2)).toEqual([
    "<6>log lines held back scope=a/b of=lease_unknown lines=30",
    "<4>lease unknown scope=a/b",
  ]);
  journal.log({ level: "debug", event: "scope_visited", keys: {} });
  expect(reader.lines.at(-1)).toContain("lease unknown");
});

test("what nobody reads is dropped, and said once there is room", () => {
  const reader = new SlowReader();
  const { journal } = written(reader);
  reader.room = 0;
  for (let index = 0; index < 5; index++) journal.always({ level: "info", event: "e", keys: { index } });
  reader.room = 10;
  journal.always({ level: "info", event: "e", keys: { index: 5 } });
  expect(reader.lines).toEqual(["<4>log lines dropped lines=5", "<6>e index=5"]);
});

test("kinds of lines that are remembered are bounded, and none is counted twice", () => {
  const reader = new SlowReader();
  const { journal } = written(reader);
  for (let index = 0; index < limits.journalKindsMax + 10; index++)
    journal.log({ level: "info", event: "e", repoId: `r${index}`, keys: {} });
  expect(reader.lines.length).toBe(limits.journalKindsMax + 10);
});
