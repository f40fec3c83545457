/** When another process last went on with a run, and how often parts of it were run again; out of its events, from the end. */
import * as v from "valibot";
import { limits } from "../../limits.ts";
import type { Lease, RunReader } from "../../store/contract.ts";

export interface Resumption {
  readonly atMs: number;
  /** How often parts of it were run again. */
  readonly generation: number;
}

const Generation = v.pipe(v.string(), v.parseJson(), v.object({ generation: v.number() }));

/** Undefined while the process that began it is the only one that ever had it. */
export async function lastResumption(
  reader: RunReader,
  lastSeq: number,
  lease: Lease | null,
): Promise<Resumption | undefined> {
  if (lease === null || lease.token === 1) return undefined;
  let generation: number | undefined;
  for (let end = lastSeq; end > 0; end -= limits.eventsPageMax) {
    const after = Math.max(0, end - limits.eventsPageMax);
    for (const { type, atMs, payload } of (await reader.events(after, end - after)).toReversed()) {
      if (type !== "runtime.kernel.resumed" && type !== "runtime.kernel.rerun") continue;
      const parsed = v.safeParse(Generation, payload);
      generation ??= parsed.success ? parsed.output.generation : 0;
      if (type === "runtime.kernel.resumed") return { atMs, generation };
    }
  }
  return undefined;
}
