/** `akc lease show`: who may write in one run, and the token that taking it away needs. */

import { standing } from "../../store/sqlite/standing.ts";
import { systemClock } from "../../system/clock.ts";
import { command } from "../command.ts";
import { printable } from "../render/text.ts";
import { instant } from "../render/time.ts";
import { type FoundRun, locatingEnvironment, oneRun, runArgs } from "../runtime/locate.ts";
import { leaseData } from "./lease-data.ts";
import { livenessText } from "./liveness.ts";

export const show = command({
  path: "lease show",
  summary: "Show who may write in a run, until when, and under which token.",
  examples: [{ command: "akc lease show 0193f2c1", says: "A beginning of the id is enough." }],
  exits: [0, 2],
  environment: locatingEnvironment,
  args: runArgs,
  async run(args, session) {
    const found = await oneRun(session.io, args);
    const nowMs = systemClock.nowMs();
    await session.print({ data: leaseData(found, nowMs), text: () => leaseText(found, nowMs) });
    return 0;
  },
});

function leaseText({ row }: FoundRun, nowMs: number): string {
  const { lease } = row;
  const lines = [`runtime_run_id: ${row.context.runtimeRunId}`, `standing: ${standing(row, nowMs)}`];
  if (lease !== null) {
    const { holder, token, expiresAtMs } = lease;
    lines.push(
      `token: ${token}`,
      `holder: ${printable(holder.name)}`,
      `host: ${printable(holder.host)}`,
      `pid: ${holder.pid}`,
      `boot_id: ${printable(holder.bootId)}`,
      `expires: ${expiresAtMs === 0 ? "let go" : instant(expiresAtMs)}`,
    );
  }
  lines.push(`holder_standing: ${livenessText(lease, nowMs)}`);
  return lines.join("\n");
}
