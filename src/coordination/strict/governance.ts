/**
 * Judges the limits and grants that a spec states about itself: whatever would be left out of them silently is an error,
 * because a limit that is not understood is a limit that does not hold.
 * It never compares the plan with them; `../governance.ts` does.
 *
 * Source: spec kernel §11.2; kernel:W-13, kernel:W-16, kernel:W-28, kernel:W-30.
 */
import { isJsonArray, isJsonObject, type JsonObject } from "../../json/value.ts";
import { isConfinedPath } from "../parse-governance.ts";
import { isSafeRoleId } from "../roles.ts";
import { stripped } from "../text/python.ts";
import type { Findings, Place } from "./findings.ts";

/** @param roles every role that the spec declares or binds. */
export function judgeGovernance(spec: JsonObject, roles: ReadonlySet<string>, findings: Findings): void {
  const place: Place = ["governance"];
  const governance = findings.object(spec, "governance", []);
  if (governance === undefined) return;
  findings.unknownKeys(governance, governanceKeys, place);
  findings.wholeNumber(governance, "max_steps", place, 1);
  findings.boolean(governance, "execution_allow_network", place);
  judgeCapabilities(governance, place, findings);
  const profilesPlace = [...place, "role_profiles"];
  const profiles = findings.object(governance, "role_profiles", place) ?? {};
  for (const key of Object.keys(profiles)) {
    const rolePlace = [...profilesPlace, key];
    judgeRole(key, roles, rolePlace, findings);
    const profile = profiles[key];
    if (isJsonObject(profile)) judgeProfile(profile, rolePlace, findings);
    else findings.error(rolePlace, "must be an object; the role would have no profile");
  }
}

const governanceKeys = ["max_steps", "allowed_capabilities", "execution_allow_network", "role_profiles"];
const profileKeys = ["filesystem_scope", "allowed_tools", "execution_allow_network"];
const scopeKeys = ["read_only_roots", "scratch_subdir"];

function judgeCapabilities(governance: JsonObject, place: Place, findings: Findings): void {
  findings.texts(governance, "allowed_capabilities", place);
  const value = governance["allowed_capabilities"];
  if (isJsonArray(value) && value.length === 0) {
    findings.warning(
      [...place, "allowed_capabilities"],
      "is empty and limits nothing; leave it out, or list what is allowed",
    );
  }
}

function judgeRole(key: string, roles: ReadonlySet<string>, place: Place, findings: Findings): void {
  const role = stripped(key);
  if (role === "" || !isSafeRoleId(role)) findings.error(place, "is no safe role name; it names a folder");
  else if (!roles.has(role)) findings.warning(place, "is a profile of a role that the spec does not have");
}

function judgeProfile(profile: JsonObject, place: Place, findings: Findings): void {
  findings.unknownKeys(profile, profileKeys, place);
  findings.texts(profile, "allowed_tools", place);
  findings.boolean(profile, "execution_allow_network", place);
  const scopePlace = [...place, "filesystem_scope"];
  const scope = findings.object(profile, "filesystem_scope", place);
  if (scope === undefined) return;
  findings.unknownKeys(scope, scopeKeys, scopePlace);
  for (const root of findings.texts(scope, "read_only_roots", scopePlace)) {
    if (isConfinedPath(root)) continue;
    findings.error([...scopePlace, "read_only_roots"], `path ${JSON.stringify(root)} escapes repo root`);
  }
  const scratch = scope["scratch_subdir"];
  if (scratch === undefined || scratch === null || typeof scratch === "string") return;
  findings.error([...scopePlace, "scratch_subdir"], "must be a string or null");
}
