/**
 * Which scopes there are now: those of a registry, the one that was named, or the folders that are there. Looks each time anew and
 * changes nothing; a scope whose name or place is not safe is told of and left out, and never stops another.
 *
 * Source: spec cli §14.4; cli:W-02, W-24.
 */
import { type Dirent, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { isIdentifier } from "../bundle/identifier.ts";
import { AkcError } from "../errors.ts";
import { parseJson } from "../json/read.ts";
import { isJsonArray, isJsonObject, type JsonValue } from "../json/value.ts";
import { limits } from "../limits.ts";
import { databasePath } from "../store/sqlite/open.ts";
import { errnoOf, readFileBounded, resolveConfined } from "../system/files.ts";
import type { AutopilotConfig } from "./config/model.ts";
import { type ScopeId, scopeName } from "./model.ts";

/** What was found wrong while looking; one text for one thing, so that a caller can tell what is new. */
export interface ScopeFault {
  readonly code: string;
  readonly message: string;
}

export interface Discovered {
  /** Without repetition, in order of tenant and repository; at most `limits.autopilotScopesMax`. */
  readonly scopes: readonly ScopeId[];
  readonly faults: readonly ScopeFault[];
  /** Of `faults`, those that the look before did not have: each is said once for as long as it lasts. */
  readonly news: readonly ScopeFault[];
}

type Look = Omit<Discovered, "news">;

/**
 * Never throws for what the disk holds. A registry that cannot be read keeps the scopes of the look before; a registry or an outputs
 * root that is not there means that there are none.
 * @param last what the look before answered
 */
export async function discoverScopes(
  config: Pick<AutopilotConfig, "outputsRoot" | "discovery">,
  last?: Discovered,
): Promise<Discovered> {
  const look = await lookAround(config, last?.scopes ?? []);
  const known = new Set(last?.faults.map(({ message }) => message));
  return { ...look, news: look.faults.filter(({ message }) => !known.has(message)) };
}

async function lookAround(
  { outputsRoot, discovery }: Pick<AutopilotConfig, "outputsRoot" | "discovery">,
  before: readonly ScopeId[],
): Promise<Look> {
  const faults: ScopeFault[] = [];
  const scopes = await (async () => {
    switch (discovery.kind) {
      case "registry":
        return ofRegistry(discovery.path, before, faults);
      case "one":
        return [discovery.scope];
      case "tenant":
        return ofTenant(outputsRoot, discovery.tenantId, faults);
      case "all":
        return ofRoot(outputsRoot, faults);
    }
  })();
  const unique = [...new Map(scopes.map((scope) => [scopeName(scope), scope])).values()].sort(byName);
  if (unique.length > limits.autopilotScopesMax) {
    faults.push({
      code: "AUTOPILOT_CONFIG_INVALID",
      message: `there are ${unique.length} scopes; the first ${limits.autopilotScopesMax} are watched`,
    });
  }
  const confined: ScopeId[] = [];
  for (const scope of unique.slice(0, limits.autopilotScopesMax)) {
    if (await isConfined(outputsRoot, [scope.tenantId, scope.repoId], faults)) confined.push(scope);
  }
  return { scopes: confined, faults };
}

async function ofRegistry(
  path: string,
  before: readonly ScopeId[],
  faults: ScopeFault[],
): Promise<readonly ScopeId[]> {
  try {
    const bytes = await readFileBounded(path, limits.autopilotRegistryBytesMax);
    const rows = parseJson(bytes);
    if (!isJsonArray(rows)) {
      faults.push({ code: "JSON_SYNTAX", message: `${kept(path)}: it is not a list of scopes` });
      return before;
    }
    return rows.flatMap((row, index) => ofRow(row, index, path, faults));
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    if (cause.code === "FILE_NOT_FOUND") {
      faults.push({ code: cause.code, message: `the registry ${path} is not there: no scope is watched` });
      return [];
    }
    faults.push({ code: cause.code, message: `${kept(path)}: ${cause.message}` });
    return before;
  }
}

function kept(path: string): string {
  return `the registry ${path} cannot be read, and the scopes that it named before are kept`;
}

function ofRow(row: JsonValue, index: number, path: string, faults: ScopeFault[]): readonly ScopeId[] {
  const { tenant_id: tenantId, repo_id: repoId } = isJsonObject(row) ? row : {};
  if (typeof tenantId === "string" && typeof repoId === "string") {
    const scope = { tenantId: tenantId.trim(), repoId: repoId.trim() };
    if (isIdentifier(scope.tenantId) && isIdentifier(scope.repoId)) return [scope];
  }
  faults.push({
    code: "AUTOPILOT_CONFIG_INVALID",
    message: `the registry ${path} names no scope in its row ${index + 1}: it wants a tenant_id and a repo_id that can be names of folders`,
  });
  return [];
}

async function ofTenant(
  outputsRoot: string,
  tenantId: string,
  faults: ScopeFault[],
): Promise<readonly ScopeId[]> {
  if (!(await isConfined(outputsRoot, [tenantId], faults))) return [];
  return foldersIn(join(outputsRoot, tenantId), faults).map((repoId) => ({ tenantId, repoId }));
}

async function ofRoot(outputsRoot: string, faults: ScopeFault[]): Promise<readonly ScopeId[]> {
  const found: ScopeId[] = [];
  for (const tenantId of foldersIn(outputsRoot, faults)) {
    for (const scope of await ofTenant(outputsRoot, tenantId, faults)) {
      if (isLivedIn(join(outputsRoot, scopeName(scope)), faults)) found.push(scope);
    }
  }
  return found;
}

/** Whether somebody has worked there: an autopilot, a run, or the living loop. */
function isLivedIn(scopeRoot: string, faults: ScopeFault[]): boolean {
  try {
    return [
      join(scopeRoot, ".akc", "autopilot"),
      databasePath(scopeRoot),
      join(scopeRoot, ".akc", "living", "baseline.json"),
    ].some((path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined);
  } catch (cause) {
    faults.push(unreadable(scopeRoot, cause));
    return false;
  }
}

/** Names that could be an id's, of folders and of links. */
function foldersIn(folder: string, faults: ScopeFault[]): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter(couldBeScope)
      .map(({ name }) => name);
  } catch (cause) {
    faults.push(unreadable(folder, cause));
    return [];
  }
}

