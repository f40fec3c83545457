/**
 * Runs a program of the host to its end, bounded in time and output, in a process group of its own that is gone with it.
 * No shell; of the environment only what is named. What the program may be is the caller's to say.
 */
import { AkcError } from "../errors.ts";
import { findExecutable, fixedPath } from "./executable.ts";
import { runGroup } from "./group-run.ts";

export interface ToolRun {
  readonly args: readonly string[];
  /** Text for its standard input; closed when absent. */
  readonly stdin?: string;
  readonly cwd?: string;
  readonly timeoutMs: number;
  /** Of stdout and of stderr each; a program that prints more is ended. */
  readonly outputBytesMax: number;
  readonly signal: AbortSignal;
}

export interface ToolEnd {
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Tool {
  /** Absolute. */
  readonly path: string;
  /** How often it was started. */
  readonly runs: number;
  /** @throws AkcError TOOL_TIMEOUT, CANCELLED, PROVIDER_FAILED when it prints too much or cannot be started */
  run(run: ToolRun): Promise<ToolEnd>;
}

export interface ToolSearch {
  /** Looked up in the fixed search path. */
  readonly name: string;
  /** Environment variable with an absolute path that is used instead. */
  readonly override: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Names that are handed on, if set; PATH is always the fixed one. */
  readonly environment: readonly string[];
}

/** @throws AkcError TOOL_MISSING */
export function findTool({ name, override, env, environment }: ToolSearch): Tool {
  const named = env[override]?.trim();
  const place = findExecutable(named === undefined || named === "" ? name : named);
  if (place.kind !== "found") {
    throw new AkcError("TOOL_MISSING", {
      message: `there is no ${named ?? name} on this host`,
      details: { tool: named ?? name, searched: fixedPath, override },
    });
  }
  const passed = environment.flatMap((key) => {
    const value = env[key];
    return value === undefined ? [] : [[key, value] as const];
  });
  return new HostTool(place.real, name, { ...Object.fromEntries(passed), PATH: fixedPath });
}

class HostTool implements Tool {
  readonly path: string;
  readonly #name: string;
  readonly #env: Readonly<Record<string, string>>;
  #runs = 0;

  constructor(path: string, name: string, env: Readonly<Record<string, string>>) {
    this.path = path;
    this.#name = name;
    this.#env = env;
  }

  get runs(): number {
    return this.#runs;
  }

  async run({ args, stdin, cwd, timeoutMs, outputBytesMax, signal }: ToolRun): Promise<ToolEnd> {
    if (signal.aborted) throw new AkcError("CANCELLED");
    this.#runs += 1;
    const end = await runGroup({
      executable: this.path,
      argv0: this.#name,
      args,
      env: this.#env,
      ...(cwd === undefined ? {} : { cwd }),
      ...(stdin === undefined ? {} : { stdin }),
      timeoutMs,
      outputBytesMax,
      excess: { kind: "end" },
      signal,
    });
    const about = { tool: this.#name, args: args.slice(0, argsShownMax) };
    switch (end.ended) {
      case "cancelled":
        throw new AkcError("CANCELLED");
      case "timeout":
        throw new AkcError("TOOL_TIMEOUT", { details: { ...about, timeoutMs } });
      case "excess":
        throw new AkcError("PROVIDER_FAILED", {
          message: `${this.#name} printed too much`,
          details: { ...about, outputBytesMax },
        });
      default:
        return { exitCode: end.exitCode, stdout: textOf(end.stdout), stderr: textOf(end.stderr) };
    }
  }
}

const argsShownMax = 6;

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}
