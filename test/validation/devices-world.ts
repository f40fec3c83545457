/**
 * A host for the validators of devices: a folder with tools that are small shell scripts, and a `Call` whose `run` really starts
 * them, in a folder of its own, with a deadline. Judges nothing.
 */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { validators } from "../../plugins/devices/index.ts";
import {
  type Call,
  failed,
  type JsonMap,
  type RunEnd,
  type RunOptions,
  type Verdict,
} from "../../src/sdk/index.ts";

const Transcript = v.object({
  exit_code: v.number(),
  stdout: v.array(v.string()),
  stderr: v.array(v.string()),
});
export type Transcript = v.InferOutput<typeof Transcript>;

const recordings = join(import.meta.dir, "recordings/devices");

/** The transcripts of one program by name. @throws when there is none of that name */
export function transcripts(program: "adb" | "simctl" | "maestro"): (name: string) => Transcript {
  const all = v.parse(
    v.record(v.string(), Transcript),
    JSON.parse(readFileSync(join(recordings, `${program}.json`), "utf8")),
  );
  return (name) => {
    const found = all[name];
    if (found === undefined) throw new Error(`${program}.json has no ${name}`);
    return found;
  };
}

export function report(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(recordings, `${name}.xml`)));
}

/** One pixel, whole. */
export const png = Uint8Array.fromBase64(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
);

/** The boxes of a film with nothing in them. */
export const movie = new Uint8Array([...box("ftyp", 16), ...box("moov", 8), ...box("mdat", 64)]);
/** What a recorder leaves that was killed: the index is missing. */
export const cutMovie = new Uint8Array([...box("ftyp", 16), ...box("mdat", 64)]);

function box(type: string, content: number): number[] {
  const size = 8 + content;
  return [
    0,
    0,
    size >> 8,
    size & 0xff,
    ...new TextEncoder().encode(type),
    ...new Array<number>(content).fill(0),
  ];
}

/** What a tool does when its command line holds `when`; the first that fits. */
export interface Behaviour {
  readonly when?: string;
  readonly says?: Transcript;
  /** Raw, behind what it says. */
  readonly puts?: Uint8Array;
  /** Files that it makes in its folder. */
  readonly makes?: Readonly<Record<string, Uint8Array>>;
  /** Longer than anybody waits. */
  readonly hangs?: true;
  /** Does all this only when it is interrupted. */
  readonly onInterrupt?: true;
}

export interface World {
  readonly call: Call;
  /** Command lines, in order. */
  readonly started: readonly (readonly string[])[];
  tool(name: "adb" | "maestro" | "xcrun", behaviours: readonly Behaviour[]): void;
  judge(kind: string, binding: JsonMap, timeoutMs?: number): Promise<Verdict>;
}

