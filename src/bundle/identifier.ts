/**
 * The one grammar of identifiers that become parts of paths, and the rule for relative paths inside a bundle.
 * It judges text only; whether a link on the disk leads elsewhere is asked where files are read.
 *
 * Source: spec bundle §17.2; bundle:W-7, bundle:W-11, bundle:W-12, bundle:W-43.
 */
import { isSafeRoleId } from "../coordination/roles.ts";
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Rule } from "./shape/rule.ts";
import { fault } from "./shape/rule.ts";

const grammar = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

const identifierWants =
  "must be 1 to 128 letters, digits, '.', '_' or '-', begin with a letter or digit, and not hold '..'";

/** Whether `text` may stand for a tenant, a repository, a run or an intent. */
export function isIdentifier(text: string): boolean {
  return grammar.test(text) && !text.includes("..");
}

export const identifier: Rule = (value, report) => {
  if (typeof value !== "string") return fault(report, "must be a string");
  if (!isIdentifier(value)) fault(report, identifierWants);
};

/** Whether a role's name can be the name of a folder: roles are for people, so only what a path cannot hold is refused. */
export function isRoleName(name: string): boolean {
  return name !== "" && name.length <= limits.idLengthMax && !/\p{Cc}/u.test(name) && isSafeRoleId(name);
}

export const roleNameWants =
  "must be usable as the name of a folder: no '/', '\\', '..' or control character";

/**
 * Where a path written in a bundle points, relative to the repository root: `.akc/…` starts there, anything else
 * starts in the bundle's own folder.
 * @param bundleFolder the bundle's folder relative to the repository root; empty when it is the root
 * @throws AkcError PATH_UNSAFE when it is absolute, holds `..`, or a NUL
 */
export function pathInRepo(written: string, bundleFolder: string): string {
  const path = written.trim().replaceAll("\\", "/");
  const leadsAway = /^\/|^[A-Za-z]:|\0/.test(path) || path.split("/").includes("..");
  if (path === "" || leadsAway) {
    throw new AkcError("PATH_UNSAFE", { details: { path: written.replaceAll("\0", "\\0") } });
  }
  if (path.startsWith(".akc/") || bundleFolder === "") return path;
  return `${bundleFolder}/${path}`;
}
