/**
 * Where a verification looks: the tenant, the repository and the outputs root, out of flags, environment and project file, with where
 * each came from. Decides no more than that.
 *
 * Source: spec cli §3.3; spec reconcile §9.
 */
import { stat } from "node:fs/promises";
import { isIdentifier } from "../../bundle/identifier.ts";
import type { Scope } from "../../bundle/model.ts";
import { AkcError } from "../../errors.ts";
import { resolveConfined } from "../../system/files.ts";
import type { Environment, Io } from "../io.ts";
import { outputsRootOf } from "../outputs-root.ts";
import { type Project, readProject } from "../project.ts";
import { printable } from "../render/text.ts";

export type Source = "cli" | "env" | "project_file" | "legacy_default" | "state";

export interface Sourced {
  readonly value: string;
  readonly source: Source;
}

export interface VerifyPlace {
  readonly scope: Scope;
  /** Absolute, links resolved. */
  readonly scopeRoot: string;
  /** Absolute. */
  readonly outputsRoot: string;
  readonly sources: { readonly tenantId: Source; readonly repoId: Source; readonly outputsRoot: Source };
  readonly roleProfile: Sourced;
}

export interface PlaceFlags {
  readonly tenantId?: string | undefined;
  readonly repoId?: string | undefined;
  readonly outputsRoot?: string | undefined;
}

/** @throws AkcError USAGE, FILE_NOT_FOUND for a scope that is not there, PATH_UNSAFE, PROJECT_FILE_INVALID */
export async function verifyPlace(flags: PlaceFlags, io: Io): Promise<VerifyPlace> {
  const project = await readProject(process.cwd());
  const tenant = identified("--tenant-id", "AKC_TENANT_ID", flags.tenantId, project.tenantId, io.env);
  const repo = identified("--repo-id", "AKC_REPO_ID", flags.repoId, project.repoId, io.env);
  const outputsRoot = await outputsRootOf(io, flags.outputsRoot);
  const scope = { tenantId: tenant.value, repoId: repo.value };
  return {
    scope,
    scopeRoot: await scopeFolder(outputsRoot, scope),
    outputsRoot,
    sources: {
      tenantId: tenant.source,
      repoId: repo.source,
      outputsRoot:
        first([
          [flags.outputsRoot, "cli"],
          [io.env["AKC_OUTPUTS_ROOT"], "env"],
          [project.outputsRoot, "project_file"],
        ])?.source ?? "legacy_default",
    },
    roleProfile: roleProfile(io.env, project),
  };
}

async function scopeFolder(outputsRoot: string, { tenantId, repoId }: Scope): Promise<string> {
  const missing = (cause?: unknown) =>
    new AkcError("FILE_NOT_FOUND", {
      message: "there is nothing of this scope below the outputs root",
      hint: "Check --outputs-root, --tenant-id and --repo-id.",
      details: { outputs_root: outputsRoot, tenant_id: tenantId, repo_id: repoId },
      cause,
    });
  if ((await stat(outputsRoot).catch(() => undefined)) === undefined) throw missing();
  const folder = await resolveConfined(outputsRoot, `${tenantId}/${repoId}`);
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory() !== true) throw missing();
  return folder;
}

function identified(
  flag: string,
  variable: string,
  given: string | undefined,
  ofProject: string | undefined,
  env: Environment,
): Sourced {
  const found = first([
    [given, "cli"],
    [env[variable], "env"],
    [ofProject, "project_file"],
  ]);
  if (found === undefined) {
    throw new AkcError("USAGE", {
      message: `${flag} is missing`,
      hint: `Give ${flag}, set ${variable}, or name it in .akc/project.json.`,
    });
  }
  if (!isIdentifier(found.value)) {
    throw new AkcError("USAGE", { message: `${flag} cannot be "${printable(found.value)}"` });
  }
  return found;
}

function roleProfile(env: Environment, project: Project): Sourced {
  const said = first([
    [env["AKC_DEVELOPER_ROLE_PROFILE"], "env"],
    [project.developerRoleProfile, "project_file"],
  ]);
  if (said !== undefined) return { ...said, value: said.value === "emerging" ? "emerging" : "classic" };
  return { value: "classic", source: "legacy_default" };
}

/** The first that is said. */
function first(said: readonly (readonly [string | undefined, Source])[]): Sourced | undefined {
  for (const [text, source] of said) {
    const value = text?.trim();
    if (value !== undefined && value !== "") return { value, source };
  }
  return undefined;
}
