/**
 * What a controller told, kept for a while and handed to readers as they come: each with a place in the order, so that whoever was cut
 * off goes on from there. The newest stand in memory, older entries in the journal. A reader that does not read is cut off; the
 * controller never waits for one.
 */
import type { AutopilotStore, Controller, Telling } from "../../autopilot/contract.ts";
import { type Entry, type ScopeId, scopeName } from "../../autopilot/model.ts";
import { sha256Hex } from "../../json/fingerprint.ts";
import { toPlain } from "../../json/plain.ts";
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { toldAtMs, toldShape } from "./told-shape.ts";

export interface EventReader {
  /** One event as it goes out, ready to be sent. False: it took no more, and is told nothing further. */
  take(text: string): boolean;
  /** It missed something: it has to come back. */
  cut(): void;
}

export interface EventLog {
  /**
   * Tells the reader what it has missed, then what comes. Returns how to stop it.
   * @param lastEventId as the reader last had it; undefined: from now on
   * @param scope tells of this scope alone, and of what concerns none
   */
  read(reader: EventReader, lastEventId: string | undefined, scope?: ScopeId): () => void;
  close(): void;
}

export interface EventLogDeps {
  /** Absent: what is older than the memory is gone. */
  readonly store?: Pick<AutopilotStore, "entriesBetween" | "scopes"> | undefined;
  nowMs(): number;
}

/** As text: thousands of small parts that come and go would keep the heap from ever shrinking. */
interface Kept {
  readonly number: number;
  readonly atMs: number;
  /** `<tenant>/<repo>`; undefined: it concerns all. */
  readonly scope: string | undefined;
  /** Of an entry of the scope's journal. */
  readonly seq: number | undefined;
  readonly message: string;
}

interface Follower {
  readonly reader: EventReader;
  readonly scope: ScopeId | undefined;
  /** While the journal is read, what comes is put aside. */
  waiting: Kept[] | undefined;
  /** By `<tenant>/<repo>`: the last entry that the journal gave. */
  readonly seen: Map<string, number>;
}

export function openEventLog(
  controller: Pick<Controller, "listen" | "status">,
  { store, nowMs }: EventLogDeps,
): EventLog {
  // Another process's numbers mean nothing here.
  const era = sha256Hex(controller.status().holder).slice(0, 8);
  const ring: Kept[] = [];
  const followers = new Set<Follower>();
  let number = 0;

  const stop = controller.listen((told) => {
    number += 1;
    const kept = keptOf(number, told);
    ring.push(kept);
    // Moved down in one go: a shift for each would cost a copy of all.
    if (ring.length >= 2 * limits.outsideEventsKeptMax)
      ring.splice(0, ring.length - limits.outsideEventsKeptMax);
    for (const follower of followers) tell(follower, kept);
  });

  const tell = (follower: Follower, kept: Kept) => {
    if (follower.waiting !== undefined) {
      if (follower.waiting.length < limits.outsideStreamQueueMax) follower.waiting.push(kept);
      else {
        followers.delete(follower);
        follower.reader.cut();
      }
      return;
    }
    if (!concerns(kept, follower.scope) || alreadySeen(kept, follower.seen)) return;
    if (!follower.reader.take(withId(`${era}.${kept.number}.${kept.atMs}`, kept.message))) {
      followers.delete(follower);
    }
  };

  const fromJournal = async (follower: Follower, fromMs: number) => {
    const { reader, scope, seen } = follower;
    if (!reader.take(gapText(fromMs, store !== undefined))) return followers.delete(follower);
    for (const told of await journalSince(store, scope, fromMs, nowMs())) {
      // What is taken up again after this id is taken up from the journal.
      if (!reader.take(withId(`journal.0.${toldAtMs(told)}`, messageOf(told))))
        return followers.delete(follower);
      seen.set(scopeName(told.scope), told.entry.seq);
    }
    return true;
  };

  return {
    read(reader, lastEventId, scope) {
      const follower: Follower = { reader, scope, waiting: undefined, seen: new Map() };
      const last = placeOfId(lastEventId);
      if (last === undefined) {
        followers.add(follower);
        return () => followers.delete(follower);
      }
      const [oldest] = ring;
      const inMemory =
        last.era === era &&
        last.number <= number &&
        (last.number === number || (oldest?.number ?? 0) <= last.number + 1);
      if (inMemory) {
        followers.add(follower);
        for (const kept of ring)
          if (kept.number > last.number && followers.has(follower)) tell(follower, kept);
        return () => followers.delete(follower);
      }
      follower.waiting = [];
      followers.add(follower);
      void fromJournal(follower, Math.max(last.atMs, nowMs() - limits.outsideResumeMs))
        .catch(() => reader.take(gapText(last.atMs, false)))
        .then(() => {
          const waiting = follower.waiting ?? [];
          follower.waiting = undefined;
          for (const kept of waiting) if (followers.has(follower)) tell(follower, kept);
        });
      return () => followers.delete(follower);
    },
    close() {
      stop();
      followers.clear();
    },
  };
}

type EntryTold = Extract<Telling, { readonly kind: "entry" }>;

async function journalSince(
  store: EventLogDeps["store"],
  scope: ScopeId | undefined,
  fromMs: number,
  nowMs: number,
): Promise<readonly EntryTold[]> {
  if (store === undefined) return [];
  const found: EntryTold[] = [];
  for (const one of scope === undefined ? await store.scopes() : [scope]) {
    const entries: readonly Entry[] = await store.entriesBetween(one, fromMs, nowMs + 1);
    for (const entry of entries) found.push({ kind: "entry", scope: one, entry });
    if (found.length > limits.outsideResumeEntriesMax) break;
  }
  return found.toSorted((a, b) => a.entry.atMs - b.entry.atMs).slice(-limits.outsideResumeEntriesMax);
}

function keptOf(number: number, told: Telling): Kept {
  return {
    number,
    atMs: toldAtMs(told),
    scope: "scope" in told ? scopeName(told.scope) : undefined,
    seq: told.kind === "entry" ? told.entry.seq : undefined,
    message: messageOf(told),
  };
}

function messageOf(told: Telling): string {
  const { event, data } = toldShape(told);
  return messageText(event, data);
}

function gapText(fromMs: number, journal: boolean): string {
  return messageText("gap", { from_ms: fromMs, entries_follow: journal });
}

/** As server-sent events are written: https://html.spec.whatwg.org/multipage/server-sent-events.html */
function messageText(event: string, data: JsonObject): string {
  // JSON of one line holds no line break, so one `data` field is all of it.
  return `event: ${event}\ndata: ${JSON.stringify(toPlain(data))}\n\n`;
}

function withId(id: string, message: string): string {
  return `id: ${id}\n${message}`;
}

function placeOfId(id: string | undefined) {
  const [, era = "", digits = "", atMs = ""] = /^(\w{1,16})\.(\d{1,15})\.(\d{1,15})$/.exec(id ?? "") ?? [];
  return era === "" ? undefined : { era, number: Number(digits), atMs: Number(atMs) };
}

function concerns(kept: Kept, scope: ScopeId | undefined): boolean {
  return scope === undefined || kept.scope === undefined || kept.scope === scopeName(scope);
}

function alreadySeen({ scope = "", seq }: Kept, seen: ReadonlyMap<string, number>): boolean {
  return seq !== undefined && seq <= (seen.get(scope) ?? 0);
}
