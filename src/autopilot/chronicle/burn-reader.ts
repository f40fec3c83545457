/**
 * How objectives stand, looked up again and again: each fact is read once and in pages, and only those are kept that objectives are
 * measured by, since a month of facts read whole at each look costs more with every day. All of it may be lost. Writes nothing.
 */
import { limits } from "../../limits.ts";
import type { SloDefinition } from "../config/model.ts";
import type { AutopilotStore } from "../contract.ts";
import { type Entry, type ScopeId, scopeName } from "../model.ts";
import { type Burn, burnOf } from "../score/burn.ts";

export interface BurnReader {
  /** @throws AkcError of the store */
  burns(scope: ScopeId, slos: readonly SloDefinition[], nowMs: number): Promise<readonly Burn[]>;
  /** Forgets all other scopes. */
  keepOnly(scopes: readonly ScopeId[]): void;
}

interface Kept {
  /** What it was read for. */
  readonly rollouts: boolean;
  readonly recompiles: boolean;
  /** Up to which all was read; its digest says whether the chain is still the one that was read. */
  readonly last: Pick<Entry, "seq" | "sha256">;
  readonly entries: readonly Entry[];
}

export function createBurnReader(store: Pick<AutopilotStore, "entries" | "tallies">): BurnReader {
  const kept = new Map<string, Kept>();

  const readOn = async (scope: ScopeId, from: Kept): Promise<Kept> => {
    let { last } = from;
    const fresh: Entry[] = [];
    for (;;) {
      // With the last one that is known in front.
      const [known, ...page] = await store.entries(scope, last.seq - 1, limits.storePageRows);
      const begins = last.seq === 0;
      // Another chain, or one whose beginning was removed meanwhile: all that there is is read again.
      if (!begins && (known?.seq !== last.seq || known.sha256 !== last.sha256))
        return readOn(scope, nothingOf(from));
      const read = begins && known !== undefined ? [known, ...page] : page;
      const newest = read.at(-1);
      if (newest === undefined) return { ...from, last, entries: [...from.entries, ...fresh] };
      fresh.push(...read.flatMap((entry) => measuring(entry, from)));
      last = { seq: newest.seq, sha256: newest.sha256 };
      // What is due in the process comes first.
      await Bun.sleep(0);
    }
  };

  return {
    async burns(scope, slos, nowMs) {
      if (slos.length === 0) return [];
      const key = scopeName(scope);
      const fromMs = Math.max(0, nowMs - Math.max(...slos.map(({ periodMs }) => periodMs)));
      const wanted = {
        rollouts: slos.some(({ indicator }) => indicator === "rollouts"),
        recompiles: slos.some(({ indicator }) => indicator === "recompiles"),
      };
      const known = kept.get(key);
      const isFor = known?.rollouts === wanted.rollouts && known.recompiles === wanted.recompiles;
      const read = await readOn(scope, isFor ? known : nothingOf(wanted));
      const entries = within(read.entries, fromMs);
      kept.set(key, { ...read, entries });
      const tallies = await store.tallies(scope, fromMs, Number.MAX_SAFE_INTEGER);
      return slos.map((slo) => burnOf(slo, { entries, tallies }, nowMs));
    },
    keepOnly(scopes) {
      const names = new Set(scopes.map(scopeName));
      for (const key of kept.keys()) if (!names.has(key)) kept.delete(key);
    },
  };
}

function nothingOf({ rollouts, recompiles }: Pick<Kept, "rollouts" | "recompiles">): Kept {
  return { rollouts, recompiles, last: { seq: 0, sha256: "" }, entries: [] };
}

/** The entry as far as an objective is measured by it. Repairs say nothing of one. */
function measuring(entry: Entry, { rollouts, recompiles }: Kept): readonly Entry[] {
  const { fact } = entry;
  switch (fact.type) {
    case "attempt_started":
      // What gates have said is the most of it, and of no use here.
      return rollouts && fact.attempt.kind === "rollout"
        ? [{ ...entry, fact: { ...fact, answers: [] } }]
        : [];
    case "attempt_ended":
      return rollouts ? [entry] : [];
    case "recompile_ended":
      return recompiles ? [entry] : [];
    default:
      return [];
  }
}

/** Since then; of attempts those that have not ended before it, with their beginnings, and no end without a beginning. */
function within(entries: readonly Entry[], fromMs: number): readonly Entry[] {
  const over = new Set<string>();
  const begun = new Set<string>();
  for (const { fact, atMs } of entries) {
    if (fact.type === "attempt_started") begun.add(fact.attempt.attemptId);
    if (fact.type === "attempt_ended" && atMs < fromMs) over.add(fact.attemptId);
  }
  return entries.filter(({ fact, atMs }) => {
    if (fact.type === "attempt_started") return !over.has(fact.attempt.attemptId);
    return atMs >= fromMs && (fact.type !== "attempt_ended" || begun.has(fact.attemptId));
  });
}
