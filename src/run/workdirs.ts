/**
 * The working directories of a run's actions, made when they are first needed: one a role, one a step with files, one for all others. No action
 * works in the folder that holds the run's evidence.
 *
 * Source: spec kernel §12.9.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Route } from "../bundle/model.ts";
import { ownFolder } from "../bundle/step-folder.ts";
import type { Item } from "../kernel/model.ts";
import { resolveConfined } from "../system/files.ts";

/**
 * @param scopeDir the run's own folder; it exists
 * @param forAll whether every action gets one: what comes from outside must not work beside the evidence
 * @throws (the returned function) AkcError PATH_UNSAFE when a link leads outside
 */
export function createWorkdirs(
  scopeDir: string,
  forAll = false,
): (item: Item, route: Route) => Promise<string> | string {
  const made = new Map<string, Promise<string>>();
  const ready = new Map<string, string>();
  return (item, route) => {
    if (route.kind !== "subprocess" && !forAll) return scopeDir;
    const relative = relativeWorkdir(item, route);
    const known = ready.get(relative);
    if (known !== undefined) return known;
    let making = made.get(relative);
    if (making === undefined) {
      making = make(scopeDir, relative).then((path) => {
        ready.set(relative, path);
        return path;
      });
      made.set(relative, making);
    }
    return making;
  };
}

/**
 * `roles/<role>/<scratch>` for a step (the documented table), `steps/<step>` for one with files, `work` for an action that an
 * event triggered.
 */
function relativeWorkdir({ step }: Pick<Item, "step">, route: Route): string {
  if (step === undefined) return "work";
  const own = ownFolder(step.stepId, route);
  if (own !== undefined) return own;
  const scope = step.filesystemScope;
  if (scope === undefined) return join("roles", step.roleId, "scratch");
  if (scope.scratchSubdir === null) return join("roles", step.roleId);
  return join("roles", step.roleId, scope.scratchSubdir.trim() === "" ? "scratch" : scope.scratchSubdir);
}

async function make(scopeDir: string, relative: string): Promise<string> {
  const path = await resolveConfined(scopeDir, relative);
  await mkdir(path, { recursive: true, mode: 0o750 });
  return path;
}
