/**
 * Pictures of runs, kept while they are looked at: one that has not changed is not read again, and one that is costly to read is not read
 * more often than its share of the time allows. A few are kept; the one that nobody asked for longest goes.
 */
import { limits } from "../../limits.ts";
import type { RunPicture } from "../../picture/model.ts";
import { readPicture } from "../../picture/read.ts";
import type { Clock } from "../../system/clock.ts";
import type { FoundRun, Part } from "../model.ts";
import { withRun } from "./outputs.ts";

export interface Pictures {
  /** As the run stands; where reading it is costly, as it stood a moment ago. */
  of(run: FoundRun): Promise<RunPicture>;
  /** What was drawn of a picture, for as long as it is kept. */
  readonly drawn: WeakMap<RunPicture, readonly Part[]>;
}

interface Kept {
  readonly picture: Promise<RunPicture>;
  /** What it was read from. */
  readonly key: string;
  /** Monotonic: it is not read again before. */
  notBeforeMs: number;
}

/** @param busyMs how long the processor has worked for this process */
export function createPictures(clock: Pick<Clock, "nowMs" | "monotonicMs">, busyMs: () => number): Pictures {
  const kept = new Map<string, Kept>();
  return {
    drawn: new WeakMap(),
    of(run) {
      const { row, scopeRoot } = run;
      const name = `${scopeRoot}\n${row.context.runtimeRunId}`;
      const beganMs = clock.monotonicMs();
      const busyBeforeMs = busyMs();
      // Bars of a run that goes on grow without an event.
      const key = `${row.lastSeq} ${row.outcome ?? Math.floor(beganMs / limits.uiRefreshMs)}`;
      const found = kept.get(name);
      const isGood =
        found !== undefined && (found.key === key || (beganMs < found.notBeforeMs && row.outcome === null));
      kept.delete(name);
      if (isGood) {
        kept.set(name, found);
        return found.picture;
      }
      const picture = withRun(run, (reader, store) =>
        readPicture({ reader, row, deployment: store.deployment }, clock.nowMs()),
      );
      const entry: Kept = { picture, key, notBeforeMs: Number.POSITIVE_INFINITY };
      kept.set(name, entry);
      for (const oldest of kept.keys()) {
        if (kept.size <= limits.uiPicturesMax) break;
        kept.delete(oldest);
      }
      return picture.then(
        (read) => {
          const costMs = busyMs() - busyBeforeMs;
          entry.notBeforeMs = clock.monotonicMs() + Math.min(limits.uiRefreshMs, costMs * limits.uiIdleShare);
          return read;
        },
        (cause: unknown) => {
          if (kept.get(name) === entry) kept.delete(name);
          throw cause;
        },
      );
    },
  };
}
