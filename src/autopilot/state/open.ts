/**
 * The autopilot's memory: one SQLite file for all scopes of an outputs root and all controllers of the host. A scope whose facts do
 * not hold together is held by an error of its own, and the others go on; nothing is ever reset (cli:W-03).
 *
 * Source: architecture "State"; spec cli §14.5; docs/autopilot.md.
 */
import type { Database } from "bun:sqlite";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { failpoint } from "../../system/failpoint.ts";
import type { AutopilotStore, Cursor, Fence } from "../contract.ts";
import { emptyState, fold } from "../machine.ts";
import { type ScopeId, scopeName } from "../model.ts";
import { FactChain } from "./chain.ts";
import { damaged } from "./damage.ts";
import { openStateFile } from "./file.ts";
import { checked, type Machine, type Memory, upToDate } from "./memory.ts";
import { persistently } from "./persistently.ts";
import { pruneBeside, pruneScope } from "./prune.ts";
import {
  attemptMarkRows,
  digestIn,
  type EntryRow,
  entryRows,
  entryRowsBetween,
  knownScopes,
  type ScopeRow,
  scopeRow,
  scopesInAttempt,
} from "./rows.ts";
import { controllerRows, putBeat, talliesBetween, tidyTallies } from "./tallies.ts";
import { verifyScope } from "./verify.ts";
import { appendFacts, appendWord, newFence, takeNonce, type Written } from "./write.ts";

export interface OpenOptions {
  /** Whether an outputs root without a state gets one. Default true; commands that only look set false. */
  readonly create?: boolean;
  /** How a state follows from facts; `machine.ts` when absent. */
  readonly machine?: Machine;
}

/**
 * @param outputsRoot absolute
 * @throws AkcError PATH_UNSAFE, FILE_NOT_FOUND when there is no state and none is to be made, STORE_TOO_NEW, STORE_DAMAGED,
 *   STORE_UNWRITABLE, STORE_BUSY, DISK_FULL
 */
