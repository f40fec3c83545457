/**
 * Reads the `governance` member of a coordination spec as existing tools do: what has the wrong type is left out.
 * It never enforces anything (`governance.ts` does) and never complains about what it leaves out (`strict.ts` does).
 *
 * Source: spec kernel §11.2.
 */
import { isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import { sortedUnique } from "./code-point.ts";
import { invalid } from "./fault.ts";
import type { FilesystemScope, Governance, RoleProfile } from "./model.ts";
import { stripped, textItems } from "./text/python.ts";

/** @throws AkcError COORDINATION_INVALID for a scratch directory that leads outside. */
export function parseGovernance(value: JsonValue | undefined): Governance | undefined {
  if (!isJsonObject(value)) return undefined;
  return {
    maxSteps: wholeOrNull(value["max_steps"]),
    allowedCapabilities: sortedUnique(textItems(value["allowed_capabilities"])),
    executionAllowNetwork: booleanOrNull(value["execution_allow_network"]),
    roleProfiles: parseProfiles(value["role_profiles"]),
  };
}

function parseProfiles(value: JsonValue | undefined): ReadonlyMap<string, RoleProfile> {
  const profiles = new Map<string, RoleProfile>();
  if (!isJsonObject(value)) return profiles;
  for (const [key, profile] of Object.entries(value)) {
    const role = stripped(key);
    if (role !== "" && isJsonObject(profile)) profiles.set(role, parseProfile(profile));
  }
  return profiles;
}

function parseProfile(profile: JsonObject): RoleProfile {
  const scope = profile["filesystem_scope"];
  return {
    ...(isJsonObject(scope) ? { filesystemScope: parseScope(scope) } : {}),
    allowedTools: sortedUnique(textItems(profile["allowed_tools"])),
    executionAllowNetwork: booleanOrNull(profile["execution_allow_network"]),
  };
}

function parseScope(scope: JsonObject): FilesystemScope {
  const scratch = scope["scratch_subdir"];
  const scratchSubdir = typeof scratch === "string" ? stripped(scratch) : null;
  if (scratchSubdir !== null && !isConfinedPath(scratchSubdir)) {
    throw invalid("CoordinationParseError", "filesystem_scope.scratch_subdir must be a safe relative path");
  }
  return { readOnlyRoots: sortedUnique(textItems(scope["read_only_roots"])), scratchSubdir };
}

/** Whether a relative path stays below where it starts: not absolute, no `..`, no NUL. Symbolic links are not seen here. */
export function isConfinedPath(path: string): boolean {
  return !/^[/\\]|\0/.test(path) && !path.split(/[/\\]/).includes("..");
}

function wholeOrNull(value: JsonValue | undefined): number | null {
  if (typeof value === "bigint") return Number(value);
  return typeof value === "number" && Number.isInteger(value) ? value : null;
}

function booleanOrNull(value: JsonValue | undefined): boolean | null {
  return typeof value === "boolean" ? value : null;
}
