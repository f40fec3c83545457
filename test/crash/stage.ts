/**
 * A place of its own for one run: a bundle, an outputs tree, and akc at work on it as real processes that can be killed at
 * any time. What it tells of the run it reads from a copy of the files as they lie there, so that looking mends nothing.
 */
import { Database } from "bun:sqlite";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { mkdtemp, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { ActionRow, RunReader, RunRow, StoredEvent } from "../../src/store/contract.ts";
import { databasePath, openStore } from "../../src/store/sqlite/open.ts";
import { plainEnv, root as repository } from "../e2e/akc.ts";
import { type Json, runId } from "../e2e/bundle.ts";
import { jsonObject, processesBelow } from "../e2e/world.ts";
import { ledgerName, type Scenario } from "./bundles.ts";
import type { Asked, Counter } from "./counter.ts";

/** Another build can be put to the same test. */
const built = process.env["AKC_CRASH_DIST"] ?? join(repository, "dist");

/** What users get, and the same with failpoints. */
export const binaries = {
  plain: join(built, "akc"),
  failpoints: join(built, "akc-failpoints"),
} as const;

for (const path of Object.values(binaries)) {
  if (!existsSync(path)) throw new Error(`${path} is not there: run \`npm test\`, which builds it`);
}

export interface Ran {
  /** 128 + the signal's number when one ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly report: Json;
}

export interface Live {
  readonly pid: number;
  readonly ended: Promise<Ran>;
  kill(signal: NodeJS.Signals): void;
}

export interface Orders {
  /** As `AKC_FAILPOINT` says it; makes the binary the one with failpoints. */
  readonly failpoint?: string;
  /** Where to write which failpoints were reached. */
  readonly log?: string;
}

/** A child's begin, in the order of the ledgers. */
export interface Begun {
  readonly actionId: string;
  readonly attempt: number;
}

/** All there is of the run at one moment, inside akc and outside. */
export interface Picture {
  readonly row: RunRow;
  readonly events: readonly StoredEvent[];
  readonly actions: readonly ActionRow[];
  readonly begun: readonly Begun[];
  readonly asked: readonly Asked[];
}

export interface Stage {
  readonly base: string;
  readonly root: string;
  readonly scope: string;
  readonly runtimeRunId: string;
  /** Folder of the run's own files. */
  readonly runFolder: string;
  begin(args: readonly string[], orders?: Orders): Live;
  akc(args: readonly string[], orders?: Orders): Promise<Ran>;
  start(orders?: Orders): Live;
  resume(orders?: Orders): Live;
  /** Sends what the bundle waits for, as soon as the run is there; until `over` says that nobody will hear it any more. */
  sendSignals(over: () => boolean): Promise<void>;
  /** null while the run does not exist. Nobody may be writing. */
  picture(): Promise<Picture | null>;
  /** The same while somebody writes, as any reader sees it. */
  livePicture(): Promise<Picture | null>;
  /** Command lines of the processes that belong here. */
  processes(): readonly string[];
  /** Ends all of them at once. */
  killAll(): void;
  /** Removes everything. */
  strike(): void;
}

export interface StageParts {
  readonly scenario: Scenario;
  readonly counter: Counter;
  /** Instead of a new folder in the system's temporary one. */
  readonly place?: string;
}

export async function setStage({ scenario, counter, place }: StageParts): Promise<Stage> {
  const base = place ?? (await realpath(await mkdtemp(join(tmpdir(), "akc-crash-"))));
  const root = join(base, "out");
  const scope = join(root, "acme", "shop");
  const folder = base.replace(/^.*\//, "");
  // The same one in every place: an agent's turn speaks of its run.
  const runtimeRunId = "01a20400-0000-7000-8000-000000000000";
  const runFolder = join(scope, ".akc/runtime", runId, runtimeRunId);
  const bundle = scenario.bundle(`${counter.url}${folder}/`);
  const bundlePath = join(scope, `.akc/runtime/${runId}.runtime_bundle.json`);
  await Bun.write(bundlePath, JSON.stringify(bundle.document()));
  await Bun.write(
    join(scope, `.akc/orchestration/${runId}.orchestration.json`),
    JSON.stringify(bundle.orchestration()),
  );
  const payload = join(base, "payload.json");
  await Bun.write(payload, '{"said":"go"}');

  const begin: Stage["begin"] = (args, orders = {}) => {
    const { failpoint, log } = orders;
    const instrumented = failpoint !== undefined || log !== undefined;
    const child = Bun.spawn([instrumented ? binaries.failpoints : binaries.plain, ...args], {
      cwd: base,
      env: {
        ...plainEnv,
        ...(failpoint === undefined ? {} : { AKC_FAILPOINT: failpoint }),
        ...(log === undefined ? {} : { AKC_FAILPOINT_LOG: log }),
      },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const ended = Promise.all([
      child.exited,
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]).then(([code, stdout, stderr]) => ({ code, stdout, stderr, report: jsonObject(stdout) }));
    return { pid: child.pid, ended, kill: (signal) => child.kill(signal) };
  };
  const here = ["--runtime-run-id", runtimeRunId, "--outputs-root", root];
  const stage: Stage = {
    base,
    root,
    scope,
    runtimeRunId,
    runFolder,
    begin,
    akc: (args, orders) => begin(args, orders).ended,
    start: (orders) =>
      begin(["runtime", "start", "--bundle", bundlePath, "--mode", "enforce", "-o", "json", ...here], orders),
    resume: (orders) => begin(["runtime", "resume", "-o", "json", ...here], orders),
    async sendSignals(over) {
      for (const name of scenario.signals ?? []) {
        const words = [
          "runtime",
          "signal",
          ...here,
          "--name",
          name,
          "--payload",
          payload,
          "--id",
          `id-${name}`,
        ];
        while (!over() && (await stage.akc(words)).code !== 0) await Bun.sleep(15);
      }
    },
    picture: () => pictureOfCopy(stage, folder, counter),
    livePicture: () => pictureIn(stage.scope, stage, counter.asked(folder)),
    processes: () => processesBelow(base).map(({ shown }) => shown),
    killAll() {
      for (const { pid } of processesBelow(base)) {
        try {
          process.kill(pid, "SIGKILL");
        } catch {
          // Gone by itself.
        }
      }
    },
    strike() {
      stage.killAll();
      // The place itself may be where a disk is mounted: that is for whoever mounted it.
      for (const name of readdirSync(base)) rmSync(join(base, name), { recursive: true, force: true });
      if (place === undefined) rmSync(base, { recursive: true, force: true });
    },
  };
  return stage;
}

async function pictureOfCopy(stage: Stage, folder: string, counter: Counter): Promise<Picture | null> {
  const copy = mkdtempSync(join(stage.base, "copy-"));
  try {
    if (!copyDatabase(databasePath(stage.scope), databasePath(copy))) return null;
    return await pictureIn(copy, stage, counter.asked(folder));
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

async function pictureIn(
  scope: string,
  { runtimeRunId, runFolder }: Stage,
  asked: readonly Asked[],
): Promise<Picture | null> {
  if (!existsSync(databasePath(scope))) return null;
  const store = await openStore(scope, { create: false });
  try {
    const known = (await store.listRuns()).some(({ context }) => context.runtimeRunId === runtimeRunId);
    if (!known) return null;
    const reader = await store.openRun(runtimeRunId);
    try {
      return {
        row: await reader.run(),
        events: await allEvents(reader),
        actions: await reader.actions(),
        begun: begunIn(runFolder),
        asked: [...asked],
      };
    } finally {
      await reader.close();
    }
  } finally {
    await store.close();
  }
}

/** The database with its log; the index beside it is made again by whoever opens the copy. */
function copyDatabase(from: string, to: string): boolean {
  if (!existsSync(from)) return false;
  mkdirSync(dirname(to), { recursive: true });
  for (const suffix of ["", "-wal"]) if (existsSync(from + suffix)) copyFileSync(from + suffix, to + suffix);
  return true;
}

export async function allEvents(reader: RunReader): Promise<readonly StoredEvent[]> {
  const events: StoredEvent[] = [];
  for (;;) {
    const page = await reader.events(events.length, 256);
    if (page.length === 0) return events;
    events.push(...page);
  }
}

/** Where children work: those of steps, all of one role, and those that events set off. */
const workdirs = ["roles/builder/scratch", "work"];

function begunIn(runFolder: string): readonly Begun[] {
  return workdirs
    .map((workdir) => join(runFolder, workdir, ledgerName))
    .filter((path) => existsSync(path))
    .flatMap((path) => readFileSync(path, "utf8").split("\n").filter(Boolean))
    .map((line) => {
      const [, actionId = "", attempt = ""] = line.split(" ");
      return { actionId, attempt: Number(attempt) };
    });
}

/** What SQLite says of the database as it lies there. */
export function integrityOf(scope: string): string {
  const path = databasePath(scope);
  if (!existsSync(path)) return "no database";
  using db = new Database(path, { readonly: true });
  const [answer] = db.query<{ integrity_check: string }, []>("PRAGMA integrity_check").all();
  const orphans = db.query("PRAGMA foreign_key_check").all();
  return orphans.length > 0
    ? `${orphans.length} rows without parent`
    : (answer?.integrity_check ?? "nothing");
}

/** Files that only somebody who died leaves. */
export function halfDone(base: string): readonly string[] {
  return pathsBelow(base).filter((name) => /\.tmp\.|\/incoming\//.test(name));
}

/** Folders that an attempt had for itself. Empty ones are kept for the next attempt, until the process ends. */
export function attemptFolders(base: string): readonly string[] {
  const names = pathsBelow(base);
  const isEmpty = (name: string) => !names.some((other) => other.startsWith(`${name}/`));
  return names.filter(
    (name) => /\/\.handoff-\w+$/.test(name) || (/\/\.tmp-[0-9a-f-]{36}$/.test(name) && !isEmpty(name)),
  );
}

function pathsBelow(base: string): readonly string[] {
  return [...new Bun.Glob("**/*").scanSync({ cwd: base, dot: true, onlyFiles: false })];
}
