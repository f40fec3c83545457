/**
 * The project file that counts for a plan is the one beside it, from wherever akc is called: its runs are kept in one place.
 */
import { resolve } from "node:path";
import { type Project, readProject } from "../project.ts";
import type { Given } from "./given.ts";

/** Of a bundle, that of the working directory. @throws AkcError PROJECT_FILE_INVALID, FILE_UNREADABLE */
export async function projectOf(given: Given): Promise<Project> {
  if (given.kind === "bundle") return readProject(process.cwd());
  const project = await readProject(given.folder);
  // Without a word of anybody runs are kept beside the plan: what a bundle's place says is meant for compilers' own layouts.
  const outputsRoot = resolve(given.folder, project.outputsRoot?.trim() || ".");
  const bindings = project.validatorBindingsPath;
  return {
    ...project,
    outputsRoot,
    ...(bindings === undefined ? {} : { validatorBindingsPath: resolve(given.folder, bindings) }),
  };
}
