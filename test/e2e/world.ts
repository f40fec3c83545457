/**
 * A world for one test: an outputs tree of its own and the built binary at work in it.
 * Leaving it checks what must hold after anything: no process left, no temporary file, no half-written JSON, every
 * database whole, and no stack trace shown.
 */
import { Database } from "bun:sqlite";
import { expect } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { mkdir, mkdtemp, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { type ErrorCode, errorCodes } from "../../src/errors.ts";
import { binary, plainEnv } from "./akc.ts";
import { type BundleBuilder, type Json, runId } from "./bundle.ts";

/** What came of one command. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started extends Ran {
  /** The object on stdout; empty when there was none. */
  readonly report: Json;
}

/** A command under way. */
export interface Live {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ran>;
}

export interface RunOptions {
  /** Instead of what a shell gives every process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Another user than the one that runs the tests. */
  readonly uid?: number;
}

export interface RecordedEvent {
  readonly type: string;
  readonly atMs: number;
  readonly payload: Json;
}

export interface World {
  /** The outputs root that bundles lie in; a real path. */
  readonly root: string;
  /** `<root>/acme/shop` */
  readonly scope: string;
  /** A place for everything else. */
  readonly side: string;
  /** Writes the bundle as a compiler leaves it, with what belongs beside it. Returns its path. */
  place(bundle: BundleBuilder): Promise<string>;
  /** Writes a file below the scope. Returns its path. */
  write(path: string, content: string | Uint8Array): Promise<string>;
  akc(args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** The same, without waiting for its end. */
  live(args: readonly string[], options?: RunOptions): Live;
  /** The same about this world's runs, answered as JSON. */
  ask(...args: readonly string[]): Promise<Started>;
  /** The events of a run of this world's scope, straight from its state. */
  events(runtimeRunId: string): readonly RecordedEvent[];
  /** A bash script, with `$AKC`, `$BUNDLE` (as last placed) and `$ROOT`. */
  shell(script: string): Promise<Ran>;
  /** `runtime start -o json` of this bundle, `--mode enforce` unless the flags say otherwise. */
  start(bundle: BundleBuilder | string, ...flags: readonly string[]): Promise<Started>;
  /** The same, without waiting for its end. */
  begin(bundle: BundleBuilder | string, ...flags: readonly string[]): Promise<Live>;
  /** An empty file system of this size at a new place; "no" when this machine lets nobody mount one. */
  disk(kilobytes: number): string | "no";
  /** Makes the disk at `path` read-only, or writable again. */
  remount(path: string, how: "ro" | "rw"): Promise<void>;
  /** What the store says of the only run below `root`. */
  status(root?: string): Promise<Json>;
  /** How a run of this world's scope stands, in one word. */
  standing(runtimeRunId: string): Promise<unknown>;
  /** Folder of a run of this world's scope. */
  runFolder(runtimeRunId: string): string;
  /** Where the steps of a run work: all have one role. */
  workdir(runtimeRunId: string): string;
  /** The code that each failed or refused step of a run ended with, by its id. */
  stepErrors(runtimeRunId: unknown): Promise<Readonly<Record<string, unknown>>>;
  /** Command lines of the processes that belong to this world. */
  processes(): readonly string[];
}

/** Runs `work` in a fresh world and checks, whatever it did, that nothing is left that should not be. */
export async function inWorld(work: (world: World) => Promise<void>): Promise<void> {
  const base = await realpath(await mkdtemp(join(tmpdir(), "akc-world-")));
  const disks: string[] = [];
  try {
    const { world, said } = await makeWorld(base, disks);
    await work(world);
    // A killed process stays on the table until its parent has asked.
    await until(`no process of ${base} is left`, () => world.processes().length === 0, 3_000).catch(() => {
      expect(world.processes()).toEqual([]);
    });
    expectNothingHalfDone(base);
    for (const text of said) expectWordsForPeople(text);
  } finally {
    killAll(base);
    for (const disk of disks) Bun.spawnSync(["umount", "-l", disk]);
    rmSync(base, { recursive: true, force: true });
  }
}

async function makeWorld(
  base: string,
  disks: string[],
): Promise<{ readonly world: World; readonly said: readonly string[] }> {
  const root = join(base, "out");
  const scope = join(root, "acme", "shop");
  const side = join(base, "side");
  await mkdir(scope, { recursive: true });
  await mkdir(side);
  const said: string[] = [];
  let placed = "";
  const spawn = (command: readonly string[], options: RunOptions): Live => {
    const child = Bun.spawn([...command], {
      cwd: options.cwd ?? side,
      env: { ...(options.env ?? plainEnv) },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    });
    const ended = Promise.all([
      child.exited,
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]).then(([code, stdout, stderr]) => {
      said.push(stderr);
      return { code, stdout, stderr };
    });
    return { pid: child.pid, kill: (signal) => child.kill(signal), ended };
  };
  const world: World = {
    root,
    scope,
    side,
    async place(bundle) {
      const orchestration = JSON.stringify(bundle.orchestration());
      await world.write(`.akc/orchestration/${runId}.orchestration.json`, orchestration);
      placed = await world.write(
        `.akc/runtime/${runId}.runtime_bundle.json`,
        JSON.stringify(bundle.document()),
      );
      return placed;
    },
    async write(path, content) {
      await Bun.write(join(scope, path), content);
      return join(scope, path);
    },
    akc: (args, options = {}) => spawn([binary, ...args], options).ended,
    live: (args, options = {}) => spawn([binary, ...args], options),
    async ask(...args) {
      const ran = await world.akc([...args, "--outputs-root", root, "-o", "json"]);
      return { ...ran, report: jsonObject(ran.stdout) };
    },
    shell: (script) => {
      const env = { ...plainEnv, AKC: binary, BUNDLE: placed, ROOT: root };
      return spawn(["bash", "-c", script], { env }).ended;
    },
    async start(bundle, ...flags) {
      const ran = await (await world.begin(bundle, ...flags)).ended;
      return { ...ran, report: jsonObject(ran.stdout) };
    },
    async begin(bundle, ...flags) {
      const path = typeof bundle === "string" ? bundle : await world.place(bundle);
      const mode = flags.includes("--mode") ? [] : ["--mode", "enforce"];
      return spawn([binary, "runtime", "start", "--bundle", path, ...mode, "-o", "json", ...flags], {});
    },
    disk(kilobytes) {
      const path = join(side, `disk-${disks.length}`);
      mkdirSync(path);
      const options = ["-o", `size=${kilobytes}k`];
      if (Bun.spawnSync(["mount", "-t", "tmpfs", ...options, "tmpfs", path]).exitCode !== 0) return "no";
      disks.push(path);
      return path;
    },
    remount: (path, how) =>
      // The kernel lets go of what an ended process had opened a moment later.
      until(`${path} is ${how}`, () => {
        return Bun.spawnSync(["mount", "-o", `remount,${how}`, path]).exitCode === 0;
      }),
    async status(where = root) {
      const listed = jsonObject(
        (await world.akc(["runtime", "list", "--outputs-root", where, "-o", "json"])).stdout,
      );
      const [only, ...others] = Array.isArray(listed["items"]) ? listed["items"] : [];
      if (only === undefined || others.length > 0) throw new Error(`not one run: ${JSON.stringify(listed)}`);
      return only;
    },
    async standing(runtimeRunId) {
      const status = ["runtime", "status", runtimeRunId, "--outputs-root", root, "-o", "json"];
      return jsonObject((await world.akc(status)).stdout)["standing"];
    },
    events(runtimeRunId) {
      using db = new Database(join(scope, ".akc/runtime/state.sqlite3"), { readonly: true });
      // A run may be beginning or ending just now.
      db.run("PRAGMA busy_timeout = 5000");
      const rows = db.query<{ type: string; atMs: number; payload: string }, [string]>(
        `SELECT type, at_ms AS atMs, payload FROM event JOIN run
         ON event.id BETWEEN run.run_key << 32 AND (run.run_key << 32) + 4294967295
         WHERE runtime_run_id = ? ORDER BY id`,
      );
      return rows.all(runtimeRunId).map((row) => ({ ...row, payload: jsonObject(row.payload) }));
    },
    runFolder: (runtimeRunId) => join(scope, ".akc/runtime", runId, runtimeRunId),
    workdir: (runtimeRunId) => join(world.runFolder(runtimeRunId), "roles/builder/scratch"),
    async stepErrors(runtimeRunId) {
      const events = await Bun.file(join(world.runFolder(String(runtimeRunId)), "events.json")).json();
      const dead = (events as readonly Event[]).filter((event) =>
        event.event_type.endsWith(".dead_lettered"),
      );
      return Object.fromEntries(
        dead.map(({ payload }) => [payload.action.action_id.split(":")[1] ?? "", payload.error_code]),
      );
    },
    processes: () => processesBelow(base).map(({ shown }) => shown),
  };
  return { world, said };
}

interface Event {
  readonly event_type: string;
  readonly payload: { readonly action: { readonly action_id: string }; readonly error_code: string };
}

/** The object that a text is, or an empty one when it is none. */
export function jsonObject(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
  } catch {
    return {};
  }
}

