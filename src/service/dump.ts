/**
 * The state of the controller for somebody who must know it now: one line of JSON, or a file where the line would be cut.
 * Never holds a secret and never makes the daemon fail.
 */
import { join } from "node:path";
import type { ControllerStatus } from "../autopilot/contract.ts";
import { fromPlain, toPlain } from "../json/plain.ts";
import { isJsonObject } from "../json/value.ts";
import { limits } from "../limits.ts";
import { writeFileAtomic } from "../system/files.ts";
import type { Journal } from "./journal.ts";
import { redactJson } from "./log-line.ts";

export interface DumpDeps {
  readonly journal: Journal;
  /** Where a dump that is too large for a line goes: RUNTIME_DIRECTORY of systemd. Without one it is a line all the same. */
  readonly folder: string | undefined;
  secrets(): readonly string[];
}

/** Named `state.json` in the folder; the one before is replaced. Never rejects. */
export async function dumpState(status: ControllerStatus, deps: DumpDeps): Promise<void> {
  const json = fromPlain(status);
  if (!isJsonObject(json)) return;
  const state = redactJson(json, deps.secrets());
  const text = JSON.stringify(toPlain(state));
  const { folder, journal } = deps;
  if (folder === undefined || text.length <= limits.serviceDumpLineBytesMax) {
    journal.always({ level: "info", event: "state_dump", keys: { state } });
    return;
  }
  const path = join(folder, "state.json");
  try {
    await writeFileAtomic(path, `${text}\n`);
    journal.always({ level: "info", event: "state_dump", keys: { path, bytes: text.length } });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    journal.always({ level: "warn", event: "state_dump_failed", keys: { path, why } });
  }
}
