/**
 * Judges the limits and grants that a spec states about itself: whatever would be left out of them silently is an error,
 * because a limit that is not understood is a limit that does not hold.
 * It never compares the plan with them; `../governance.ts` does.
 *
 * Source: spec kernel §11.2; kernel:W-13, kernel:W-16, kernel:W-28, kernel:W-30.
 */
import type { JsonObject, JsonValue } from "../../json/value.ts";
import { isConfinedPath } from "../parse-governance.ts";
import { isSafeRoleId } from "../roles.ts";
import { stripped } from "../text/python.ts";
import type { Findings, Place } from "./findings.ts";

/** @param roles every role that the spec declares or binds. */
export function judgeGovernance(
  value: JsonValue | undefined,
  roles: ReadonlySet<string>,
  findings: Findings,
): void {
  const place: Place = ["governance"];
  const governance = findings.object(value, place);
  if (governance === undefined) return;
  findings.unknownKeys(governance, governanceKeys, place);
  findings.wholeNumber(governance["max_steps"], [...place, "max_steps"], 1);
  findings.boolean(governance["execution_allow_network"], [...place, "execution_allow_network"]);
  judgeCapabilities(governance["allowed_capabilities"], [...place, "allowed_capabilities"], findings);
  const profilesPlace = [...place, "role_profiles"];
  const profiles = findings.object(governance["role_profiles"], profilesPlace) ?? {};
  for (const [key, profile] of Object.entries(profiles)) {
    const rolePlace = [...profilesPlace, key];
    judgeRole(key, roles, rolePlace, findings);
    const object = profile === null ? undefined : findings.object(profile, rolePlace);
    if (object === undefined) findings.error(rolePlace, "must be an object; the role would have no profile");
    else judgeProfile(object, rolePlace, findings);
  }
}

const governanceKeys = ["max_steps", "allowed_capabilities", "execution_allow_network", "role_profiles"];
const profileKeys = ["filesystem_scope", "allowed_tools", "execution_allow_network"];
const scopeKeys = ["read_only_roots", "scratch_subdir"];

function judgeCapabilities(value: JsonValue | undefined, place: Place, findings: Findings): void {
  findings.texts(value, place);
  if (Array.isArray(value) && value.length === 0) {
    findings.warning(place, "is empty and limits nothing; leave it out, or list what is allowed");
  }
}

function judgeRole(key: string, roles: ReadonlySet<string>, place: Place, findings: Findings): void {
  const role = stripped(key);
  if (role === "" || !isSafeRoleId(role)) findings.error(place, "is no safe role name; it names a folder");
  else if (!roles.has(role)) findings.warning(place, "is a profile of a role that the spec does not have");
}

function judgeProfile(profile: JsonObject, place: Place, findings: Findings): void {
  findings.unknownKeys(profile, profileKeys, place);
  findings.texts(profile["allowed_tools"], [...place, "allowed_tools"]);
  findings.boolean(profile["execution_allow_network"], [...place, "execution_allow_network"]);
  const scopePlace = [...place, "filesystem_scope"];
  const scope = findings.object(profile["filesystem_scope"], scopePlace);
  if (scope === undefined) return;
  findings.unknownKeys(scope, scopeKeys, scopePlace);
  const rootsPlace = [...scopePlace, "read_only_roots"];
  for (const root of findings.texts(scope["read_only_roots"], rootsPlace)) {
    if (!isConfinedPath(root)) findings.error(rootsPlace, `path ${JSON.stringify(root)} escapes repo root`);
  }
  const scratch = scope["scratch_subdir"];
  if (scratch === undefined || scratch === null || typeof scratch === "string") return;
  findings.error([...scopePlace, "scratch_subdir"], "must be a string or null");
}
