/**
 * Runs the controller in this process: opens it, lets it be supervised and looked at, and ends with what came of it. Whatever it opened
 * it closes, however the run ended.
 *
 * Source: spec cli §17.3; docs/autopilot.md, "Stopping, and exit codes".
 */
import { existsSync } from "node:fs";
import { type AutopilotHost, openAutopilot } from "../../../autopilot/assemble.ts";
import type { AutopilotReading } from "../../../autopilot/config/read.ts";
import type { Journal } from "../../../service/journal.ts";
import { timedStore } from "../../../service/metrics/timed-store.ts";
import { systemClock } from "../../../system/clock.ts";
import { systemIds } from "../../../system/ids.ts";
import { staySmall } from "../../../system/staying-small.ts";
import { AKC_VERSION } from "../../../version.ts";
import type { Session } from "../../command.ts";
import type { ExitCode } from "../../exit-codes.ts";
import { type InSight, putInSight } from "./outside.ts";
import { secretsIn } from "./secrets.ts";
import { summaryReport } from "./summary.ts";
import { journalOf, superviseHere } from "./supervised.ts";

/**
 * @param read puts the configuration together, as it is now
 * @throws AkcError for a configuration that is not valid and for what cannot be opened: nothing was begun then
 */
export async function runAutopilot(
  read: () => Promise<AutopilotReading>,
  session: Session,
): Promise<ExitCode> {
  const { io } = session;
  const first = await read();
  let secrets = await secretsIn(first.config, io.env);
  const journal = journalOf(session, () => secrets);
  sayNotes(journal, first, []);
  let notes = first.notes;
  if (!existsSync(first.config.outputsRoot)) {
    // It is made, for a service may come before its first run; a slip of the pen would look the same.
    journal.log({
      level: "warn",
      event: "outputs_root_made",
      keys: { outputs_root: first.config.outputsRoot, note: "it was not there, and is made" },
    });
  }
  let sight: InSight | undefined;
  const host: AutopilotHost = {
    clock: systemClock,
    ids: systemIds,
    env: io.env,
    async readConfig() {
      const reading = await read();
      secrets = await secretsIn(reading.config, io.env);
      sayNotes(journal, reading, notes);
      notes = reading.notes;
      return reading.config;
    },
    seenThrough: (store) => timedStore(store, systemClock, (ms, ok) => sight?.metrics.storeWrote(ms, ok)),
  };
  const { controller, store, config, close } = await openAutopilot(first.config, host);
  const supervision = superviseHere(controller, {
    journal,
    secrets: () => secrets,
    drainMs: () => config().drainMs,
  });
  const letGrow = staySmall();
  try {
    journal.always({
      level: "info",
      event: "autopilot_started",
      keys: {
        version: AKC_VERSION,
        holder: controller.status().holder,
        outputs_root: first.config.outputsRoot,
        config: first.config.configPath ?? null,
        mode: first.config.defaults.mode,
        profile: first.config.profile,
        env_profile: first.config.environment,
        lease_backend: first.config.lease.backend,
      },
    });
    sight = await putInSight(controller, { config, store, io, journal });
    const end = await controller.run();
    journal.always({ level: "info", event: "autopilot_ended", keys: { by: end.by, reason: end.reason } });
    if (first.config.iterationsMax !== undefined)
      await session.print(summaryReport(controller.status(), end));
    // Also where the time for a stop was over: what was under way is checkpointed, and gone on with at the next start.
    return supervision.exitCode();
  } finally {
    await sight?.close();
    await close();
    supervision.end();
    letGrow();
  }
}

/** What is deprecated or without effect, when it is first so. */
function sayNotes(journal: Journal, { notes }: AutopilotReading, known: readonly string[]): void {
  for (const note of notes) {
    if (known.includes(note)) continue;
    journal.log({ level: "warn", event: "configuration_note", keys: { note } });
  }
}