function couldBeScope(entry: Dirent): boolean {
  return (entry.isDirectory() || entry.isSymbolicLink()) && isIdentifier(entry.name);
}

function unreadable(folder: string, cause: unknown): ScopeFault {
  const errno = errnoOf(cause);
  return errno === "ENOENT"
    ? { code: "FILE_NOT_FOUND", message: `the folder ${folder} is not there: it has no scopes` }
    : {
        code: "FILE_UNREADABLE",
        message: `the folder ${folder} cannot be read (${errno ?? "unknown"}): its scopes are not watched`,
      };
}

/** Whether what lies there, as far as it exists, is below the root; a link that leads out is told of. */
async function isConfined(
  outputsRoot: string,
  parts: readonly string[],
  faults: ScopeFault[],
): Promise<boolean> {
  try {
    // Hardly anybody uses links; following every part of every path at every turn costs ten times as much.
    const places = parts.map((_, index) => join(outputsRoot, ...parts.slice(0, index + 1)));
    if (places.some((path) => lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink())) {
      await resolveConfined(outputsRoot, parts.join("/"));
    }
    return true;
  } catch (cause) {
    const code = cause instanceof AkcError ? cause.code : "FILE_UNREADABLE";
    const why = cause instanceof AkcError ? (cause.details["why"] ?? cause.message) : errnoOf(cause);
    faults.push({ code, message: `${parts.join("/")} is left out: ${String(why ?? "it cannot be read")}` });
    return false;
  }
}

function byName(left: ScopeId, right: ScopeId): number {
  const [a, b] = [scopeName(left), scopeName(right)];
  return a < b ? -1 : a > b ? 1 : 0;
}