export async function openAutopilotStore(
  outputsRoot: string,
  { create = true, machine = { emptyState, fold } }: OpenOptions = {},
): Promise<AutopilotStore> {
  const file = await openStateFile(outputsRoot, create);
  const { path } = file;
  const memories = new Map<string, Memory>();
  let version: { readonly data: number; readonly count: number } | undefined;
  let tidiedAtMs: number | undefined;

  const writing = <T>(work: () => T) => persistently(path, work);

  const remember = (scope: ScopeId, { entries, memory }: Written) => {
    memories.set(scopeName(scope), memory);
    return entries;
  };

  /** Facts that are read one page at a time: each is held against the digest of the one before it. */
  const entriesOf = (db: Database, scope: ScopeId, row: ScopeRow, rows: readonly EntryRow[]) => {
    const first = (rows[0]?.seq ?? 1) - 1;
    let before = { seq: first, atMs: 0 };
    const head = digestIn(db, row, first);
    if (rows.length > 0 && head === undefined) throw damaged(scope, first, "a fact is missing");
    const chain = new FactChain(head ?? row.baseSha256);
    return rows.map((stored) => {
      const entry = checked(chain, scope, stored, before);
      before = entry;
      return entry;
    });
  };

  const read = (scope: ScopeId, rowsOf: (db: Database, row: ScopeRow) => readonly EntryRow[]) =>
    ofScope(scope, () =>
      persistently(path, () => {
        const db = file.reader();
        return db.transaction(() => {
          const row = scopeRow(db, scope);
          return row === null ? [] : entriesOf(db, scope, row, rowsOf(db, row));
        })();
      }),
    );

  return {
    async state(scope) {
      return ofScope(scope, () =>
        persistently(path, () => {
          const db = file.reader();
          const memory = db.transaction(() =>
            upToDate(db, machine, scope, scopeRow(db, scope), memories.get(scopeName(scope))),
          )();
          memories.set(scopeName(scope), memory);
          return memory.state;
        }),
      );
    },
    async append(scope, facts, by, options) {
      failpoint("autopilot.before_append");
      const entries = await ofScope(scope, () =>
        writing(() =>
          remember(
            scope,
            appendFacts(file.facts(), machine, scope, facts, by, options, memories.get(scopeName(scope))),
          ),
        ),
      );
      failpoint("autopilot.appended");
      return entries;
    },
    async say(scope, fact, by, nowMs, nonce) {
      const [entry] = await ofScope(scope, () =>
        writing(() =>
          remember(
            scope,
            appendWord(file.facts(), machine, scope, fact, by, nowMs, memories.get(scopeName(scope)), nonce),
          ),
        ),
      );
      return entry;
    },
    entries: (scope, afterSeq, limit) =>
      read(scope, (db, row) => entryRows(db, row.key, Math.max(afterSeq, row.baseSeq), row.seq, limit)),
    entriesBetween: (scope, fromMs, toMs) =>
      read(scope, (db, row) => entryRowsBetween(db, row.key, fromMs, toMs)),
    attemptMarks: (scope, fromMs, toMs) =>
      ofScope(scope, () =>
        persistently(path, () => {
          const db = file.reader();
          const row = scopeRow(db, scope);
          return row === null ? [] : attemptMarkRows(db, row.key, fromMs, toMs);
        }),
      ),
    cursors: async (scope) =>
      persistently(path, () => {
        const db = file.reader();
        const key = scopeRow(db, scope)?.key ?? 0;
        return db
          .query<Cursor, [number]>(
            "SELECT runtime_run_id AS runtimeRunId, seq FROM cursor WHERE scope_key = ?",
          )
          .all(key);
      }),
    scopes: async () => persistently(path, () => knownScopes(file.reader())),
    scopesInAttempt: async () => persistently(path, () => scopesInAttempt(file.reader())),
    async raiseFence(scope, holder, nowMs) {
      const fence = await writing(() => newFence(file.facts(), scope, holder, nowMs));
      failpoint("autopilot.fence_raised");
      return fence;
    },
    fence: async (scope) =>
      persistently(path, (): Fence | null => {
        const row = scopeRow(file.reader(), scope);
        return row === null || row.token === 0 ? null : { holder: row.holder, token: row.token };
      }),
    takeNonce: (nonce, keepUntilMs, nowMs) =>
      writing(() => {
        const db = file.facts();
        return db.transaction(() => takeNonce(db, { value: nonce, keepUntilMs }, nowMs)).immediate();
      }),
    async beat(controller, tallies) {
      await writing(() => putBeat(file.beats(), controller, tallies));
      if (
        tidiedAtMs !== undefined &&
        Math.abs(controller.beatAtMs - tidiedAtMs) < limits.autopilotTallyHourMs
      )
        return;
      await writing(() => tidyTallies(file.beats(), controller.beatAtMs));
      tidiedAtMs = controller.beatAtMs;
    },
    tallies: async (scope, fromMs, toMs) =>
      persistently(path, () => {
        const row = scopeRow(file.reader(), scope);
        return row === null ? [] : talliesBetween(file.reader(), scope, row.key, fromMs, toMs);
      }),
    controllers: async () => persistently(path, () => controllerRows(file.reader())),
    version: async () =>
      persistently(path, () => {
        const db = file.reader();
        const data = db.query<{ data_version: number }, []>("PRAGMA data_version").get()?.data_version ?? 0;
        if (version?.data === data) return version.count;
        const count =
          db.query<{ count: number }, []>("SELECT count FROM change WHERE id = 1").get()?.count ?? 0;
        version = { data, count };
        return count;
      }),
    async verify(scope) {
      const db = file.reader();
      const all = scope === undefined ? knownScopes(db) : [scope];
      const faults = [];
      for (const one of all) {
        const fault = await verifyScope(db, machine, one);
        if (fault !== undefined) faults.push(fault);
      }
      return faults;
    },
    async prune(beforeMs) {
      let removed = 0;
      for (const scope of knownScopes(file.reader())) {
        for (let part = 1; part > 0; removed += part) {
          part = await writing(() => pruneScope(file.facts(), machine, scope, beforeMs)).catch(keepDamaged);
        }
      }
      await writing(() => pruneBeside(file.facts(), beforeMs));
      return removed;
    },
    async close() {
      memories.clear();
      file.close();
    },
  };
}

/** Pages that the database itself cannot read are damage of the scope that they belong to: others may be whole. */
async function ofScope<T>(scope: ScopeId, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof AkcError && cause.code === "STORE_DAMAGED")
      throw damaged(scope, 0, "the database is damaged where it stands", cause);
    throw cause;
  }
}

/** Of a scope that does not hold together nothing is removed. */
function keepDamaged(cause: unknown): number {
  const held =
    cause instanceof AkcError && (cause.code === "AUTOPILOT_STATE_DAMAGED" || cause.code === "STORE_DAMAGED");
  if (!held) throw cause;
  return 0;
}
