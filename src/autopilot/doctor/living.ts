/**
 * The documented checks of an unattended living loop: the claim, the scope's folder, its baseline, what was taken in, and the suite that
 * judges. Reads files and changes nothing.
 *
 * Source: spec cli §15.6.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { AkcError } from "../../errors.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonObject, type JsonValue } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { readFileBounded } from "../../system/files.ts";
import type { Profile, ScopeId } from "../model.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

const check = "living";

export interface LivingInput {
  readonly profile: Profile;
  /** Whether somebody says in the environment or the project file that it runs unattended. */
  readonly claimed: boolean;
  readonly scopes: readonly ScopeId[];
  readonly outputsRoot: string;
  /** Absolute; absent where nobody names it. */
  readonly ingestStatePath?: string | undefined;
  /** Absolute. `named`: somebody names it; else it is the documented default. */
  readonly evalSuite: { readonly path: string; readonly named: boolean };
  readonly relaxedBaseline: boolean;
  /** Whether akc's own configuration is named: what only the old compiler needs is not missed then. */
  readonly configured: boolean;
}

/** Every other profile checks nothing here and passes, as documented. */
export async function livingFindings(input: LivingInput): Promise<readonly Finding[]> {
  const { profile, claimed, scopes, outputsRoot } = input;
  if (profile !== "living_loop_unattended_v1") {
    if (!claimed) return [];
    return [
      fail(
        check,
        `it is said to run unattended, and the profile is ${profile}`,
        "Set --living-automation-profile living_loop_unattended_v1, or take AKC_LIVING_UNATTENDED_CLAIM back.",
      ),
    ];
  }
  const findings: Finding[] = [ok(check, "the profile is living_loop_unattended_v1")];
  if (scopes.length === 0) {
    findings.push(
      fail(
        check,
        "there is no scope to look after",
        "Name one with --tenant-id and --repo-id, or check the discovery.",
      ),
    );
  }
  for (const { tenantId, repoId } of scopes) {
    const root = join(outputsRoot, tenantId, repoId);
    if (!isFolder(root)) {
      findings.push(
        fail(check, `the scope's folder ${root} is not there`, "Check the ids and --outputs-root."),
      );
      continue;
    }
    findings.push(baseline(root, input));
  }
  findings.push(ingest(input), await suite(input));
  return findings;
}

function baseline(root: string, { relaxedBaseline, configured }: LivingInput): Finding {
  const path = join(root, ".akc/living/baseline.json");
  if (isFile(path)) return ok(check, `the baseline ${path} is there`);
  const message = `the baseline ${path} is not there`;
  const fix = "The first accepted recompile writes it";
  // A hook of one's own may know nothing of baselines.
  return relaxedBaseline || configured
    ? warn(check, message, `${fix}, where the hook keeps one.`)
    : fail(check, message, `${fix}; --relaxed-baseline makes this a warning.`);
}

function ingest({ ingestStatePath, configured }: LivingInput): Finding {
  if (ingestStatePath === undefined) {
    if (configured) return ok(check, "no ingest state is named, and none is needed");
    return fail(
      check,
      "no ingest state is named",
      "Name it with --ingest-state-path or AKC_INGEST_STATE_PATH.",
    );
  }
  if (isFile(ingestStatePath)) return ok(check, `the ingest state ${ingestStatePath} is there`);
  return fail(
    check,
    `the ingest state ${ingestStatePath} is not there`,
    "Ingest once, or name the right file.",
  );
}

async function suite({ evalSuite, configured }: LivingInput): Promise<Finding> {
  const { path, named } = evalSuite;
  if (!named && configured && !isFile(path)) {
    return ok(check, "no suite is named: the recompile hook judges what it compiles");
  }
  const fix =
    "It is a JSON object with a living_recompile_policy or runtime_canary_thresholds that is not empty.";
  try {
    const value = parseJson(await readFileBounded(path, limits.autopilotConfigBytesMax));
    const parts = isJsonObject(value)
      ? [value["living_recompile_policy"], value["runtime_canary_thresholds"]]
      : [];
    if (parts.some(isFilled)) return ok(check, `the suite ${path} says how recompiles are judged`);
    return fail(check, `the suite ${path} does not say how recompiles are judged`, fix);
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    return fail(check, `the suite ${path} cannot be read: ${cause.message}`, fix);
  }
}

function isFilled(value: JsonValue | undefined): boolean {
  return isJsonObject(value) && Object.keys(value).length > 0;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
