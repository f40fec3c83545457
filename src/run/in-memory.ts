/**
 * One run that is kept in memory: the same kernel, policy and adapters as on a host, its events and decisions in the shape
 * of the evidence files. It writes no state and no evidence; what it knows goes with the process.
 *
 * Source: spec bundle §16.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Adapter, ArtifactStore, RunContext } from "../adapters/contract.ts";
import type { Bundle } from "../bundle/model.ts";
import { type DecisionJson, decisionJson } from "../evidence/decisions.ts";
import { bundleFacts } from "../evidence/facts.ts";
import { type EventJson, EventProjector } from "../evidence/project.ts";
import { type KernelDeps, type KernelReport, runKernel } from "../kernel/loop.ts";
import type { ActionRow, RunRow, Turn } from "../store/contract.ts";
import { createMemoryRun } from "../store/memory.ts";
import type { Clock } from "../system/clock.ts";
import { preparedAdapter } from "./adapters.ts";
import { kernelDeps, newRunRow, type RunParts } from "./parts.ts";
import { createWorkdirs } from "./workdirs.ts";

export interface RunInMemory extends Omit<KernelReport, "lastSeq"> {
  readonly runtimeRunId: string;
  readonly events: readonly EventJson[];
  /** As in `policy_decisions.json`. */
  readonly decisions: readonly DecisionJson[];
  /** Where every action ended, by its id. */
  readonly actions: ReadonlyMap<string, ActionRow>;
  /** What actions put out, by the `outputSha256` of their row. */
  readonly artifacts: Pick<ArtifactStore, "read" | "sizeOf">;
}

export interface InMemoryInput {
  readonly bundle: Bundle;
  readonly parts: RunParts;
  readonly context: RunContext;
  readonly traceId: string;
  readonly clock: Clock;
  /** Prepared before the first action and closed after the last. */
  readonly adapter: Adapter;
  readonly foreign: boolean;
  readonly workdirOf: KernelDeps["workdirOf"];
  readonly signal: AbortSignal;
  readonly deadlineMs?: number | undefined;
  readonly noted?: KernelDeps["noted"] | undefined;
  onEvent?(event: EventJson): void;
}

/** @throws what `adapter.prepare` or `onEvent` throws; nothing is left running then */
export async function runInMemory(input: InMemoryInput): Promise<RunInMemory> {
  const { bundle, parts, context, clock, foreign, workdirOf, signal, deadlineMs, noted } = input;
  const run = newRunRow(context, parts, input.traceId, clock.nowMs());
  const memory = createMemoryRun(context.runtimeRunId);
  const events: EventJson[] = [];
  const projector = new EventProjector(run, bundleFacts(bundle, parts.policy));
  const commit = async (turn: Turn) => {
    await memory.commit(turn);
    for (const stored of turn.events) {
      const event = projector.wire(projector.project(stored));
      events.push(event);
      input.onEvent?.(event);
    }
  };
  const adapter = await preparedAdapter(input.adapter, context, bundle);
  try {
    const { lastSeq: _, ...report } = await runKernel(
      parts.plan,
      kernelDeps(parts, {
        clock,
        writer: { ...memory, commit },
        adapter,
        context,
        workdirOf,
        stopRequested: async () => false,
        signal,
        foreign,
        deadlineMs,
        noted,
        deployed: memory.scope.deployment,
      }),
    );
    const { runtimeRunId } = context;
    const { actions, artifacts } = memory;
    return { ...report, runtimeRunId, events, decisions: decisionsOf(memory, run), actions, artifacts };
  } finally {
    await adapter.close?.();
  }
}

/** Working directories in a folder of their own, which goes when the run has ended. Nothing is made before it is needed. */
export function temporaryWorkdirs(): Pick<InMemoryInput, "workdirOf"> & { remove(): Promise<void> } {
  let folder: Promise<string> | undefined;
  let workdirs: Promise<ReturnType<typeof createWorkdirs>> | undefined;
  return {
    async workdirOf(item, route) {
      folder ??= mkdtemp(join(tmpdir(), "akc-run-"));
      workdirs ??= folder.then(createWorkdirs);
      return (await workdirs)(item, route);
    },
    async remove() {
      if (folder !== undefined) await rm(await folder, { recursive: true, force: true });
    },
  };
}

function decisionsOf({ decisions }: ReturnType<typeof createMemoryRun>, run: RunRow): DecisionJson[] {
  return decisions.map((decision, index) => decisionJson(run, { ...decision, row: index + 1 }));
}
