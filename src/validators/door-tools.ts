/**
 * Tools of a validator, and the files that they made: found, allowed, run to their end, read. Only what the operator lets be started,
 * with an environment made from nothing, and only files that stand in the working folder themselves.
 */
import { constants } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import { findExecutable, fixedPath } from "../system/executable.ts";
import { type GroupEnd, runGroup } from "../system/group-run.ts";
import type { DoorRun, DoorRunEnd } from "./contract.ts";
import { toolEnvironment } from "./tool-environment.ts";

export interface ToolDeps {
  /** Absolute paths that the operator lets be started; absent: any. */
  readonly subprocess?: readonly string[] | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where files that are made are read. */
  readonly workdir: string;
  /** Where tools work; `workdir` unless the binding says otherwise. */
  readonly cwd: string;
  /** Milliseconds that are left of the binding's time. */
  readonly leftMs: () => number;
}

/** @throws AkcError TOOL_MISSING, TOOL_DENIED, TOOL_TIMEOUT, SUBPROCESS_SPAWN_FAILED, CANCELLED */
export async function runTool(run: DoorRun, deps: ToolDeps, signal: AbortSignal): Promise<DoorRunEnd> {
  if (signal.aborted) throw new AkcError("CANCELLED");
  const [name, ...args] = run.argv;
  const executable = allowedTool(name, run.executable ?? name, deps.subprocess);
  if (run.argv.join("\0").length > limits.validatorArgvCharsMax || args.some((one) => one.includes("\0"))) {
    throw new AkcError("TOOL_DENIED", { message: "the arguments of a tool are too long or hold a NUL" });
  }
  const { env, sweep } = toolEnvironment(name, deps.env);
  const timeoutMs = Math.max(1, Math.round(Math.min(run.timeoutMs, deps.leftMs())));
  await mkdir(deps.workdir, { recursive: true, mode: 0o700 });
  let end: GroupEnd;
  try {
    end = await runGroup({
      executable,
      argv0: name,
      args,
      env,
      cwd: deps.cwd,
      timeoutMs,
      outputBytesMax: Math.min(
        run.outputBytesMax ?? limits.validatorToolBytesMax,
        limits.validatorToolBytesMax,
      ),
      excess: { kind: "cut", readBytesMax: limits.validatorToolReadBytesMax },
      ...(run.interruptAfterMs === undefined
        ? {}
        : { interrupt: { afterMs: run.interruptAfterMs, signal: run.signal ?? "SIGINT" } }),
      sweep,
      signal,
    });
  } catch (cause) {
    throw new AkcError("SUBPROCESS_SPAWN_FAILED", { message: `${name} could not be started`, cause });
  }
  if (end.ended === "cancelled") throw new AkcError("CANCELLED");
  if (end.ended !== undefined) {
    throw new AkcError("TOOL_TIMEOUT", { message: `${name} did not end within ${timeoutMs} ms` });
  }
  const { exitCode, signal: endedBy, stdout, stderr, truncated } = end;
  return { exitCode, signal: endedBy, stdout, stderr, truncated };
}

/** The file that is started. */
function allowedTool(name: string, wanted: string, listed: readonly string[] | undefined): string {
  const place = findExecutable(wanted);
  if (place.kind === "relative") {
    throw new AkcError("TOOL_DENIED", { message: "a tool is named by a relative path" });
  }
  if (place.kind === "missing") {
    throw new AkcError("TOOL_MISSING", {
      message: `there is no ${name} on this host`,
      details: { tool: wanted, searched: fixedPath },
    });
  }
  const names = [place.real, ...place.foundAs, wanted];
  if (listed !== undefined && !listed.some((path) => names.includes(path))) {
    throw new AkcError("TOOL_DENIED", { message: `the operator does not let ${name} be started` });
  }
  return place.real;
}

/** @throws AkcError PATH_UNSAFE, FILE_NOT_FOUND, FILE_UNREADABLE, FILE_TOO_LARGE */
export async function readMadeFile(workdir: string, name: string): Promise<Uint8Array> {
  if (name === "" || name === "." || name === ".." || /[/\\\0]/.test(name)) {
    throw new AkcError("PATH_UNSAFE", { message: "a file that was made is named without a folder" });
  }
  const file = await open(
    join(workdir, name),
    constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  ).catch((cause: unknown) => {
    const missing = errnoOf(cause) === "ENOENT" || errnoOf(cause) === "ENOTDIR";
    throw new AkcError(missing ? "FILE_NOT_FOUND" : "FILE_UNREADABLE", {
      message: unreadable(missing),
      cause,
    });
  });
  try {
    const stat = await file.stat();
    // Another name of the same file may stand anywhere.
    if (!stat.isFile() || stat.nlink !== 1) {
      throw new AkcError("FILE_UNREADABLE", { message: unreadable(false) });
    }
    if (stat.size > limits.validatorFileBytesMax) {
      throw new AkcError("FILE_TOO_LARGE", { message: "a file that was made is larger than allowed" });
    }
    const bytes = new Uint8Array(stat.size);
    let size = 0;
    while (size < bytes.length) {
      const { bytesRead } = await file.read(bytes, size, bytes.length - size, size);
      if (bytesRead === 0) break;
      size += bytesRead;
    }
    return bytes.subarray(0, size);
  } finally {
    await file.close();
  }
}

function unreadable(missing: boolean): string {
  return missing ? "no such file was made" : "what was made under this name is no file of its own";
}

function errnoOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
}
