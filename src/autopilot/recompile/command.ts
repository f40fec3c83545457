/**
 * The hook as a program of the operator's: argument list without a shell, the request on its stdin, the answer on its stdout, exit code 2
 * for a refusal. It may read the system and its own files, and write below the scope and where it was granted; nothing else.
 *
 * Source: spec cli §15.3; docs/autopilot.md "The recompile hook"; cli:W-29.
 */
import { mkdirSync, rmSync, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { AkcError } from "../../errors.ts";
import { sha256Hex } from "../../json/fingerprint.ts";
import { limits } from "../../limits.ts";
import { childLauncher } from "../../run/child-launcher.ts";
import { readOperatorPolicy } from "../../run/prepare.ts";
import { findExecutable, fixedPath } from "../../system/executable.ts";
import { asDiskError, resolveConfined } from "../../system/files.ts";
import { launcherExit } from "../../system/launch-order.ts";
import { killStrays } from "../../system/process-tree.ts";
import { atLeast, type Confinement, pathRules, strongestContainment, weaker } from "../../system/sandbox.ts";
import type { RecompileConfig, ScopeConfig } from "../config/model.ts";
import { type HookAnswer, readAnswerText } from "./answer.ts";
import { type HookEnd, runHook } from "./hook-process.ts";
import type { Asked, HookDeps } from "./recompiler.ts";

export type CommandHook = Extract<RecompileConfig, { readonly kind: "command" }>;

/** @throws AkcError SUBPROCESS_…, CONTAINMENT_UNAVAILABLE, RECOMPILE_…, PATH_UNSAFE, DISK_FULL; CANCELLED when the signal aborts */
export async function askCommand(hook: CommandHook, asked: Asked, deps: HookDeps): Promise<HookAnswer> {
  const { scope, attemptId, text, signal } = asked;
  const [program = ""] = hook.argv;
  const place = findExecutable(program);
  if (!isAbsolute(program) || place.kind !== "found") {
    throw new AkcError("SUBPROCESS_NOT_FOUND", {
      message: `the recompile hook is not there, or is not executable: ${program}`,
      hint: "Write its absolute path in `recompile.command`.",
    });
  }
  const folder = await makeFolder(scope, attemptId);
  const key = `recompile-${sha256Hex(scope.scopeRoot).slice(0, 16)}`;
  try {
    const [launcher, confinement] = await Promise.all([
      childLauncher(deps.env),
      confinementFor(hook, place.real, scope, deps),
      killStrays(key),
    ]);
    const end = await runHook(
      launcher,
      {
        key,
        executable: place.real,
        argv: hook.argv,
        workdir: scope.scopeRoot,
        env: environmentFor(hook, asked, folder, deps),
        stdin: text,
        timeoutMs: hook.timeoutMs,
        outputBytesMax: hook.outputBytesMax,
        ...(confinement === undefined ? {} : { confinement }),
      },
      signal,
    );
    return answerOf(end, hook);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A folder of its own for this attempt. Those of attempts that were cut off go: nobody else recompiles in this scope now. */
async function makeFolder({ scopeRoot }: ScopeConfig, attemptId: string): Promise<string> {
  try {
    mkdirSync(scopeRoot, { recursive: true });
    const parent = await resolveConfined(scopeRoot, ".akc/autopilot/recompile");
    rmSync(parent, { recursive: true, force: true });
    const folder = join(parent, attemptId);
    mkdirSync(join(folder, "tmp"), { recursive: true, mode: 0o700 });
    return folder;
  } catch (cause) {
    throw asDiskError(cause, scopeRoot);
  }
}

/** What nobody wrote down is not given away; only the operator's own word makes it less. */
async function confinementFor(
  hook: CommandHook,
  executable: string,
  { scopeRoot, policyPath }: ScopeConfig,
  { outputsRoot, containmentAtMost }: HookDeps,
): Promise<Confinement | undefined> {
  const required = (await readOperatorPolicy(policyPath))?.containment ?? "landlock";
  const level = weaker(strongestContainment(), containmentAtMost ?? "landlock");
  if (!atLeast(level, required)) {
    throw new AkcError("CONTAINMENT_UNAVAILABLE", {
      message: `the recompile hook cannot be shut in: ${required} is required, this host has ${level}`,
    });
  }
  if (level !== "landlock") return undefined;
  for (const path of hook.write) {
    if (statSync(path, { throwIfNoEntry: false }) === undefined) {
      throw new AkcError("FILE_NOT_FOUND", {
        message: `the recompile hook is granted a place that does not exist: ${path}`,
        hint: "Make it, or take it out of `recompile.write`.",
      });
    }
  }
  try {
    const paths = pathRules({
      level,
      readWrite: [scopeRoot, ...hook.write],
      readOnly: [executable, ...hook.argv.slice(1).filter(isFile), ...hook.read],
      closed: [join(outputsRoot, ".akc")],
      network: hook.network,
    });
    return { paths, tcp: hook.network };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AkcError("CONTAINMENT_UNAVAILABLE", {
      message: `the recompile hook cannot be shut in: ${why}`,
      cause,
    });
  }
}

/** A script that an interpreter is called with is the hook's own file. */
function isFile(word: string): boolean {
  return (
    isAbsolute(word) && !word.includes("\0") && statSync(word, { throwIfNoEntry: false })?.isFile() === true
  );
}

/** Made from nothing but the names that the operator wrote down. */
function environmentFor(
  hook: CommandHook,
  { scope, attemptId }: Asked,
  folder: string,
  { env, outputsRoot }: HookDeps,
): Readonly<Record<string, string>> {
  const passed = hook.env.flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    HOME: folder,
    LANG: "C.UTF-8",
    ...Object.fromEntries(passed),
    PATH: fixedPath,
    TMPDIR: join(folder, "tmp"),
    AKC_OUTPUTS_ROOT: outputsRoot,
    AKC_TENANT_ID: scope.scope.tenantId,
    AKC_REPO_ID: scope.scope.repoId,
    AKC_AUTOPILOT_ATTEMPT_ID: attemptId,
  };
}

function answerOf(end: HookEnd, hook: CommandHook): HookAnswer {
  const said = lastWords(end);
  const because = said === "" ? "" : `: ${said}`;
  switch (end.ended) {
    case "cancelled":
      throw new AkcError("CANCELLED");
    case "timeout":
      throw new AkcError("SUBPROCESS_TIMEOUT", {
        message: `the recompile hook did not end within ${hook.timeoutMs} ms and was killed${because}`,
        hint: "Raise `recompile.timeout`, or find out what it waits for.",
      });
    case "output":
      throw new AkcError("SUBPROCESS_OUTPUT_LIMIT", {
        message: `the recompile hook printed more than ${hook.outputBytesMax} bytes and was killed`,
        hint: "Let it print its answer only, or raise `recompile.output_bytes`.",
      });
    default:
  }
  switch (end.exitCode) {
    case 0:
      return readAnswerText(end.stdout);
    case refusedExit:
      return { kind: "refused", reason: reasonOf(end) ?? (said === "" ? "the hook gave no reason" : said) };
    case launcherExit.confinementRefused:
      throw new AkcError("CONTAINMENT_UNAVAILABLE", {
        message: `the recompile hook cannot be shut in${because}`,
      });
    case launcherExit.notExecuted:
      throw new AkcError("SUBPROCESS_SPAWN_FAILED", {
        message: `the recompile hook could not be started${because}`,
      });
    case null:
      throw failed(`the recompile hook was ended by ${end.signal ?? "a signal"}${because}`);
    default:
      throw failed(`the recompile hook ended with ${end.exitCode}${because}`);
  }
}

/** As the old canary said that it would rather not (spec cli §15.3). */
const refusedExit = 2;

function failed(message: string): AkcError {
  return new AkcError("RECOMPILE_FAILED", {
    message,
    hint: "Run it by hand; docs/autopilot-triggers.md says what it is asked.",
  });
}

/** What it printed as its answer counts more than what it logged. */
function reasonOf({ stdout }: HookEnd): string | undefined {
  try {
    const answer = readAnswerText(stdout);
    return answer.kind === "refused" ? answer.reason : undefined;
  } catch {
    return undefined;
  }
}

/** The end of what it said for itself. */
function lastWords({ stderr, stdout }: HookEnd): string {
  for (const stream of [stderr, stdout]) {
    const text = new TextDecoder().decode(stream.subarray(-limits.recompileLastWordsBytes)).trim();
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    if (lines.length > 0) return lines.slice(-lastLines).join(" | ");
  }
  return "";
}

const lastLines = 3;
