/**
 * Reads the picture of a run from where it is kept, while it goes on or afterwards: its events in pages, and of each step what fits
 * a picture. It changes nothing, and what it does not find it leaves out; whether that is right is `replay/verify.ts`'s to say.
 */
import { AkcError } from "../errors.ts";
import { type BundleFacts, noBundleFacts } from "../evidence/facts.ts";
import { factsOf } from "../evidence/facts-text.ts";
import { limits } from "../limits.ts";
import type { DeploymentReader, RunReader, RunRow } from "../store/contract.ts";
import { countPhases, standing } from "../store/sqlite/standing.ts";
import { criticalPath } from "./critical-path.ts";
import type { PicturedRun, PicturedStep, PicturedVerification, RunPicture } from "./model.ts";
import { readDecisions } from "./read/decisions.ts";
import { edgesOf } from "./read/edges.ts";
import { JudgedFold, validityOf } from "./read/judged.ts";
import { RolloutsFold, rolloutsOf } from "./read/rollouts.ts";
import { StepsFold } from "./read/steps.ts";

export interface PictureInput {
  readonly reader: RunReader;
  readonly row: RunRow;
  /** What is kept of the scope's deployment; absent on an archive, and then rollouts have no units. */
  readonly deployment?: Pick<DeploymentReader, "rollout"> | undefined;
  /** What a check of the run answered. */
  readonly verification?: PicturedVerification | undefined;
}

/**
 * @param nowMs milliseconds since the epoch: where bars of what still runs end
 * @throws AkcError STORE_DAMAGED when the database itself cannot be read
 */
export async function readPicture(input: PictureInput, nowMs: number): Promise<RunPicture> {
  const { reader, row, deployment, verification } = input;
  const facts = await knownFacts(reader, row);
  const steps = new StepsFold(row, facts);
  const rollouts = new RolloutsFold();
  const judged = new JudgedFold();
  let lastSeq = 0;
  while (lastSeq < row.lastSeq) {
    const page = await reader.events(lastSeq, Math.min(limits.replayPageRows, row.lastSeq - lastSeq));
    for (const event of page) {
      const payload = steps.event(event);
      rollouts.event(event, payload);
      judged.event(event, payload);
    }
    lastSeq = page.at(-1)?.seq ?? row.lastSeq;
  }
  await addTriggered(reader, row, steps);
  const decisions = await readDecisions(reader, row.lastSeq, steps);
  const pictured = steps.steps();
  const edges = edgesOf(facts, steps);
  const asOfMs = Math.max(row.finishedAtMs ?? nowMs, row.startedAtMs);
  const validity = await validityOf(reader, judged);
  return {
    run: await picturedRun(input, pictured, nowMs),
    asOfMs,
    lastSeq,
    steps: pictured,
    edges,
    criticalPath: criticalPath({ steps: pictured, edges, asOfMs }),
    ...decisions,
    rollouts: await rolloutsOf(rollouts, deployment),
    ...(validity === undefined ? {} : { validity }),
    ...(verification === undefined ? {} : { verification }),
    evidence: await reader.evidenceFiles(),
  };
}

/** Without them a picture has fewer words; that they are gone is the verdict's to say. */
async function knownFacts(reader: RunReader, row: RunRow): Promise<BundleFacts> {
  try {
    return await factsOf(reader, row);
  } catch (cause) {
    if (cause instanceof AkcError) return noBundleFacts;
    throw cause;
  }
}

/** An action that an event triggered has a row before it has an event of its own. */
async function addTriggered(reader: RunReader, row: RunRow, steps: StepsFold): Promise<void> {
  if (row.outcome !== null) return;
  for (let after = ""; ; ) {
    const page = await reader.actionsAfter(after, limits.replayPageRows);
    for (const action of page) {
      if (action.phase === "waiting" && action.seq <= row.lastSeq)
        steps.known(action.actionId, action.nodeId);
    }
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.actionId;
  }
}

async function picturedRun(
  { reader, row }: PictureInput,
  steps: readonly PicturedStep[],
  nowMs: number,
): Promise<PicturedRun> {
  const { scope, runId, runtimeRunId, mode, adapterId } = row.context;
  return {
    runtimeRunId,
    tenantId: scope.tenantId,
    repoId: scope.repoId,
    runId,
    mode,
    adapterId,
    bundlePath: row.bundlePath,
    bundleSha256: row.bundleSha256,
    standing: standing({ ...row, lease: await reader.lease() }, nowMs, countPhases(steps)),
    ...(row.outcome === null ? {} : { outcome: row.outcome }),
    ...(row.lastError === null ? {} : { lastError: row.lastError.slice(0, limits.picturedTextCharsMax) }),
    startedAtMs: row.startedAtMs,
    ...(row.finishedAtMs === null ? {} : { finishedAtMs: row.finishedAtMs }),
  };
}
