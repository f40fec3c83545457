/**
 * Finds the scope of a run below an outputs root by looking where states stand, `<root>/<tenant>/<repo>/.akc/runtime`, and
 * nowhere else. It trusts no path that a file tells and names no scope that it was not asked about.
 *
 * Source: spec cli §3.5; cli:W-39, W-41, W-69.
 */

import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { AkcError } from "../../errors.ts";
import { errnoOf } from "../../system/files.ts";
import { closeConnection, openReader } from "./connection.ts";
import { guarded } from "./faults.ts";
import { versionAt } from "./migrate.ts";
import { databasePath } from "./open.ts";

export interface ScopeHints {
  readonly tenantId?: string | undefined;
  readonly repoId?: string | undefined;
}

export interface FoundScope {
  /** `<outputs_root>/<tenant>/<repo>` */
  readonly scopeRoot: string;
  readonly tenantId: string;
  readonly repoId: string;
}

/**
 * The one scope that has the run. A state that cannot be read is passed over, unless the hints name it.
 * @throws AkcError RUN_NOT_FOUND, RUN_AMBIGUOUS when several scopes have it; what `openStore` throws for a scope that both
 * hints name.
 */
export async function findRun(
  outputsRoot: string,
  runtimeRunId: string,
  hints: ScopeHints = {},
): Promise<FoundScope> {
  const named = hints.tenantId !== undefined && hints.repoId !== undefined;
  const found: FoundScope[] = [];
  let unreadable = 0;
  for await (const scope of scopesBelow(outputsRoot, hints)) {
    try {
      if (hasRun(databasePath(scope.scopeRoot), runtimeRunId)) found.push(scope);
    } catch (cause) {
      if (named) throw cause;
      unreadable += 1;
    }
  }
  const [only, ...others] = found;
  const details = { runtimeRunId, outputsRoot };
  if (others.length > 0)
    throw new AkcError("RUN_AMBIGUOUS", { details: { ...details, scopes: found.length } });
  if (only !== undefined) return only;
  throw new AkcError("RUN_NOT_FOUND", {
    ...(unreadable === 0
      ? {}
      : {
          hint: "Some states below this root could not be read; name the scope with --tenant-id and --repo-id.",
        }),
    details: unreadable === 0 ? details : { ...details, unreadableStates: unreadable },
  });
}

/** Scopes that have a state, in order of their names. */
export async function* scopesBelow(outputsRoot: string, hints: ScopeHints = {}): AsyncGenerator<FoundScope> {
  for (const tenantId of await foldersIn(outputsRoot, hints.tenantId)) {
    for (const repoId of await foldersIn(join(outputsRoot, tenantId), hints.repoId)) {
      const scopeRoot = join(outputsRoot, tenantId, repoId);
      if (existsSync(databasePath(scopeRoot))) yield { scopeRoot, tenantId, repoId };
    }
  }
}

/** Real folders only: a link may lead into a place that is no scope of this root. */
async function foldersIn(path: string, only: string | undefined): Promise<readonly string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && (only === undefined || entry.name === only))
      .map((entry) => entry.name)
      .sort();
  } catch (cause) {
    const gone = ["ENOENT", "ENOTDIR", "EACCES", "EPERM"].includes(errnoOf(cause) ?? "");
    if (gone) return [];
    throw cause;
  }
}

function hasRun(path: string, runtimeRunId: string): boolean {
  if (versionAt(path) === 0) return false;
  const db = openReader(path);
  try {
    return guarded(
      path,
      () => db.query("SELECT 1 FROM run WHERE runtime_run_id = ?").get(runtimeRunId) !== null,
    );
  } finally {
    closeConnection(db);
  }
}
