/**
 * `akc runtime prune`: removes runs that are no longer to be kept, with their evidence and the artifacts that no other run has.
 * Never a run that somebody holds, and one that was cut off only when asked to.
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Store } from "../../store/contract.ts";
import { thisProcess } from "../../store/sqlite/holder.ts";
import {
  compact,
  databaseSpace,
  type Removal,
  removeRun,
  sweepSetAside,
} from "../../store/sqlite/retention.ts";
import { standing } from "../../store/sqlite/standing.ts";
import { systemClock } from "../../system/clock.ts";
import { command, type Session } from "../command.ts";
import { livenessOf } from "../lease/liveness.ts";
import type { Plain } from "../render/output.ts";
import { byteSize } from "../render/size.ts";
import { printable } from "../render/text.ts";
import { durationIn, wholeNumber } from "../values.ts";
import { allRuns, type FoundRun, locatingArgs, locatingEnvironment, withStore } from "./locate.ts";

export const prune = command({
  path: "runtime prune",
  summary: "Remove old runs with their evidence; never one that is under way.",
  notes: [
    "--keep 30d keeps what ended within the last thirty days, --keep 20 the twenty newest runs of every scope. A run that is under way is always kept and not counted. One that was cut off may still be resumed: it is kept too, unless --abandoned is given.",
    "Each run goes in one transaction, with its folder of evidence and the artifacts that no other run has. What other runs share, such as the telemetry of a compile run, stays. The database keeps the space for later runs; --compact gives it back to the disk.",
  ],
  examples: [
    { command: "akc runtime prune --keep 30d --dry-run", says: "What would be removed?" },
    { command: "akc runtime prune --keep 30d", says: "Every night, from a timer." },
    {
      command: "akc runtime prune --keep 100 --abandoned --compact",
      says: "Keep a hundred, of those cut off too.",
    },
  ],
  exits: [0, 1, 2],
  environment: locatingEnvironment,
  args: {
    ...locatingArgs,
    keep: {
      type: "string",
      required: true,
      valueHint: "AGE|N",
      description: "Keep runs that ended within this time (30d, 12h), or this many of each scope.",
    },
    abandoned: { type: "boolean", description: "Also remove runs that were cut off." },
    compact: { type: "boolean", description: "Give the free space of the databases back to the disk." },
    dryRun: { type: "boolean", description: "Say what would be removed, and remove nothing." },
  },
  async run(args, session) {
    const keep = keeping(args.keep);
    const nowMs = systemClock.nowMs();
    const { runs, scopes: roots, leftOut } = await allRuns(session.io, args);
    const scopes: ScopeResult[] = [];
    for (const scopeRoot of roots) {
      const own = runs.filter((run) => run.scopeRoot === scopeRoot);
      const todo = { scopeRoot, own, keep, nowMs, abandoned: args.abandoned === true };
      const pruned = await withStore(scopeRoot, (store) =>
        pruneScope(store, todo, { dryRun: args.dryRun === true, compact: args.compact === true }, session),
      );
      // The last run of a scope may have left its folder behind when its removal was cut off.
      if (own.length > 0 || pruned.sweptBytes > 0) scopes.push(pruned);
    }
    await session.print({
      data: data(scopes, args.dryRun === true, leftOut.length),
      text: () => text(scopes, args.dryRun === true),
    });
    return leftOut.length > 0 || scopes.some(({ failed }) => failed.length > 0) ? 1 : 0;
  },
});

type Keep = { readonly kind: "age"; readonly ms: number } | { readonly kind: "count"; readonly runs: number };

/** `30d` is an age, `30` a number of runs. @throws AkcError USAGE */
function keeping(text: string): Keep {
  if (/^\d+$/.test(text)) {
    return { kind: "count", runs: wholeNumber("--keep", text, { min: 0, max: limits.runsListedMax }) };
  }
  const ms = durationIn(text, { min: 0, max: 100 * 366 * 24 * 60 * 60 * 1_000 });
  if (ms !== undefined) return { kind: "age", ms };
  throw new AkcError("USAGE", {
    message: `--keep cannot be "${text}"`,
    hint: "It is a length of time with its unit, such as 12h or 30d, or a number of runs, such as 20.",
  });
}

interface Pruned {
  readonly run: FoundRun;
  readonly standing: string;
  readonly evidenceBytes: number;
  readonly artifactFileBytes: number;
}

interface ScopeResult {
  readonly scopeRoot: string;
  readonly removed: readonly Pruned[];
  readonly kept: number;
  readonly failed: readonly { readonly run: FoundRun; readonly error: AkcError }[];
  /** On the disk, from the database's own file. */
  readonly databaseBytesFreed: number;
  /** Inside the database's file, for later runs. */
  readonly databaseBytesReusable: number;
  /** What earlier removals that were cut off had left. */
  readonly sweptBytes: number;
}

interface Todo {
  readonly scopeRoot: string;
  readonly own: readonly FoundRun[];
  readonly keep: Keep;
  readonly nowMs: number;
  readonly abandoned: boolean;
}