/** The command failed with this code, said so to programs and to people, and gave a hint. Returns what it said. */
export function expectError(ran: Ran, code: ErrorCode, exit: number): Json {
  const said = jsonObject(ran.stdout);
  expect({ exit: ran.code, kind: said["kind"], code: said["code"], stderr: ran.stderr }).toEqual({
    exit,
    kind: "Error",
    code,
    stderr: expect.stringContaining(`[${code}]\n`),
  });
  expect(said["exit_code"]).toBe(exit);
  expect(said["class"]).toBe(errorCodes[code].class);
  expect(String(said["hint"]).length).toBeGreaterThan(10);
  return said;
}

/** The run ended so, and its first fault is said with its code and a hint. */
export function expectOutcome(ran: Started, outcome: string, exit: number, code: ErrorCode | null): void {
  const { kind, outcome: actual, exit_code, last_error_code } = ran.report;
  expect({ exit: ran.code, kind, outcome: actual, exit_code, last_error_code, stderr: ran.stderr }).toEqual({
    exit,
    kind: "RunReport",
    outcome,
    exit_code: exit,
    last_error_code: code,
    stderr: expect.stringMatching(new RegExp(code === null ? "" : `\\[${code}\\][^]*hint: .{10}`)),
  });
}

/** Waits until `what` is true, or fails with `name`. */
export async function until(
  name: string,
  what: () => boolean | Promise<boolean>,
  patienceMs = 30_000,
): Promise<void> {
  const endAt = performance.now() + patienceMs;
  while (!(await what())) {
    if (performance.now() > endAt) throw new Error(`waited in vain: ${name}`);
    await Bun.sleep(10);
  }
}

