/**
 * Writes what follows from a scope's entries for other tools: history, decisions, escalations, scoreboards. The database is the
 * truth: what could not be written is written later, from there, and nothing here ever fails a visit.
 *
 * Source: spec cli §14.12–§14.14; docs/autopilot.md "Score".
 */
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { AkcError } from "../../errors.ts";
import { removeHalfDone } from "../../evidence/half-done.ts";
import { prettyJson } from "../../json/canonical.ts";
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { Clock } from "../../system/clock.ts";
import { errnoOf, resolveConfined, writeFileAtomic } from "../../system/files.ts";
import type { AutopilotConfig, LeaseConfig, ScopeConfig } from "../config/model.ts";
import type { AutopilotStore, Chronicle, Telling } from "../contract.ts";
import { emptyState, fold } from "../machine.ts";
import { type Entry, type OpenAttempt, type ScopeId, type ScopeState, scopeName } from "../model.ts";
import { burnOf } from "../score/burn.ts";
import { burnJson } from "../score/burn-json.ts";
import { bucketOf, measuredOf } from "../score/samples.ts";
import { scoreboardJson, scoreboardOf } from "../score/scoreboard.ts";
import { type DueWindow, dueWindow } from "../score/windows.ts";
import { appendHistory } from "./history-file.ts";
import { type NamedFile, narrate, type Started, type Told } from "./narrate.ts";
import { autopilotFolder, type Folder, folders, scoreboardName } from "./places.ts";
import { noProgress, readProgress, setAsideHistory, withChronicleLock, writeProgress } from "./progress.ts";
import { entriesSince } from "./reading.ts";
import { keepNewest } from "./retention.ts";

export interface ChronicleDeps {
  readonly store: Pick<AutopilotStore, "entries" | "entriesBetween" | "tallies">;
  /** As the configuration says now. */
  retention(): Pick<AutopilotConfig["retention"], "decisionFilesMax" | "historyBytesMax">;
  lease(): Pick<LeaseConfig, "backend" | "namespace">;
  leaseNameOf(scope: ScopeId): string;
  /** A file that cannot be written is told once, and once more when it can be again. */
  tell(told: Telling): void;
  readonly clock: Clock;
}