async function pruneScope(
  store: Store,
  todo: Todo,
  how: { readonly dryRun: boolean; readonly compact: boolean },
  { io }: Session,
): Promise<ScopeResult> {
  const { scopeRoot, own, nowMs } = todo;
  const chosen = await choose(store, todo);
  const before = databaseSpace(scopeRoot);
  if (how.dryRun) {
    const removed = chosen.map((run) => pruned(run, nowMs, { evidenceBytes: 0, artifactFileBytes: 0 }));
    const kept = own.length - chosen.length;
    return { scopeRoot, removed, kept, failed: [], ...noSpace(before.freeBytes), sweptBytes: 0 };
  }
  const sweptBytes = await sweepSetAside(store, scopeRoot);
  const here = thisProcess();
  const removed: Pruned[] = [];
  const failed: ScopeResult["failed"][number][] = [];
  for (const run of chosen) {
    const removal = await removeOne(store, run, here, nowMs).catch((cause: unknown) => {
      if (!(cause instanceof AkcError)) throw cause;
      failed.push({ run, error: cause });
      io.words(
        `warning: ${run.row.context.runtimeRunId} was kept: ${printable(cause.message)} [${cause.code}]\n`,
      );
      return undefined;
    });
    if (removal?.kind === "removed") removed.push(pruned(run, nowMs, removal));
  }
  if (how.compact) compactIfIdle(todo, io.words);
  const after = databaseSpace(scopeRoot);
  return {
    scopeRoot,
    removed,
    kept: own.length - removed.length,
    failed,
    databaseBytesFreed: Math.max(0, before.bytes - after.bytes),
    databaseBytesReusable: after.freeBytes,
    sweptBytes,
  };
}

function removeOne(
  store: Store,
  { row, scopeRoot }: FoundRun,
  here: ReturnType<typeof thisProcess>,
  nowMs: number,
): Promise<Removal> {
  return removeRun(store, scopeRoot, row, here, nowMs);
}

/** The oldest first, so that a removal that is cut off has removed what is missed least. */
async function choose(store: Store, { own, keep, nowMs, abandoned }: Todo): Promise<readonly FoundRun[]> {
  const free = own.filter(({ row }) => {
    // Also a run that has ended may be under way again.
    if (livenessOf(row.lease, nowMs).kind === "held") return false;
    return row.outcome !== null || abandoned;
  });
  if (keep.kind === "count") return free.slice(keep.runs).reverse();
  const old: FoundRun[] = [];
  for (const run of free) if ((await lastSignOfLife(store, run)) < nowMs - keep.ms) old.push(run);
  return old.reverse();
}

async function lastSignOfLife(store: Store, { row }: FoundRun): Promise<number> {
  if (row.finishedAtMs !== null) return row.finishedAtMs;
  const reader = await store.openRun(row.context.runtimeRunId);
  try {
    return (await reader.eventAt(row.lastSeq))?.atMs ?? row.startedAtMs;
  } finally {
    await reader.close();
  }
}

/** It would keep every writer waiting, and a lease that cannot be renewed is lost. */
function compactIfIdle({ scopeRoot, own, nowMs }: Todo, words: (text: string) => void): void {
  const busy = own.some(({ row }) => livenessOf(row.lease, nowMs).kind === "held");
  if (busy) words(`warning: ${printable(scopeRoot)} was not compacted: a run is under way\n`);
  else compact(scopeRoot);
}

function pruned(
  run: FoundRun,
  nowMs: number,
  { evidenceBytes, artifactFileBytes }: Pick<Pruned, "evidenceBytes" | "artifactFileBytes">,
): Pruned {
  return { run, standing: standing(run.row, nowMs), evidenceBytes, artifactFileBytes };
}

function noSpace(freeBytes: number) {
  return { databaseBytesFreed: 0, databaseBytesReusable: freeBytes };
}

function freedBytes({ removed, databaseBytesFreed, sweptBytes }: ScopeResult): number {
  const files = removed.reduce((sum, run) => sum + run.evidenceBytes + run.artifactFileBytes, 0);
  return files + databaseBytesFreed + sweptBytes;
}

function data(
  scopes: readonly ScopeResult[],
  dryRun: boolean,
  leftOut: number,
): { readonly [key: string]: Plain } {
  return {
    kind: "PruneResult",
    dry_run: dryRun,
    removed_count: scopes.reduce((sum, { removed }) => sum + removed.length, 0),
    kept_count: scopes.reduce((sum, { kept }) => sum + kept, 0),
    freed_bytes: scopes.reduce((sum, scope) => sum + freedBytes(scope), 0),
    scopes_left_out: leftOut,
    items: scopes.map((scope) => ({
      scope_root: scope.scopeRoot,
      removed: scope.removed.map(({ run, standing: word, evidenceBytes, artifactFileBytes }) => ({
        runtime_run_id: run.row.context.runtimeRunId,
        standing: word,
        started_at_ms: run.row.startedAtMs,
        finished_at_ms: run.row.finishedAtMs,
        evidence_bytes: evidenceBytes,
        artifact_file_bytes: artifactFileBytes,
      })),
      kept_count: scope.kept,
      failed: scope.failed.map(({ run, error }) => ({
        runtime_run_id: run.row.context.runtimeRunId,
        code: error.code,
      })),
      freed_bytes: freedBytes(scope),
      database_bytes_freed: scope.databaseBytesFreed,
      database_bytes_reusable: scope.databaseBytesReusable,
    })),
  };
}

function text(scopes: readonly ScopeResult[], dryRun: boolean): string {
  const lines = scopes.flatMap(({ removed }) =>
    removed.map(({ run, standing: word }) => {
      const { context } = run.row;
      const scope = printable(`${context.scope.tenantId}/${context.scope.repoId}`);
      return `run/${context.runtimeRunId} ${dryRun ? "would be removed" : "removed"}  ${scope}  ${word}`;
    }),
  );
  const count = lines.length;
  const kept = scopes.reduce((sum, scope) => sum + scope.kept, 0);
  const freed = scopes.reduce((sum, scope) => sum + freedBytes(scope), 0);
  const reusable = scopes.reduce((sum, scope) => sum + scope.databaseBytesReusable, 0);
  const end = dryRun
    ? `${count} would be removed, ${kept} kept`
    : `${count} removed, ${kept} kept, ${byteSize(freed)} free, ${byteSize(reusable)} reusable in the database`;
  return [...lines, end].join("\n");
}