/** Waits for a file that a step makes when it is under way. */
export function untilThere(path: string): Promise<void> {
  return until(`${path} is there`, () => existsSync(path));
}

interface FoundProcess {
  readonly pid: number;
  readonly shown: string;
}

/** Every living process whose command line, environment or working directory speaks of `base`: scrubbing one is not enough. */
export function processesBelow(base: string): FoundProcess[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const command = content(`/proc/${name}/cmdline`).replaceAll("\0", " ").trim();
      const marks = [command, content(`/proc/${name}/environ`), target(`/proc/${name}/cwd`)];
      return marks.some((mark) => mark.includes(base)) ? [{ pid: Number(name), shown: command }] : [];
    });
}

function killAll(base: string): void {
  for (const { pid } of processesBelow(base)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Gone by itself.
    }
  }
}

/** No temporary file, every JSON file of a run whole, every database whole. */
function expectNothingHalfDone(base: string): void {
  const names = filesBelow(base);
  expect(names.filter((name) => /\.tmp[.-]|\/incoming\//.test(name))).toEqual([]);
  for (const name of names) {
    const path = join(base, name);
    if (!lstatSync(path).isFile()) continue;
    // What a test wrote to be bad is bad; what akc wrote stands in the folder of a run.
    const ours = name.includes(`/.akc/runtime/${runId}/`) || name.includes("/.akc/run/");
    if (ours && name.endsWith(".json")) JSON.parse(readFileSync(path, "utf8"));
    if (ours && name.endsWith(".jsonl")) {
      for (const line of readFileSync(path, "utf8").split("\n").filter(Boolean)) JSON.parse(line);
    }
    if (name.endsWith("/state.sqlite3")) expect(integrityOf(path)).toBe("ok");
  }
}

function integrityOf(path: string): string {
  using db = new Database(path, { readonly: true });
  const [answer] = db.query<{ integrity_check: string }, []>("PRAGMA integrity_check").all();
  const orphans = db.query("PRAGMA foreign_key_check").all();
  return orphans.length > 0
    ? `${orphans.length} rows without parent`
    : (answer?.integrity_check ?? "nothing");
}

/** Paths of all files and links below `base`, relative to it; links are not followed. */
export function filesBelow(base: string): string[] {
  const found: string[] = [];
  const open = [base];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (lstatSync(path).isDirectory()) open.push(path);
      else found.push(relative(base, path));
    }
  }
  return found.sort();
}

/** Neither a stack nor source: the frames of the binary are in /$bunfs, and its lines are long. */
function expectWordsForPeople(stderr: string): void {
  expect(stderr).not.toMatch(/\$bunfs|^\s+at .*:\d+:\d+|Bun v\d/m);
  expect(Math.max(...stderr.split("\n").map((line) => line.length))).toBeLessThan(1_000);
}

function content(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function target(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
