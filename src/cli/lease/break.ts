/** `akc lease break`: takes a run away from whoever holds it. */
import { join } from "node:path";
import { AkcError } from "../../errors.ts";
import { systemClock } from "../../system/clock.ts";
import { command } from "../command.ts";
import { followUpOnRun } from "../follow-up.ts";
import { locatingEnvironment, oneRun, runArgs, withStore } from "../runtime/locate.ts";
import { wholeNumber } from "../values.ts";
import { holderData, livenessOf, livenessText } from "./liveness.ts";

export const breakLease = command({
  path: "lease break",
  summary: "Take a run away from its holder.",
  notes: [
    "For a holder that this host cannot see and that will not come back, when waiting for the end of its lease takes too long. It ends no process: should the holder still be there, its next write is refused and it stops what it does, but an effect that is under way just then happens, and happens again when the run is continued. `akc runtime stop` is the way to end a run whose holder answers.",
  ],
  examples: [
    { command: "akc lease show 0193f2c1", says: "Who holds it, and the token." },
    { command: "akc lease break 0193f2c1 --token 3", says: "Take it away, if the token is still this one." },
  ],
  exits: [0, 2, 5],
  environment: locatingEnvironment,
  args: {
    ...runArgs,
    token: {
      type: "string",
      required: true,
      valueHint: "N",
      description: "As `akc lease show` prints it: somebody who took over meanwhile is not disturbed.",
    },
  },
  async run(args, session) {
    const token = wholeNumber("--token", args.token, { min: 1, max: Number.MAX_SAFE_INTEGER });
    const { row, scopeRoot } = await oneRun(session.io, args);
    const { runtimeRunId } = row.context;
    const outputsRoot = join(scopeRoot, "../..");
    const before = row.lease;
    const nowMs = systemClock.nowMs();
    const lease = await withStore(scopeRoot, (store) => store.breakLease(runtimeRunId, token)).catch(
      async (cause) => {
        if (!(cause instanceof AkcError) || cause.code !== "LEASE_MOVED") throw cause;
        const { message, details } = cause;
        const look = await followUpOnRun(session.io, ["lease", "show", runtimeRunId], { outputsRoot });
        throw new AkcError("LEASE_MOVED", {
          message,
          details,
          cause,
          hint: `Look again with \`${look}\`; somebody else may have taken over.`,
        });
      },
    );
    await session.print({
      data: {
        kind: "LeaseBroken",
        runtime_run_id: runtimeRunId,
        was_held: livenessOf(before, nowMs).kind === "held",
        holder: before === null ? null : holderData(before, nowMs),
        token: lease.token,
      },
      text: () => `runtime_run_id: ${runtimeRunId}\ntoken: ${lease.token}`,
    });
    const wasHeld = livenessOf(before, nowMs).kind === "held";
    session.io.words(
      wasHeld
        ? `taken away: ${livenessText(before, nowMs)}; should it still be there, its next write is refused\n`
        : `nobody held it: ${livenessText(before, nowMs)}\n`,
    );
    if (row.outcome === null) {
      const again = await followUpOnRun(session.io, ["runtime", "resume", runtimeRunId], { outputsRoot });
      session.io.words(`hint: \`${again}\` goes on with the run.\n`);
    }
    return 0;
  },
});