export function createChronicle(deps: ChronicleDeps): Chronicle {
  const told = new Map<string, Told>();
  const failing = new Map<string, number>();
  /** Of scopes that have no scoreboard yet: when their first entry was written. */
  const begun = new Map<string, number>();

  return {
    async record(scope, _entries, state) {
      await safely(scope, () => catchUp(scope, state));
    },
    async score(scope, state, nowMs) {
      if (state.seq === 0) return undefined;
      const key = scopeName(scope.scope);
      const failedAt = failing.get(key);
      const tooSoon =
        failedAt !== undefined && deps.clock.monotonicMs() - failedAt < limits.autopilotChronicleRetryMs;
      if (tooSoon) return undefined;
      return safely(scope, async () => {
        if (told.get(key)?.state.seq !== state.seq) await catchUp(scope, state);
        return writeScoreboard(scope, state, nowMs);
      });
    },
  };

  async function safely<T>(scope: ScopeConfig, work: () => Promise<T>): Promise<T | undefined> {
    const key = scopeName(scope.scope);
    const note = (level: "info" | "error", message: string, keys: JsonObject) =>
      deps.tell({
        kind: "note",
        level,
        message,
        keys: { tenant_id: scope.scope.tenantId, repo_id: scope.scope.repoId, ...keys },
        atMs: deps.clock.nowMs(),
      });
    try {
      const done = await work();
      if (failing.delete(key)) note("info", "files of the scope are written again", {});
      return done;
    } catch (cause) {
      if (!failing.has(key)) {
        const code = cause instanceof AkcError ? cause.code : (errnoOf(cause) ?? "INTERNAL");
        note("error", "files of the scope cannot be written; they will be, from the database", {
          error_code: code,
          error: cause instanceof Error ? cause.message : "",
        });
      }
      failing.set(key, deps.clock.monotonicMs());
      return undefined;
    }
  }

  /** Writes files for all entries that have none yet. */
  async function catchUp(config: ScopeConfig, state: ScopeState): Promise<void> {
    const folder = await folderOf(config);
    const key = scopeName(config.scope);
    const { backend, namespace } = deps.lease();
    const lease = { backend, namespace, name: deps.leaseNameOf(config.scope) };
    await withChronicleLock(folder, async () => {
      // What a controller that died left beside the files; once, by whoever comes next.
      if (!told.has(key)) await removeHalfDone([folder, ...folders.map((name) => join(folder, name))]);
      let from = await resumed(config, folder, state);
      told.set(key, from);
      for (;;) {
        const page = await deps.store.entries(config.scope, from.state.seq, limits.autopilotChroniclePage);
        const last = page.at(-1);
        if (last === undefined) return;
        const next = narrate(from, page, config, lease);
        const { decisionFilesMax, historyBytesMax } = deps.retention();
        await writeAll(folder, "decisions", next.decisions, decisionFilesMax);
        await writeAll(folder, "escalations", next.escalations, decisionFilesMax);
        await appendHistory(folder, next.rows, historyBytesMax);
        await writeProgress(folder, { seq: last.seq, sha256: last.sha256, holder: next.told.holder });
        from = next.told;
        told.set(key, from);
      }
    });
  }

  /** Where this or another process stopped writing. */
  async function resumed(config: ScopeConfig, folder: string, state: ScopeState): Promise<Told> {
    let progress = await readProgress(folder);
    const here = told.get(scopeName(config.scope));
    if (here?.state.seq === progress.seq) return here;
    if (progress.seq > 0 && (await isOfAnother(config.scope, progress, state))) {
      const aside = await setAsideHistory(folder, deps.clock.nowMs());
      deps.tell({
        kind: "note",
        level: "warn",
        message: "the history was written from another database; it is set aside and begun anew",
        keys: { path: aside },
        atMs: deps.clock.nowMs(),
      });
      progress = noProgress;
    }
    const { holder } = progress;
    if (progress.seq === state.seq) {
      return { state, started: await startOf(config.scope, state.attempt), holder };
    }
    const before = await folded(config.scope, progress.seq);
    return { state: before, started: await startOf(config.scope, before.attempt), holder };
  }

  /** Whether what is stored is another chain than the one that files were written from. */
  async function isOfAnother(
    scope: ScopeId,
    progress: { readonly seq: number; readonly sha256: string },
    state: ScopeState,
  ): Promise<boolean> {
    if (progress.seq > state.seq) return true;
    const [entry] = await deps.store.entries(scope, progress.seq - 1, 1);
    return entry?.seq === progress.seq && entry.sha256 !== progress.sha256;
  }

  /** The state at an earlier entry, from all that is stored. */
  async function folded(scope: ScopeId, untilSeq: number): Promise<ScopeState> {
    let state = emptyState();
    while (state.seq < untilSeq) {
      const page: readonly Entry[] = await deps.store.entries(
        scope,
        state.seq,
        limits.autopilotChroniclePage,
      );
      const until = page.filter(({ seq }) => seq <= untilSeq);
      if (until.length === 0) return { ...state, seq: untilSeq };
      state = until.reduce(fold, state);
    }
    return state;
  }

  async function startOf(scope: ScopeId, attempt: OpenAttempt | undefined): Promise<Started | undefined> {
    if (attempt === undefined) return undefined;
    const entries = await deps.store.entriesBetween(scope, attempt.startedAtMs, attempt.startedAtMs + 1);
    return entries
      .flatMap(({ fact, atMs }) => (fact.type === "attempt_started" ? [{ fact, atMs }] : []))
      .find(({ fact }) => fact.attempt.attemptId === attempt.attemptId);
  }

  async function writeScoreboard(config: ScopeConfig, state: ScopeState, nowMs: number) {
    const due = await dueOf(config, state, nowMs);
    if (due === undefined) return undefined;
    const { scope } = config;
    const { startMs, endMs } = due.window;
    // What started within the window belongs to it: it is written when that has ended.
    if (state.attempt !== undefined && state.attempt.startedAtMs < endMs) return undefined;
    const { slos } = config.score;
    const fromMs = bucketOf(Math.max(0, Math.min(startMs, ...slos.map(({ periodMs }) => endMs - periodMs))));
    const entries = await entriesSince(deps.store, scope, fromMs);
    const tallies = await deps.store.tallies(scope, fromMs, endMs);
    const before = measuredOf(
      entries.filter(({ atMs }) => atMs < endMs),
      tallies,
    );
    const artifact = scoreboardJson(scope, scoreboardOf(entries, due.window, tallies), {
      slos: slos.map((slo) => burnJson(burnOf(slo, before, endMs))),
      ...(due.idle === undefined
        ? {}
        : { idle_before: { window_start_ms: due.idle.fromMs, windows: due.idle.windows } }),
    });
    const file = { name: scoreboardName(startMs, endMs), artifact };
    await writeAll(await folderOf(config), "scoreboards", [file], limits.autopilotScoreboardFilesMax);
    return { windowStartMs: startMs, windowEndMs: endMs };
  }

  async function dueOf(
    config: ScopeConfig,
    state: ScopeState,
    nowMs: number,
  ): Promise<DueWindow | undefined> {
    const { windowMs } = config.score;
    const sinceMs = state.scoredUntilMs ?? (await beginningOf(config.scope));
    if (sinceMs === undefined) return undefined;
    const behind = (nowMs - sinceMs) / windowMs > limits.autopilotScoreboardsBehindMax;
    const next = behind
      ? (await deps.store.entriesBetween(config.scope, sinceMs, nowMs + 1))[0]?.atMs
      : sinceMs;
    return dueWindow(sinceMs, next, nowMs, windowMs);
  }

  async function beginningOf(scope: ScopeId): Promise<number | undefined> {
    const key = scopeName(scope);
    const known = begun.get(key);
    if (known !== undefined) return known;
    const [first] = await deps.store.entries(scope, 0, 1);
    if (first !== undefined) begun.set(key, first.atMs);
    return first?.atMs;
  }
}

async function folderOf(config: ScopeConfig): Promise<string> {
  // An outputs root that is gone is brought back by others; nothing is begun in its place.
  await stat(join(config.scopeRoot, "../.."));
  await mkdir(config.scopeRoot, { recursive: true });
  return resolveConfined(config.scopeRoot, autopilotFolder);
}

async function writeAll(
  folder: string,
  kind: Folder,
  files: readonly NamedFile[],
  keep: number,
): Promise<void> {
  if (files.length === 0) return;
  const into = await resolveConfined(folder, kind);
  for (const { name, artifact } of files.slice(-keep)) {
    await writeFileAtomic(join(into, name), `${prettyJson(artifact)}\n`);
  }
  await keepNewest(into, keep);
}
