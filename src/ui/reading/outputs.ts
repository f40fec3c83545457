/**
 * What stands below the outputs root, looked at by connections that can only read, and opened no longer than a look takes. It knows cheaply
 * whether anything has changed, so that nobody reads what he has read; it never waits for a writer or makes one wait.
 */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { autopilotStatePath } from "../../autopilot/state/file.ts";
import { isIdentifier } from "../../bundle/identifier.ts";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { ListedRun, RunReader, Store } from "../../store/contract.ts";
import { databasePath, openStore } from "../../store/sqlite/open.ts";
import type { Clock } from "../../system/clock.ts";
import { contentStampAt } from "../../system/file-stamp.ts";
import type { FoundRun, LeftOut } from "../model.ts";

export interface Scope {
  readonly tenantId: string;
  readonly repoId: string;
  /** `<outputs_root>/<tenant>/<repo>`, absolute. */
  readonly scopeRoot: string;
}

export interface AllRuns {
  /** Newest first. */
  readonly runs: readonly FoundRun[];
  readonly leftOut: readonly LeftOut[];
}

export interface Outputs {
  readonly root: string;
  scopes(): Promise<readonly Scope[]>;
  /** Scopes that cannot be read are named beside. */
  runs(): Promise<AllRuns>;
  /** @throws AkcError RUN_NOT_FOUND, STORE_DAMAGED */
  run(tenantId: string, repoId: string, runtimeRunId: string): Promise<FoundRun>;
  /** Changes whenever something is written in the scope. */
  stampOf(scopeRoot: string): string;
  /** The same of all scopes and the autopilot. */
  stampOfAll(): Promise<string>;
  autopilotStamp(): string;
}

export function openOutputs(root: string, clock: Pick<Clock, "monotonicMs">): Outputs {
  let scopesSeen: { readonly atMs: number; readonly scopes: readonly Scope[] } | undefined;
  /** Rows of a scope as they were at a stamp. */
  const rows = new Map<string, { readonly stamp: string; readonly rows: readonly ListedRun[] }>();

  const scopes = async () => {
    const atMs = clock.monotonicMs();
    if (scopesSeen === undefined || atMs - scopesSeen.atMs >= limits.uiScopesMs) {
      scopesSeen = { atMs, scopes: await scopesBelow(root) };
    }
    return scopesSeen.scopes;
  };
  const rowsOf = async ({ scopeRoot }: Scope): Promise<readonly ListedRun[]> => {
    const stamp = stampOf(scopeRoot);
    const kept = rows.get(scopeRoot);
    if (kept?.stamp === stamp) return kept.rows;
    const found = await withStore(scopeRoot, (store) => store.listRuns());
    rows.set(scopeRoot, { stamp, rows: found });
    return found;
  };
  return {
    root,
    scopes,
    async runs() {
      const runs: FoundRun[] = [];
      const leftOut: LeftOut[] = [];
      for (const scope of await scopes()) {
        try {
          for (const row of await rowsOf(scope)) runs.push({ row, scopeRoot: scope.scopeRoot });
        } catch (cause) {
          if (!(cause instanceof AkcError)) throw cause;
          leftOut.push({ scopeRoot: scope.scopeRoot, code: cause.code, message: cause.message });
        }
      }
      return { runs: runs.sort((a, b) => b.row.startedAtMs - a.row.startedAtMs), leftOut };
    },
    async run(tenantId, repoId, runtimeRunId) {
      const scopeRoot = join(root, tenantId, repoId);
      if (!isIdentifier(tenantId) || !isIdentifier(repoId) || !existsSync(databasePath(scopeRoot))) {
        throw new AkcError("RUN_NOT_FOUND", { details: { run: runtimeRunId } });
      }
      return withStore(scopeRoot, (store) =>
        withReader(store, runtimeRunId, async (reader) => ({
          row: { ...(await reader.run()), lease: await reader.lease() },
          scopeRoot,
        })),
      );
    },
    stampOf,
    async stampOfAll() {
      const known = await scopes();
      return [
        ...known.map(({ scopeRoot }) => `${scopeRoot}=${stampOf(scopeRoot)}`),
        autopilotStampOf(root),
      ].join("\n");
    },
    autopilotStamp: () => autopilotStampOf(root),
  };
}

/** Opens a scope's state for one look. */
export async function withStore<T>(scopeRoot: string, look: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore(scopeRoot, { readOnly: true });
  try {
    return await look(store);
  } finally {
    await store.close();
  }
}

/** Opens one run for one look. */
async function withReader<T>(
  store: Store,
  runtimeRunId: string,
  look: (reader: RunReader) => Promise<T>,
): Promise<T> {
  const reader = await store.openRun(runtimeRunId);
  try {
    return await look(reader);
  } finally {
    await reader.close();
  }
}

export function withRun<T>(
  { row, scopeRoot }: FoundRun,
  look: (reader: RunReader, store: Store) => Promise<T>,
): Promise<T> {
  return withStore(scopeRoot, (store) =>
    withReader(store, row.context.runtimeRunId, (reader) => look(reader, store)),
  );
}

function stampOf(scopeRoot: string): string {
  return stampOfDatabase(databasePath(scopeRoot));
}

function autopilotStampOf(root: string): string {
  return stampOfDatabase(autopilotStatePath(root));
}

/** Commits are in the log beside the database before they are in it. */
function stampOfDatabase(path: string): string {
  return `${contentStampAt(path)?.text ?? "-"}/${contentStampAt(`${path}-wal`)?.text ?? "-"}`;
}

async function scopesBelow(root: string): Promise<readonly Scope[]> {
  const found: Scope[] = [];
  for (const tenantId of await names(root)) {
    const folder = join(root, tenantId);
    for (const repoId of await names(folder)) {
      const scopeRoot = join(folder, repoId);
      if (existsSync(databasePath(scopeRoot))) found.push({ tenantId, repoId, scopeRoot });
    }
  }
  return found;
}

/** A folder that is not there, or may not be looked into, holds no scope of ours. */
async function names(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder).catch(() => []);
  return entries.filter(isIdentifier).sort();
}
