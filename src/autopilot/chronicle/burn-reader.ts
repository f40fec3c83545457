/**
 * How objectives stand, looked up again and again: each fact is read once and in pages, and only how many were good and bad is kept,
 * in buckets of time, since a month of facts that is read or held whole costs more with every day. All of it may be lost. Writes nothing.
 */
import { limits } from "../../limits.ts";
import type { SloDefinition } from "../config/model.ts";
import type { AutopilotStore } from "../contract.ts";
import { type Entry, type ScopeId, scopeName } from "../model.ts";
import { type Burn, burnOf } from "../score/burn.ts";
import {
  bucketOf,
  inBuckets,
  measuredOf,
  recompileSamples,
  rolloutSamples,
  type Sample,
} from "../score/samples.ts";

export interface BurnReader {
  /** @throws AkcError of the store */
  burns(scope: ScopeId, slos: readonly SloDefinition[], nowMs: number): Promise<readonly Burn[]>;
  /** Forgets all other scopes. */
  keepOnly(scopes: readonly ScopeId[]): void;
}

interface Kept {
  /** Up to which all was read; its digest says whether the chain is still the one that was read. */
  readonly last: Pick<Entry, "seq" | "sha256">;
  /** Buckets before this one may be missing. */
  readonly sinceMs: number;
  readonly rollouts: readonly Sample[];
  readonly recompiles: readonly Sample[];
  /** The beginnings of attempts whose ends were not read yet. */
  readonly begun: readonly Entry[];
}

const nothing: Kept = { last: { seq: 0, sha256: "" }, sinceMs: 0, rollouts: [], recompiles: [], begun: [] };

export function createBurnReader(store: Pick<AutopilotStore, "entries" | "tallies">): BurnReader {
  const kept = new Map<string, Kept>();

  const readOn = async (scope: ScopeId, from: Kept): Promise<Kept> => {
    let read = from;
    for (;;) {
      const { last } = read;
      // With the last one that is known in front.
      const [known, ...page] = await store.entries(scope, last.seq - 1, limits.storePageRows);
      const begins = last.seq === 0;
      // Another chain, or one whose beginning was removed meanwhile: all that there is is read again.
      if (!begins && (known?.seq !== last.seq || known.sha256 !== last.sha256)) return readOn(scope, nothing);
      const fresh = begins && known !== undefined ? [known, ...page] : page;
      if (fresh.length === 0) return read;
      read = withRead(read, fresh);
      // What is due in the process comes first.
      await Bun.sleep(0);
    }
  };

  return {
    async burns(scope, slos, nowMs) {
      if (slos.length === 0) return [];
      const key = scopeName(scope);
      const sinceMs = bucketOf(Math.max(0, nowMs - Math.max(...slos.map(({ periodMs }) => periodMs))));
      const known = kept.get(key) ?? nothing;
      // A longer period, or a clock that was set back, asks for what is forgotten.
      const read = since(await readOn(scope, sinceMs < known.sinceMs ? nothing : known), sinceMs);
      kept.set(key, read);
      const tallies = await store.tallies(scope, sinceMs, Number.MAX_SAFE_INTEGER);
      const measured = { ...measuredOf([], tallies), rollouts: read.rollouts, recompiles: read.recompiles };
      return slos.map((slo) => burnOf(slo, measured, nowMs));
    },
    keepOnly(scopes) {
      const names = new Set(scopes.map(scopeName));
      for (const key of kept.keys()) if (!names.has(key)) kept.delete(key);
    },
  };
}

/** @param fresh what stands behind all that was read */
function withRead(kept: Kept, fresh: readonly Entry[]): Kept {
  const entries = [...kept.begun, ...fresh];
  const over = new Set(fresh.flatMap(({ fact }) => (fact.type === "attempt_ended" ? [fact.attemptId] : [])));
  const { seq, sha256 } = fresh.at(-1) ?? kept.last;
  return {
    last: { seq, sha256 },
    sinceMs: kept.sinceMs,
    rollouts: inBuckets([...kept.rollouts, ...rolloutSamples(entries)]),
    recompiles: inBuckets([...kept.recompiles, ...recompileSamples(fresh)]),
    begun: entries.filter(({ fact }) => fact.type === "attempt_started" && !over.has(fact.attempt.attemptId)),
  };
}

function since(kept: Kept, sinceMs: number): Kept {
  const within = (samples: readonly Sample[]) => samples.filter((sample) => sample.fromMs >= sinceMs);
  return { ...kept, sinceMs, rollouts: within(kept.rollouts), recompiles: within(kept.recompiles) };
}
