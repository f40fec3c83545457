/**
 * Watches pages for those who look at them: one look for all who look at the same page, cheap while nothing has changed, and of what has
 * changed only the parts that are not what a reader has. It paces itself by what a look costs, so that it never loads the host.
 */
import { limits } from "../../limits.ts";
import type { Clock } from "../../system/clock.ts";
import type { Part } from "../model.ts";
import { sumOf } from "./sum.ts";

export interface Reader {
  /** Digests of the parts that it has, by their ids; changed as parts are sent. */
  readonly has: Map<string, string>;
  /** False: it took no more, and is told nothing further. */
  take(changes: readonly Part[]): boolean;
}

export interface Watched {
  /** Changes when anything may have changed; cheap enough to poll. */
  stamp(): Promise<string>;
  parts(): Promise<readonly Part[]>;
}

export interface Watching {
  /** Tells the reader what has changed since what it has, and then what changes. Returns how to stop it. */
  follow(page: string, watched: Watched, reader: Reader): () => void;
  close(): void;
}

/** @param busyMs how long the processor has worked for this process: on a busy host the clock says nothing of what a look costs */
export function createWatching(clock: Pick<Clock, "monotonicMs" | "sleep">, busyMs: () => number): Watching {
  const pages = new Map<string, Set<Reader>>();
  const stopping = new AbortController();

  const watch = async (page: string, { stamp, parts }: Watched, readers: Set<Reader>) => {
    let seen: string | undefined;
    let newest: readonly Part[] = [];
    let lookedMs = Number.NEGATIVE_INFINITY;
    let restMs: number = limits.uiChangeMs;
    const told = new Set<Reader>();
    while (readers.size > 0 && !stopping.signal.aborted) {
      const beganMs = clock.monotonicMs();
      const sinceMs = beganMs - lookedMs;
      if (sinceMs >= restMs) {
        // Read before the parts are: what changes in between is seen at the next look.
        const now = await stamp().catch(() => seen);
        if (now !== seen || sinceMs >= Math.max(limits.uiRefreshMs, restMs)) {
          seen = now;
          const busyBeforeMs = busyMs();
          // What cannot be looked at now is looked at again later: the page stays as it is.
          newest = await parts().catch(() => newest);
          lookedMs = clock.monotonicMs();
          told.clear();
          const bytes = tell(newest, readers, readers, told);
          restMs = Math.max(
            limits.uiChangeMs,
            Math.min(limits.uiRestMsMax, (busyMs() - busyBeforeMs) * limits.uiIdleShare),
            (bytes / limits.uiChangeBytesPerSecond) * 1_000,
          );
        }
      }
      // Those that came since then.
      if (newest.length > 0)
        tell(
          newest,
          [...readers].filter((reader) => !told.has(reader)),
          readers,
          told,
        );
      await clock.sleep(limits.uiPollMs, stopping.signal).catch(() => undefined);
    }
    pages.delete(page);
  };

  return {
    follow(page, watched, reader) {
      const readers = pages.get(page);
      if (readers !== undefined) readers.add(reader);
      else {
        const first = new Set([reader]);
        pages.set(page, first);
        void watch(page, watched, first);
      }
      return () => pages.get(page)?.delete(reader);
    },
    close: () => stopping.abort(),
  };
}

/** Sends each of them what it has not. Returns the most bytes that one was sent. */
function tell(parts: readonly Part[], to: Iterable<Reader>, readers: Set<Reader>, told: Set<Reader>): number {
  const sums = parts.map(({ body }) => sumOf(body));
  let most = 0;
  for (const reader of [...to]) {
    told.add(reader);
    const changes = parts.filter(({ id }, at) => reader.has.get(id) !== sums[at]);
    if (changes.length === 0) continue;
    for (const [at, { id }] of parts.entries()) reader.has.set(id, sums[at] ?? "");
    most = Math.max(
      most,
      changes.reduce((sum, { body }) => sum + body.markup.length, 0),
    );
    if (!reader.take(changes)) readers.delete(reader);
  }
  return most;
}
