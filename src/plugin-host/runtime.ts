/**
 * How a plugin's program is started: which file, with which arguments, and what of the system it needs for that.
 * One for each kind of runtime; nothing of the plugin's folder or the working directory steers it.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { basename, join } from "node:path";
import { AkcError } from "../errors.ts";
import { findExecutable } from "../system/executable.ts";
import { realPlace, within } from "../system/sandbox.ts";
import type { FoundPlugin, Granted } from "./contract.ts";
import { denoProgram } from "./runtime-deno.ts";
import type { RuntimeFiles } from "./runtime-files.ts";

export interface Program {
  readonly executable: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly output: "stdout" | "descriptor3";
  /** Files that are executed on the way. */
  readonly executables: readonly string[];
  /** Files and folders that are read on the way. */
  readonly reads: readonly string[];
}

export interface ProgramInput {
  readonly plugin: FoundPlugin;
  readonly granted: Granted;
  readonly files: RuntimeFiles;
  readonly workdir: string;
  /** akc's own; the plugin gets nothing of it here. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Options by which Bun obeys nothing that lies about, and fetches nothing. */
export const bunOptions = ["--no-install", "--no-env-file", "--config=/dev/null"] as const;

/** A compiled akc is Bun too, when it is told so. */
export const bunEnvironment: Readonly<Record<string, string>> = {
  BUN_BE_BUN: "1",
  BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
  DO_NOT_TRACK: "1",
};

/** @throws AkcError PLUGIN_START_FAILED when a program that it needs is not there. */
export function programOf(input: ProgramInput): Program {
  const { runtime } = input.plugin.manifest;
  switch (runtime.kind) {
    case "bun":
      return bunProgram(input, runtime.entry);
    case "deno":
      return denoProgram(input, runtime.entry);
    case "exec":
      return execProgram(input, runtime.command);
  }
}

function bunProgram({ plugin, files }: ProgramInput, entry: string): Program {
  const bun = realPlace(process.execPath);
  return {
    executable: bun,
    argv: ["bun", "--no-orphans", ...bunOptions, files.path("bun.js"), join(plugin.root, entry)],
    env: bunEnvironment,
    output: "descriptor3",
    executables: [bun],
    reads: [files.folder],
  };
}

function execProgram({ plugin }: ProgramInput, [name, ...args]: readonly [string, ...string[]]): Program {
  const executable = name.startsWith("./") ? inFolder(plugin, name) : programNamed(name);
  return {
    executable,
    argv: [name.startsWith("./") ? executable : name, ...args.map((arg) => fileArgument(plugin, arg))],
    env: {},
    output: "stdout",
    executables: [executable, ...interpretersOf(executable)],
    reads: [],
  };
}

/** A file of the plugin is named by where it is: the working directory is another. */
function fileArgument({ root, files }: FoundPlugin, arg: string): string {
  const path = arg.startsWith("./") ? arg.slice(2) : arg;
  return files.has(path) ? join(root, path) : arg;
}

function inFolder({ root, manifest }: FoundPlugin, name: string): string {
  const path = realPlace(join(root, name));
  if (within(path, root)) return path;
  throw new AkcError("PLUGIN_START_FAILED", {
    message: "the plugin's command leads out of its folder",
    details: { plugin: manifest.id, command: name },
  });
}

/** @throws AkcError PLUGIN_START_FAILED */
export function programNamed(name: string): string {
  const found = findExecutable(name);
  if (found.kind === "found") return found.real;
  throw new AkcError("PLUGIN_START_FAILED", {
    message: `there is no ${name} on this host`,
    hint: `Install ${basename(name)} where PATH of a service finds it: /usr/local/bin, /usr/bin or /bin.`,
    details: { program: name },
  });
}

const interpretersMax = 4;

/** Programs that the kernel, and env(1), execute for a script. */
export function interpretersOf(path: string): readonly string[] {
  const found: string[] = [];
  for (let script = path; found.length < interpretersMax; ) {
    const words = /^#![ \t]*(\S+)(?:[ \t]+(\S+))?/.exec(headOf(script)) ?? [];
    const [, program, argument] = words;
    if (program === undefined) break;
    const next = findExecutable(program);
    if (next.kind !== "found") break;
    found.push(next.real);
    const named =
      basename(program) === "env" && argument !== undefined ? findExecutable(argument) : undefined;
    if (named?.kind === "found") found.push(named.real);
    script = found.at(-1) ?? script;
  }
  return found;
}

function headOf(path: string): string {
  const head = Buffer.alloc(256);
  try {
    const file = openSync(path, "r");
    try {
      return head.toString("latin1", 0, readSync(file, head, 0, head.length, 0));
    } finally {
      closeSync(file);
    }
  } catch {
    return "";
  }
}
