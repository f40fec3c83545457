/**
 * Services of the host that akc deploys, for tests of the binary: bundles that want them, commands about them, and what really runs.
 * They outlive akc on purpose, so whoever leaves takes them all down.
 */
import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { plainEnv } from "./akc.ts";
import { type BundleBuilder, bundle, type Json, sh } from "./bundle.ts";
import {
  inWorld,
  jsonObject,
  type Live,
  processesBelow,
  type Ran,
  type Started,
  until,
  type World,
} from "./world.ts";

/** What a shell gives every process, with the gate open that changes need. */
export const changing = { ...plainEnv, AKC_ENABLE_MUTATING_DEPLOYMENT_PROVIDER: "1" };

export interface Wanted {
  readonly id: string;
  readonly command: readonly string[];
  readonly needs?: readonly string[];
  /** Settings of the process beside its command. */
  readonly process?: Json;
  /** Keys of `runtime_deployment` beside `process`. */
  readonly more?: Json;
}

/** Stands until somebody ends it; another `version` is another command line. */
export function standing(id: string, version: number, more: Partial<Wanted> = {}): Wanted {
  const { process, ...others } = more;
  const restart = { backoff_ms: 10 };
  return { id, command: ["sleep", `${70_000 + version}`], process: { restart, ...process }, ...others };
}

/** Ends at once, again and again, and is not waited for any longer than its first end. */
export function crashing(id: string, more: Partial<Wanted> = {}): Wanted {
  return { id, command: ["false"], process: { restart: { policy: "never" } }, ...more };
}

/** Healthy counts soon, though not before what ends at once has ended. */
export const health = { min_healthy_ms: 100, healthy_deadline_ms: 4_000 };
export const quickly = { strategy: "all_at_once", health };
/** For what ends by itself: on a machine with much to do that takes a while. */
export const carefully = { strategy: "all_at_once", health: { ...health, min_healthy_ms: 1_000 } };

/** A bundle with one small action that wants these to stand, by the provider `process`. */
export function deploying(wanted: readonly Wanted[], members: Json = {}): BundleBuilder {
  return bundle()
    .started("work", sh("echo worked >worked"))
    .with({
      deployment_provider: { kind: "process" },
      deployment_intents: wanted.map(intentOf),
      runtime_rollout: wanted.some(crashes) ? carefully : quickly,
      ...members,
    });
}

function crashes({ command }: Wanted): boolean {
  return command[0] === "false";
}

function intentOf({ id, command, needs = [], process = {}, more = {} }: Wanted): Json {
  return {
    node_id: id,
    kind: "service",
    name: id,
    depends_on: needs,
    runtime_deployment: { process: { command, ...process }, ...more },
  };
}

/** A service that runs. */
export interface Running {
  readonly pid: number;
  readonly command: string;
}

export interface Shop {
  readonly world: World;
  /** Writes the bundle beside the outputs tree. Returns its path. */
  write(name: string, bundle: BundleBuilder): Promise<string>;
  /** `runtime start -o json`, in mode enforce unless the flags say otherwise. */
  start(path: string, ...flags: readonly string[]): Promise<Started>;
  begin(path: string, ...flags: readonly string[]): Live;
  /** Any command about this outputs tree, `-o json`. */
  akc(...args: readonly string[]): Promise<Started>;
  live(...args: readonly string[]): Live;
  /** What runs, as a person would see it, in the order of command lines. */
  running(): readonly string[];
  found(): readonly Running[];
  /** Fails unless exactly these command lines run, or do so soon: a process has its own only a moment after it was started. */
  expectRunning(commands: readonly string[]): Promise<void>;
  /** The only one with this command line. */
  pidOf(command: string): number;
  /** Kills the only one with this command line. */
  kill(command: string): Promise<void>;
  /** The rows of a run's evidence. */
  evidence(runtimeRunId: string): Promise<readonly Json[]>;
}

export async function inShop(work: (shop: Shop) => Promise<void>): Promise<void> {
  await inWorld(async (world) => {
    const shop = shopIn(world);
    try {
      await work(shop);
    } finally {
      for (const { pid } of processesBelow(world.root)) endIfThere(pid);
      await until("no service is left", () => processesBelow(world.root).length === 0, 5_000);
    }
  });
}

function shopIn(world: World): Shop {
  const here = ["--outputs-root", world.root, "-o", "json"];
  const live: Shop["live"] = (...args) => world.live([...args, ...here], { env: changing });
  const begin: Shop["begin"] = (path, ...flags) =>
    live(
      "runtime",
      "start",
      "--bundle",
      path,
      ...(flags.includes("--mode") ? [] : ["--mode", "enforce"]),
      ...flags,
    );
  const found: Shop["found"] = () =>
    processesBelow(world.root)
      // The one that starts it bears the same environment until it becomes it.
      .filter(({ pid, shown }) => isService(pid) && shown !== "")
      .map(({ pid, shown }) => ({ pid, command: shown }));
  const running: Shop["running"] = () =>
    found()
      .map(({ command }) => command)
      .toSorted();
  const pidOf: Shop["pidOf"] = (command) => {
    const [one, ...others] = found().filter((service) => service.command === command);
    if (one === undefined || others.length > 0)
      throw new Error(`not one "${command}": ${JSON.stringify(found())}`);
    return one.pid;
  };
  return {
    world,
    async write(name, built) {
      const path = `${world.side}/${name}.json`;
      await Bun.write(path, JSON.stringify(built.document()));
      return path;
    },
    start: (path, ...flags) => ended(begin(path, ...flags)),
    begin,
    akc: (...args) => ended(live(...args)),
    live,
    found,
    running,
    async expectRunning(commands) {
      const wanted = commands.toSorted().join();
      await until("it runs", () => running().join() === wanted, 3_000).catch(() => undefined);
      expect(running()).toEqual(commands.toSorted());
    },
    pidOf,
    async kill(command) {
      const pid = pidOf(command);
      process.kill(pid, "SIGKILL");
      await until(`${command} is gone`, () => found().every((service) => service.pid !== pid));
    },
    async evidence(runtimeRunId) {
      const rows: unknown = await Bun.file(`${world.runFolder(runtimeRunId)}/runtime_evidence.json`).json();
      return Array.isArray(rows) ? rows.map((row) => jsonObject(JSON.stringify(row))) : [];
    },
  };
}

export async function ended(live: Live): Promise<Started> {
  const ran: Ran = await live.ended;
  return { ...ran, report: jsonObject(ran.stdout) };
}

function isService(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").includes("AKC_SERVICE_ID=");
  } catch {
    return false;
  }
}

function endIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone by itself.
  }
}

/** Of each row what is asked for, in one line. */
export function columns(rows: unknown, ...keys: readonly string[]): readonly string[] {
  if (!Array.isArray(rows)) return [];
  return rows.map((row) => keys.map((key) => String(jsonObject(JSON.stringify(row))[key])).join(" "));
}
