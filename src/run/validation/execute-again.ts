/**
 * Asks the outside systems of a run again, on behalf of `akc verify --execute-validators`, and takes what they say into the run's
 * evidence before anything is verified. It judges nothing.
 *
 * Source: spec reconcile §9 "Sequence", §6.7.
 */
import { AkcError } from "../../errors.ts";
import { openStore } from "../../store/sqlite/open.ts";
import type { Clock } from "../../system/clock.ts";
import type { BindingObservation } from "../../validation/execution/model.ts";
import { placeOf } from "../continuation/finish.ts";
import { keptFacts } from "../evidence.ts";
import { type Settled, type SettleParts, settleRun } from "../settle.ts";
import { takingOver } from "../take-over.ts";
import { observeOutside } from "./observation.ts";

export interface ExecuteAgain {
  /** `<outputs_root>/<tenant>/<repo>`, absolute. */
  readonly scopeRoot: string;
  readonly outputsRoot: string;
  readonly runtimeRunId: string;
  /** The registry to ask: absolute, or below `~`; absent: the one that the run was started with. */
  readonly bindingsPath?: string | undefined;
  /** `--plugins-dir`, as given. */
  readonly pluginsDirs: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly asking?: SettleParts["asking"];
}

export interface ExecutedAgain {
  readonly observations: readonly BindingObservation[];
  /** How the run was judged by them; it says nothing of a run without criteria. */
  readonly settled: Settled;
}

/**
 * Appends what the bindings said to the run's history, and writes its evidence, its report and its manifest's links again, so that
 * they are of one piece when this resolves.
 * @throws AkcError RUN_NOT_FOUND, RUN_NOT_RESUMABLE when the run has not ended, BINDINGS_INVALID, BINDINGS_NOT_FOUND,
 *   BINDING_PATH_OUTSIDE, LEASE_HELD, CANCELLED
 */
export async function executeForVerify(input: ExecuteAgain): Promise<ExecutedAgain> {
  const { scopeRoot, runtimeRunId, clock } = input;
  const store = await openStore(scopeRoot, { create: false });
  try {
    return await takingOver({ store, clock }, runtimeRunId, (writer, lost) =>
      askAgain(input, { store, writer, lost }),
    );
  } finally {
    await store.close();
  }
}

async function askAgain(
  input: ExecuteAgain,
  held: Pick<SettleParts, "store" | "writer" | "lost">,
): Promise<ExecutedAgain> {
  const { scopeRoot, runtimeRunId, bindingsPath, pluginsDirs, env, clock, asking } = input;
  const signal = AbortSignal.any([input.signal, held.lost]);
  const row = await rowOf(held, runtimeRunId);
  const facts = await keptFacts(held.store, row);
  const place = placeOf(scopeRoot, row);
  const parts: SettleParts = { ...held, facts, env, clock, signal, place, asking };
  const directories = pluginsDirs.length === 0 ? undefined : pluginsDirs;
  const asked = { insist: true, bindingsPath, pluginsDirs: directories };
  const { observations } = await observeOutside(parts, runtimeRunId, asked);
  if (signal.aborted) throw new AkcError("CANCELLED");
  const settled = await settleRun(parts, runtimeRunId, { anew: true });
  return { observations, settled };
}

async function rowOf({ store }: Pick<SettleParts, "store">, runtimeRunId: string) {
  const reader = await store.openRun(runtimeRunId);
  try {
    const row = await reader.run();
    if (row.outcome !== null) return row;
    throw new AkcError("RUN_NOT_RESUMABLE", {
      message: "the run has not ended: there is nothing to verify yet",
      details: { run: runtimeRunId },
    });
  } finally {
    await reader.close();
  }
}
