/**
 * The project file of the working directory, `.akc/project.json` or else `.akc/project.yaml`: defaults for flags that were
 * not given. It can only supply what a flag could say, and nothing in it is run.
 *
 * Source: spec cli §3.3.
 */
import { join } from "node:path";
import * as v from "valibot";
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import { readFileBounded } from "../system/files.ts";

export interface Project {
  readonly tenantId?: string;
  readonly repoId?: string;
  readonly outputsRoot?: string;
  readonly developerRoleProfile?: string;
  /** From 0 (observer) to 4 (autonomy). */
  readonly adoptionLevel?: number;
  /** Where the registry of validator bindings is, relative to the working directory. */
  readonly validatorBindingsPath?: string;
  /** Of the living loop, as it is written. */
  readonly livingAutomationProfile?: string;
  /** What a compiler took in, relative to the working directory. */
  readonly ingestStatePath?: string;
  /** Whether it is said to run unattended (spec cli §15.6). */
  readonly livingUnattendedClaim?: boolean;
}

const Text = v.optional(v.string());
const ProjectFile = v.object({
  tenant_id: Text,
  repo_id: Text,
  outputs_root: Text,
  developer_role_profile: Text,
  adoption_level: v.optional(v.unknown()),
  validation: v.optional(v.nullable(v.object({ bindings_path: Text }))),
  validation_bindings_path: Text,
  living_automation_profile: Text,
  ingest_state_path: Text,
  living_unattended_claim: v.optional(v.unknown()),
});

/** Spellings of each level, lowest first; a dash and an underscore are the same. */
const adoptionLevels: readonly (readonly string[])[] = [
  ["observer", "0", "level0", "l0", "read_only", "readonly"],
  ["advisor", "1", "level1", "l1", "artifact_only"],
  ["copilot", "2", "level2", "l2", "co_pilot", "scoped_apply"],
  ["compiler", "3", "level3", "l3"],
  ["autonomy", "4", "level4", "l4", "full_autonomy"],
];

/** @throws AkcError PROJECT_FILE_INVALID, FILE_UNREADABLE */
export async function readProject(folder: string): Promise<Project> {
  for (const name of ["project.json", "project.yaml"]) {
    const path = join(folder, ".akc", name);
    const text = await readIfPresent(path);
    if (text !== undefined) return parseProject(text, path);
  }
  return {};
}

async function parseProject(text: string, path: string): Promise<Project> {
  const { parseDocument } = await import("yaml");
  // JSON is YAML; one reader for both.
  const document = parseDocument(text, { uniqueKeys: true });
  const [fault] = document.errors;
  if (fault !== undefined) throw invalid(path, fault.message);
  const parsed = v.safeParse(ProjectFile, document.toJS({ maxAliasCount: 0 }));
  if (!parsed.success) throw invalid(path, parsed.issues.map((issue) => issue.message).join("; "));
  const { outputs_root: root, developer_role_profile: profile, adoption_level: level } = parsed.output;
  const { validation, validation_bindings_path: flat } = parsed.output;
  const { living_automation_profile: living, ingest_state_path: ingest } = parsed.output;
  const nested = validation?.bindings_path;
  const bindings = blank(nested) ? flat : nested;
  const adoptionLevel = levelOf(level);
  const { tenant_id: tenantId, repo_id: repoId } = parsed.output;
  return {
    ...(blank(tenantId) ? {} : { tenantId }),
    ...(blank(repoId) ? {} : { repoId }),
    ...(blank(root) ? {} : { outputsRoot: root }),
    ...(blank(profile) ? {} : { developerRoleProfile: profile }),
    ...(adoptionLevel === undefined ? {} : { adoptionLevel }),
    ...(blank(bindings) ? {} : { validatorBindingsPath: bindings.trim() }),
    ...(blank(living) ? {} : { livingAutomationProfile: living }),
    ...(blank(ingest) ? {} : { ingestStatePath: ingest.trim() }),
    ...(isTruthy(parsed.output.living_unattended_claim) ? { livingUnattendedClaim: true } : {}),
  };
}

function levelOf(value: unknown): number | undefined {
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const word = String(value).trim().toLowerCase().replaceAll("-", "_");
  const level = adoptionLevels.findIndex((spellings) => spellings.includes(word));
  return level < 0 ? undefined : level;
}

/** As switches of the environment are read (spec cli §13). */
export function isTruthy(value: unknown): boolean {
  return /^\s*(1|true|yes|on)\s*$/i.test(String(value));
}

function blank(text: string | undefined): text is undefined | "" {
  return text === undefined || text.trim() === "";
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return new TextDecoder().decode(await readFileBounded(path, limits.yamlTextBytesMax));
  } catch (cause) {
    if (cause instanceof AkcError && cause.code === "FILE_NOT_FOUND") return undefined;
    throw cause;
  }
}

function invalid(path: string, why: string): AkcError {
  return new AkcError("PROJECT_FILE_INVALID", { details: { path, why } });
}
