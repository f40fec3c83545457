/** Opens a run and reads its picture, for the commands that draw it. Reads only; the check of its history is made where it is asked for. */
import type { PicturedVerification, RunPicture } from "../../picture/model.ts";
import { readPicture } from "../../picture/read.ts";
import type { Divergence } from "../../replay/divergence.ts";
import { verifyRun } from "../../replay/verify.ts";
import { systemClock } from "../../system/clock.ts";
import type { Io } from "../io.ts";
import { type OpenedRun, type ReadRunArgs, withShownRun } from "./read-run.ts";

/** Divergences that a picture names. */
const findingsMax = 20;

/** @throws AkcError USAGE, RUN_NOT_FOUND, RUN_AMBIGUOUS, ARCHIVE_INVALID, STORE_DAMAGED */
export async function withPicture<T>(
  io: Io,
  args: ReadRunArgs,
  options: { readonly verify: boolean },
  work: (picture: RunPicture) => Promise<T>,
): Promise<T> {
  return withShownRun(io, args, async (opened) => {
    const verification = options.verify ? await checked(opened) : undefined;
    const { reader, deployment } = opened;
    // The check has moved nothing, but the run may have gone on meanwhile.
    const row = await reader.run();
    return work(await readPicture({ reader, row, deployment, verification }, systemClock.nowMs()));
  });
}

async function checked({ reader, scopeRoot, stored, deployment }: OpenedRun): Promise<PicturedVerification> {
  const found = await verifyRun(reader, { scopeRoot, stored, deployment, divergencesMax: findingsMax });
  const left = found.divergenceCount - found.divergences.length;
  return {
    isWhole: found.verdict === "verified",
    events: found.events,
    headSha256: found.chainSha256,
    findings: [...found.divergences.map(findingOf), ...(left > 0 ? [`and ${left} more`] : [])],
    checkedAtMs: systemClock.nowMs(),
  };
}

function findingOf({ place, event_seq: seq, name, expected, found }: Divergence): string {
  const at = seq === null ? "" : `, event ${seq}`;
  return `${place}${at}: ${name}: expected ${expected}, found ${found}`;
}
