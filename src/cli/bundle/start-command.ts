/**
 * The command that starts a bundle which was built from a plan, so that its runs are kept where those of the plan are: from its
 * place alone `start` would infer a compiler's layout of tenant and repository, two folders above the plan.
 */
import { resolve } from "node:path";
import type { GivenPlan } from "../authoring/given.ts";
import { projectOf } from "../authoring/project-of.ts";
import { followUp, seenFromHere } from "../follow-up.ts";
import type { Io } from "../io.ts";
import { readProject } from "../project.ts";

/** To be typed in the working directory. @throws AkcError PROJECT_FILE_INVALID, FILE_UNREADABLE */
export async function startCommand(io: Io, plan: GivenPlan, bundlePath: string): Promise<string> {
  const words = ["runtime", "start", "--bundle", seenFromHere(bundlePath), "--mode", "enforce"];
  if ((io.env["AKC_OUTPUTS_ROOT"]?.trim() ?? "") !== "") return followUp(io, words);
  const { outputsRoot: kept = plan.folder } = await projectOf(plan);
  const { outputsRoot: usual } = await readProject(process.cwd());
  const isUsual = usual !== undefined && resolve(usual) === kept;
  return followUp(io, isUsual ? words : [...words, "--outputs-root", seenFromHere(kept)]);
}
