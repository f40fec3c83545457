/** `akc runtime stop`: asks the process that runs a run to end it, and waits until it has if told so. */
import { join } from "node:path";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { endStrays } from "../../run/continuation/strays.ts";
import { standing } from "../../store/sqlite/standing.ts";
import { systemClock } from "../../system/clock.ts";
import { command } from "../command.ts";
import { followUpOnRun } from "../follow-up.ts";
import { duration } from "../values.ts";
import { type FoundRun, locatingEnvironment, oneRun, runArgs, withStore } from "./locate.ts";

export const stop = command({
  path: "runtime stop",
  summary: "Stop a run: running actions are cancelled, then it ends `stopped`.",
  notes: [
    "Stopping a run that has already ended changes nothing and succeeds. Without --wait the command returns as soon as the request is recorded; the run's process sees it within a fraction of a second. Where that process was killed, what it left running on this host is ended.",
  ],
  examples: [
    { command: "akc runtime stop 0193f2c1", says: "Ask for it." },
    { command: "akc runtime stop 0193f2c1 --wait 30s", says: "Ask, and return when the run has ended." },
  ],
  exits: [0, 1, 2],
  environment: locatingEnvironment,
  args: {
    ...runArgs,
    wait: { type: "string", valueHint: "TIME", description: "Wait up to TIME for the end, e.g. 30 or 30s." },
  },
  async run(args, session) {
    const waitMs =
      args.wait === undefined ? 0 : duration("--wait", args.wait, { min: 0, max: limits.runDeadlineMsMax });
    const found = await oneRun(session.io, args);
    const { runtimeRunId } = found.row.context;
    const requested = await withStore(found.scopeRoot, (store) =>
      store.requestStop(runtimeRunId, systemClock.nowMs()),
    );
    const abandoned = standing(found.row, systemClock.nowMs()) === "abandoned";
    if (abandoned) await endStrays(found.scopeRoot, found.row.context);
    const row = requested && !abandoned && waitMs > 0 ? await untilEnded(found, waitMs) : found.row;
    if (requested && !abandoned && waitMs > 0 && row.outcome === null) {
      const outputsRoot = join(found.scopeRoot, "../..");
      const again = await followUpOnRun(session.io, ["runtime", "status", runtimeRunId], { outputsRoot });
      throw new AkcError("STOP_NOT_SEEN", {
        hint: `The request stays recorded; look again with \`${again}\`, or wait longer.`,
        details: { run: runtimeRunId, waited_ms: waitMs },
      });
    }
    const status = row.outcome === null && requested ? "stop_requested" : row.status;
    await session.print({
      data: { kind: "StopResult", runtime_run_id: runtimeRunId, status, outcome: row.outcome, requested },
      text: () => `runtime_run_id: ${runtimeRunId}\nstatus: ${status}`,
    });
    if (!requested) session.io.words("the run had already ended; nothing was changed\n");
    else if (abandoned) {
      session.io.words(
        "warning: no process runs this run any more; what it had left running here was ended\n",
      );
    }
    return 0;
  },
});

async function untilEnded(found: FoundRun, waitMs: number): Promise<FoundRun["row"]> {
  const endAtMs = systemClock.monotonicMs() + waitMs;
  let row = found.row;
  do {
    await systemClock.sleep(limits.followPollMs);
    row = await withStore(found.scopeRoot, async (store) => {
      const reader = await store.openRun(found.row.context.runtimeRunId);
      try {
        return { ...(await reader.run()), lease: await reader.lease() };
      } finally {
        await reader.close();
      }
    });
  } while (row.outcome === null && systemClock.monotonicMs() < endAtMs);
  return row;
}
