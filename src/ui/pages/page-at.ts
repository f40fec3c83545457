/** Which page is at which address below the base. A page is a function of what is asked and of what there is; nothing here is said or sent. */
import { AkcError } from "../../errors.ts";
import type { FoundRun, Page } from "../model.ts";
import { autopilotPage } from "./autopilot.ts";
import { decisionsPage } from "./decisions.ts";
import type { Asked, Desk } from "./desk.ts";
import { eventsPage } from "./events.ts";
import { evidencePage } from "./evidence.ts";
import { leasesPage } from "./leases.ts";
import { faultPage, notFoundPage } from "./note.ts";
import { outputsPage } from "./outputs.ts";
import { rolloutPage, rolloutsPage } from "./rollouts.ts";
import { overviewPage } from "./run.ts";
import { runsPage } from "./runs.ts";
import { stepPage } from "./step.ts";
import { stepsPage } from "./steps.ts";
import { verificationPage } from "./verification.ts";

/** What cannot be shown is a page too. @throws what is a fault of ours */
export async function pageAt(desk: Desk, asked: Asked): Promise<Page> {
  try {
    return await found(desk, asked);
  } catch (cause) {
    if (cause instanceof AkcError) return faultPage(cause);
    throw cause;
  }
}

function found(desk: Desk, asked: Asked): Page | Promise<Page> {
  const [place, ...rest] = asked.path;
  switch (place) {
    case undefined:
      return runsPage(desk, asked);
    case "runs":
      return rest.length === 3 || rest.length === 4 ? runPageAt(desk, asked) : notFoundPage();
    case "rollouts":
      return rest.length === 0
        ? rolloutsPage(desk, asked)
        : rest.length === 3
          ? rolloutPage(desk, asked)
          : notFoundPage();
    case "leases":
      return rest.length === 0 ? leasesPage(desk) : notFoundPage();
    case "autopilot":
      return rest.length === 0 ? autopilotPage(desk, asked) : notFoundPage();
    default:
      return notFoundPage();
  }
}

/** @throws AkcError RUN_NOT_FOUND */
export function runAt(desk: Desk, { path }: Asked): Promise<FoundRun> {
  const [, tenantId = "", repoId = "", runtimeRunId = ""] = path;
  return desk.outputs.run(tenantId, repoId, runtimeRunId);
}

async function runPageAt(desk: Desk, asked: Asked): Promise<Page> {
  const run = await runAt(desk, asked);
  switch (asked.path[4]) {
    case undefined:
      return overviewPage(desk, run);
    case "steps":
      return stepsPage(desk, run, asked);
    case "step":
      return stepPage(desk, run, asked);
    case "outputs":
      return outputsPage(desk, run, asked);
    case "events":
      return eventsPage(desk, run, asked);
    case "decisions":
      return decisionsPage(desk, run, asked);
    case "evidence":
      return evidencePage(desk, run);
    case "verification":
      return verificationPage(desk, run);
    default:
      return notFoundPage();
  }
}

/** What of all that stands there a page is made from: it is looked at again when this has changed. */
export async function stampFor({ outputs }: Pick<Desk, "outputs">, { path }: Asked): Promise<string> {
  const [place, tenantId, repoId] = path;
  if (place === "autopilot") return outputs.autopilotStamp();
  if (place !== "runs" || tenantId === undefined || repoId === undefined) return outputs.stampOfAll();
  const scope = (await outputs.scopes()).find((one) => one.tenantId === tenantId && one.repoId === repoId);
  return scope === undefined ? "-" : outputs.stampOf(scope.scopeRoot);
}
