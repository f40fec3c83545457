/** The daemon's log and its supervision, as the command line and the process have them. */
import type { Controller } from "../../../autopilot/contract.ts";
import { createJournal, type Journal, stderrSink, styleOfStderr } from "../../../service/journal.ts";
import { type Supervision, supervise } from "../../../service/supervise.ts";
import { systemClock } from "../../../system/clock.ts";
import { killDescendants } from "../../../system/descendants.ts";
import type { Session } from "../../command.ts";

/** The log on stderr, in the format asked for; yaml is no form of a line and counts as text. */
export function journalOf({ io, format, verbose }: Session, secrets: () => readonly string[]): Journal {
  const style = styleOfStderr(io.env, {
    format: format === "json" ? "json" : "text",
    color: io.stderr.color,
    pid: process.pid,
  });
  return createJournal({
    sink: stderrSink(),
    style,
    clock: systemClock,
    level: verbose ? "debug" : "info",
    secrets,
  });
}

export interface SupervisedHere {
  readonly journal: Journal;
  secrets(): readonly string[];
  /** Of the configuration in force. */
  drainMs(): number;
}

/** Takes the signals and the service manager's variables; `end` gives them back. Before the controller's run begins. */
export function superviseHere(controller: Controller, deps: SupervisedHere): Supervision {
  return supervise(controller, {
    ...deps,
    clock: systemClock,
    env: process.env,
    die(exitCode) {
      killDescendants();
      process.exit(exitCode);
    },
  });
}