/** Gone with all its tools' processes when the work ends. @param env beside PATH; programs are looked up in its own folder, then in `path` */
export async function inWorld<Result>(
  work: (world: World) => Promise<Result>,
  options: { readonly path?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Result> {
  const root = mkdtempSync(join(tmpdir(), "akc-devices-"));
  const [bin, said, made] = ["bin", "said", "made"].map((name) => join(root, name));
  for (const folder of [bin, said, made]) mkdirSync(folder ?? "");
  const control = new AbortController();
  const started: (readonly string[])[] = [];
  const run = async (argv: readonly [string, ...string[]], runs: RunOptions) => {
    started.push(argv);
    const [name, ...args] = argv;
    const place = [bin ?? "", ...(options.path ?? [])].map((folder) => join(folder, name)).find(existsSync);
    if (place === undefined) throw failed(`there is no ${name}`, { code: "TOOL_MISSING" });
    return await runUntil(place, args, runs, { cwd: made ?? "", env: options.env ?? {} });
  };
  const call: Call = {
    signal: control.signal,
    settings: {},
    workdir: root,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    progress() {},
    async output() {},
    fetch: refuse,
    run,
    async readMade(name) {
      const path = join(made ?? "", name);
      if (!existsSync(path)) throw failed(`there is no ${name}`, { code: "FILE_NOT_FOUND" });
      return new Uint8Array(readFileSync(path));
    },
    secret: refuse,
    handoff: () => {
      throw new Error("not of a validator");
    },
  };
  try {
    return await work({
      call,
      started,
      tool(name, behaviours) {
        const path = join(bin ?? "", name);
        writeFileSync(path, script(behaviours, join(said ?? "", name)));
        chmodSync(path, 0o755);
      },
      async judge(kind, binding, timeoutMs = 60_000) {
        const validator = Object.values(validators).find(({ bindingKinds }) =>
          bindingKinds.some((one) => one === kind),
        );
        if (validator === undefined) throw new Error(`nobody judges ${kind}`);
        const request = {
          bindingKind: kind,
          bindingId: "shot.pay",
          binding,
          evaluatedAtMs: 1_767_225_600_000,
          timeoutMs,
        };
        return await validator.validate(request, call);
      },
    });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function refuse(): Promise<never> {
  throw new Error("not asked for by these validators");
}

interface Place {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

async function runUntil(
  path: string,
  args: readonly string[],
  { timeoutMs, outputBytesMax = 16 * 1024 * 1024, interruptAfterMs, signal = "SIGTERM" }: RunOptions,
  { cwd, env }: Place,
): Promise<RunEnd> {
  const child = Bun.spawn([path, ...args], {
    cwd,
    env: { PATH: "/usr/bin:/bin", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    detached: true,
  });
  let isLate = false;
  const group = (name: "SIGKILL" | "SIGINT" | "SIGTERM") => {
    try {
      process.kill(-child.pid, name);
    } catch {
      // It has gone.
    }
  };
  const deadline = setTimeout(() => {
    isLate = true;
    group("SIGKILL");
  }, timeoutMs);
  const interrupt =
    interruptAfterMs === undefined ? undefined : setTimeout(() => group(signal), interruptAfterMs);
  try {
    const [stdout, stderr] = await Promise.all([child.stdout.bytes(), child.stderr.bytes()]);
    await child.exited;
    if (isLate) throw failed("it did not end in time", { code: "TOOL_TIMEOUT" });
    return {
      exitCode: child.signalCode === null ? child.exitCode : null,
      signal: child.signalCode === null ? null : String(child.signalCode),
      stdout: stdout.subarray(0, outputBytesMax),
      stderr: stderr.subarray(0, outputBytesMax),
      truncated: Math.max(stdout.length, stderr.length) > outputBytesMax,
    };
  } finally {
    clearTimeout(deadline);
    clearTimeout(interrupt);
    group("SIGKILL");
  }
}

/** A tool as a shell script; what it says and makes is kept in `folder`. */
export function script(behaviours: readonly Behaviour[], folder: string): string {
  mkdirSync(folder, { recursive: true });
  const branches = behaviours.map((behaviour, at) => {
    const { when, says, puts, makes = {}, hangs, onInterrupt } = behaviour;
    const keep = (name: string, content: string | Uint8Array) => {
      const path = join(folder, `${at}-${name}`);
      writeFileSync(path, content);
      return path;
    };
    const acts = [
      ...(says === undefined
        ? []
        : [`cat ${keep("out", lines(says.stdout))}`, `cat ${keep("err", lines(says.stderr))} >&2`]),
      ...(puts === undefined ? [] : [`cat ${keep("raw", puts)}`]),
      ...Object.entries(makes).map(([name, bytes]) => `cp ${keep(`made-${name}`, bytes)} ./${name}`),
      hangs === true ? "exec sleep 30" : `exit ${says?.exit_code ?? 0}`,
    ].join("; ");
    const all = onInterrupt === true ? `trap '${acts}' INT; while :; do sleep 0.02; done` : acts;
    return `*${when === undefined ? "" : `"${when}"*`}) ${all} ;;`;
  });
  return ["#!/bin/sh", `case " $* " in`, ...branches, "*) exit 99 ;;", "esac", ""].join("\n");
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join("");
}
