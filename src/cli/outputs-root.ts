/**
 * Where runs are kept, for every command that looks for some: as a flag says, else the environment, else the project file,
 * else the working directory. `start` asks the same places, but keeps a run with its bundle where none of them says anything.
 *
 * Source: spec cli §3.3, §3.5.
 */
import { resolve } from "node:path";
import type { Io } from "./io.ts";
import { readProject } from "./project.ts";

/** Absolute. @throws AkcError PROJECT_FILE_INVALID, FILE_UNREADABLE */
export async function outputsRootOf(io: Io, flag: string | undefined): Promise<string> {
  return resolve(flag ?? (io.env["AKC_OUTPUTS_ROOT"]?.trim() || (await projectRoot()) || "."));
}

async function projectRoot(): Promise<string | undefined> {
  return (await readProject(process.cwd())).outputsRoot;
}
