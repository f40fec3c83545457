/**
 * Reads what a command was pointed at: a plan (`akc.yaml`), which is compiled in memory, or a bundle that somebody compiled.
 * What it is, its content says, and its name only where that is silent. Nothing is written, and nothing outside the plan's folder is read for it.
 */
import { realpath } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type OpenPlan, openPlan } from "../../authoring/compile.ts";
import type { Compiled, NamedFile } from "../../authoring/model.ts";
import { AkcError, type FaultySource, type Issue } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { readFileBounded, resolveConfined } from "../../system/files.ts";
import { isBundleText } from "./kind.ts";

export interface GivenPlan {
  readonly kind: "plan";
  /** As it was named. */
  readonly path: string;
  /** Absolute, links resolved: what the plan's paths are relative to. */
  readonly folder: string;
  readonly text: string;
  readonly compiled: Compiled;
}

export interface GivenBundle {
  readonly kind: "bundle";
  readonly path: string;
}

export type Given = GivenPlan | GivenBundle;

/** The file that is meant where none is named. */
export const usualPlan = "akc.yaml";

/** The flag of every command that takes either. */
export const givenArg = {
  type: "positional",
  required: false,
  valueHint: "FILE",
  description: `A plan or a bundle; else ${usualPlan} of the working directory.`,
} as const;

/**
 * @param path a plan or a bundle
 * @throws AkcError FILE_NOT_FOUND, FILE_UNREADABLE, JSON_NOT_UTF8, or PLAN_INVALID with every fault and the text they lie in
 */
export async function readGiven(path: string = usualPlan): Promise<Given> {
  if (path === "-") {
    throw new AkcError("USAGE", {
      message: "a plan cannot come from standard input here",
      hint: "It refers to files beside it; name its path.",
    });
  }
  const bytes = await readFileBounded(path, limits.jsonTextBytesMax).catch((cause) => {
    throw withoutPlan(path, cause);
  });
  if (isBundleText(bytes, path)) return { kind: "bundle", path };
  return readPlan(path, textOf(bytes, path));
}

/** Compiles the text of a plan. @throws AkcError as `readGiven` */
export function readPlan(path: string, text: string): Promise<GivenPlan> {
  return compileOpen(openPlan({ text, path }));
}

/** As `readPlan`, for a text that was read already. */
export async function compileOpen(plan: OpenPlan): Promise<GivenPlan> {
  const { path, text } = plan.source;
  const folder = await realpath(dirname(resolve(path)));
  const files = await namedFiles(folder, plan.filesNamed);
  try {
    return { kind: "plan", path, folder, text, compiled: plan.compiled(files) };
  } catch (cause) {
    if (!(cause instanceof AkcError) || cause.code !== "PLAN_INVALID") throw cause;
    throw invalid({ path, text }, cause.issues, cause);
  }
}

/**
 * The text of a plan that is to be formatted: it need not compile, but it must be YAML.
 * @throws AkcError PLAN_INVALID with the places where it is not, JSON_NOT_UTF8
 */
export function openReadable(path: string, bytes: Uint8Array): OpenPlan {
  const plan = openPlan({ text: textOf(bytes, path), path });
  if (plan.unreadable.length > 0) throw invalid(plan.source, plan.unreadable);
  return plan;
}

function invalid(source: FaultySource, issues: readonly Issue[], cause?: AkcError): AkcError {
  const message = `${source.path} is not a plan that can run: ${issues.length} ${issues.length === 1 ? "fault" : "faults"}`;
  return new AkcError("PLAN_INVALID", {
    message,
    details: { path: source.path },
    hint: "Mend every fault shown. `akc bundle explain --rule RULE` says what the rule in brackets wants, docs/akc-yaml.md what each member means.",
    cause,
    issues,
    source,
  });
}

/** Where a plan's bundle belongs: the roles' paths are relative to the folder of its `.akc`. */
export function bundlePlace({ folder, compiled }: GivenPlan, name: string): string {
  return join(folder, ".akc", "runtime", `${name}-${compiled.sha256.slice(0, 12)}.runtime_bundle.json`);
}

/** The name by which the plan's runs are compiled: the bundle's `run_id`. */
export function nameOf({ compiled }: GivenPlan): string {
  const name = compiled.bundle["run_id"];
  return typeof name === "string" ? name : "plan";
}

/** A file that is not there is left to the compiler, which knows the line that names it. */
async function namedFiles(folder: string, paths: readonly string[]): Promise<readonly NamedFile[]> {
  const read = await Promise.all(
    paths.map(async (path): Promise<NamedFile | undefined> => {
      try {
        const place = await resolveConfined(folder, path);
        return { path, text: textOf(await readFileBounded(place, limits.subprocessStdinBytesMax), path) };
      } catch (cause) {
        if (cause instanceof AkcError && cause.code === "FILE_NOT_FOUND") return undefined;
        throw cause;
      }
    }),
  );
  return read.filter((file) => file !== undefined);
}

/** @throws AkcError JSON_NOT_UTF8 */
export function textOf(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new AkcError("JSON_NOT_UTF8", { details: { path } });
  }
}

/** What a first-time user meets in a folder without a plan; any other fault as it is. */
export function withoutPlan(path: string, cause: unknown): unknown {
  if (path !== usualPlan || !(cause instanceof AkcError) || cause.code !== "FILE_NOT_FOUND") return cause;
  return new AkcError("FILE_NOT_FOUND", {
    message: `there is no ${usualPlan} here`,
    hint: "Begin one with `akc init`, or name the plan or bundle.",
    details: { path: resolve(usualPlan) },
    cause,
  });
}
