/**
 * The daemon's log on stderr: where its lines go, how many of the same kind, and what becomes of them when nobody reads.
 * Never waits for a reader and never throws: what cannot be written is dropped, counted, and said once there is room.
 *
 * Source: systemd.exec(5), JOURNAL_STREAM; spec cli §16.5.
 */
import { fstatSync } from "node:fs";
import { isatty } from "node:tty";
import type { JsonObject } from "../json/value.ts";
import { limits } from "../limits.ts";
import type { Clock } from "../system/clock.ts";
import { type LineStyle, type LogLevel, type LogRecord, logLevels, logLine } from "./log-line.ts";

/** What is logged, without the time, which the journal reads itself. */
export type Logged = Omit<LogRecord, "atMs"> & { readonly atMs?: number };

export interface Journal {
  log(record: Logged): void;
  /** One line that is never held back by the rate limit. */
  always(record: Logged): void;
  /** Says what was held back; called once more at the end. */
  flush(): void;
}

/** Takes text without waiting. False: there is no room, and nothing of it was taken. */
export interface LogSink {
  take(text: string): boolean;
}

export interface JournalDeps {
  readonly sink: LogSink;
  readonly style: LineStyle;
  readonly clock: Pick<Clock, "nowMs" | "monotonicMs">;
  /** The least severe level that is written. */
  readonly level: LogLevel;
  /** Known secret values, as they are now. */
  secrets(): readonly string[];
}

export function createJournal({ sink, style, clock, level, secrets }: JournalDeps): Journal {
  const kinds = new Map<string, Kind>();
  let dropped = 0;
  const put = (record: LogRecord) => {
    if (dropped > 0) {
      const lost = { lines: dropped } satisfies JsonObject;
      const word: LogRecord = { level: "warn", event: "log_lines_dropped", atMs: record.atMs, keys: lost };
      if (sink.take(logLine(word, style, []))) dropped = 0;
    }
    if (!sink.take(logLine(record, style, secrets()))) dropped += 1;
  };
  const sayHeldBack = (kind: Kind, atMs: number) => {
    const { event, tenantId, repoId } = kind.first;
    const keys: JsonObject = { of: event, lines: kind.heldBack };
    put({ level: "info", event: "log_lines_held_back", atMs, tenantId, repoId, keys });
    kind.heldBack = 0;
  };
  const passes = (record: LogRecord): boolean => {
    const key = [record.level, record.event, record.message, record.tenantId, record.repoId].join("\0");
    const nowMs = clock.monotonicMs();
    let kind = kinds.get(key);
    if (kind !== undefined && nowMs - kind.sinceMs >= limits.journalWindowMs) {
      if (kind.heldBack > 0) sayHeldBack(kind, record.atMs);
      kinds.delete(key);
      kind = undefined;
    }
    if (kind === undefined) {
      kind = { first: record, sinceMs: nowMs, lines: 0, heldBack: 0 };
      kinds.set(key, kind);
      if (kinds.size > limits.journalKindsMax) forgetOldest(record.atMs);
    }
    if (kind.lines >= limits.journalLinesPerWindow) {
      kind.heldBack += 1;
      return false;
    }
    kind.lines += 1;
    return true;
  };
  const forgetOldest = (atMs: number) => {
    const [[key, kind] = []] = kinds;
    if (key === undefined || kind === undefined) return;
    kinds.delete(key);
    if (kind.heldBack > 0) sayHeldBack(kind, atMs);
  };
  const timed = (record: Logged): LogRecord => ({ ...record, atMs: record.atMs ?? clock.nowMs() });
  const levelIndex = logLevels.indexOf(level);
  return {
    log(record) {
      if (logLevels.indexOf(record.level) > levelIndex) return;
      const whole = timed(record);
      if (passes(whole)) put(whole);
    },
    always: (record) => put(timed(record)),
    flush() {
      const atMs = clock.nowMs();
      for (const kind of kinds.values()) if (kind.heldBack > 0) sayHeldBack(kind, atMs);
      kinds.clear();
    },
  };
}

/** Lines of one event, message and scope within one window. */
interface Kind {
  readonly first: LogRecord;
  readonly sinceMs: number;
  lines: number;
  heldBack: number;
}

/** stderr of this process. What its reader has not taken is kept up to a bound; the stream's own count says nothing of it. */
export function stderrSink(stream: NodeJS.WriteStream = process.stderr): LogSink {
  let unread = 0;
  // A reader that went away is not missed.
  stream.on("error", () => undefined);
  return {
    take(text) {
      if (unread > 0 && unread + text.length > limits.journalUnreadCharsMax) return false;
      unread += text.length;
      stream.write(text, () => {
        unread -= text.length;
      });
      return true;
    },
  };
}

/** How lines on a descriptor are to look. */
export function styleOfStderr(
  env: Readonly<Record<string, string | undefined>>,
  { format, color, pid }: { readonly format: "text" | "json"; readonly color: boolean; readonly pid: number },
  fd = 2,
): LineStyle {
  const place = isJournal(fd, env["JOURNAL_STREAM"]) ? "journal" : isatty(fd) ? "terminal" : "stream";
  return { format, place, color: color && place === "terminal", pid };
}

/** The variable alone proves nothing: it is inherited by whatever a service starts with its streams somewhere else. */
function isJournal(fd: number, named: string | undefined): boolean {
  if (named === undefined || named === "") return false;
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return named === `${dev}:${ino}`;
  } catch {
    return false;
  }
}
