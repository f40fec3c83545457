/**
 * The checkpoint of a run as of any of its events, in the documented shape: the text of `checkpoint.json` as it would have been
 * written then. From the database; the file is not looked at.
 *
 * Source: spec kernel §4.8; cli:W-53.
 */
import { checkpoint } from "../evidence/checkpoint.ts";
import { factsOf } from "../evidence/facts-text.ts";
import { RunProgress } from "../evidence/progress.ts";
import { EventProjector } from "../evidence/project.ts";
import { limits } from "../limits.ts";
import type { RunAt } from "./reader-at.ts";

/** In parts. @throws AkcError STORE_DAMAGED */
export async function* checkpointText({
  reader,
  run,
}: Pick<RunAt, "reader" | "run">): AsyncGenerator<string> {
  const facts = await factsOf(reader, run);
  const projector = new EventProjector(run, facts);
  const progress = new RunProgress();
  for (let after = 0; ; ) {
    const page = await reader.events(after, limits.replayPageRows);
    for (const event of page) progress.event(projector.project(event));
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.seq;
  }
  for (let after = ""; ; ) {
    const page = await reader.actionsAfter(after, limits.replayPageRows);
    for (const row of page) progress.action(row);
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.actionId;
  }
  yield* checkpoint(progress, { reader, run, facts });
}

/** SHA-256 of that text. */
export async function checkpointSha256(at: Pick<RunAt, "reader" | "run">): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const part of checkpointText(at)) hasher.update(part);
  return hasher.digest("hex");
}
