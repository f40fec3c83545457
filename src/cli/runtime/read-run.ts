/**
 * Opens the run that a command looks at, wherever it is kept: in a scope's store, or in an archive that was exported from one.
 * Reads only.
 */
import { AkcError } from "../../errors.ts";
import type { StoredRun } from "../../replay/pass-protocol.ts";
import type { DeploymentReader, RunReader, RunRow } from "../../store/contract.ts";
import type { Io } from "../io.ts";
import { withArchive } from "./archived.ts";
import { namedOrNewestRun, oneRun, runArgs, type Where, withStore } from "./locate.ts";

export const readRunArgs = {
  ...runArgs,
  archive: {
    type: "string",
    valueHint: "FILE",
    description: "Look at the run in this archive (`akc runtime export`) instead of one that is kept here.",
  },
} as const;

/** The same for commands that only show: without a word they show the newest run. */
export const shownRunArgs = {
  ...readRunArgs,
  run: {
    ...readRunArgs.run,
    orFlag: false,
    description: "The run's id, or a beginning of it that no other run has; else the newest run.",
  },
} as const;

export interface ReadRunArgs extends Where {
  readonly run?: string | undefined;
  readonly runtimeRunId?: string | undefined;
  readonly archive?: string | undefined;
}

export interface OpenedRun {
  readonly reader: RunReader;
  readonly row: RunRow;
  /** `<outputs_root>/<tenant>/<repo>`, or a folder laid out like it. */
  readonly scopeRoot: string;
  /** Where it can be opened a second time; absent on an archive. */
  readonly stored?: StoredRun;
  /** What is kept of the scope's deployment; absent on an archive. */
  readonly deployment?: DeploymentReader;
}

/**
 * For commands that only show. One that judges is told its run: an empty variable in a script must never let another run pass.
 * @throws AkcError as `withRun`, without USAGE for a run that is not named
 */
export async function withShownRun<T>(
  io: Io,
  args: ReadRunArgs,
  work: (run: OpenedRun) => Promise<T>,
): Promise<T> {
  return withRun(io, args, work, namedOrNewestRun);
}

/** @throws AkcError USAGE, RUN_NOT_FOUND, RUN_AMBIGUOUS, ARCHIVE_INVALID, STORE_DAMAGED */
export async function withRun<T>(
  io: Io,
  args: ReadRunArgs,
  work: (run: OpenedRun) => Promise<T>,
  find: typeof oneRun = oneRun,
): Promise<T> {
  if (args.archive !== undefined) {
    const named = args.run ?? args.runtimeRunId;
    return withArchive(args.archive, async (archived) => {
      const { runtimeRunId } = archived.row.context;
      if (named !== undefined && !runtimeRunId.startsWith(named.trim())) {
        throw new AkcError("USAGE", {
          message: "the archive holds another run",
          details: { run: named, archive: args.archive ?? "", holds: runtimeRunId },
        });
      }
      return work(archived);
    });
  }
  const { row, scopeRoot } = await find(io, args);
  return withStore(scopeRoot, async (store) => {
    const reader = await store.openRun(row.context.runtimeRunId);
    try {
      const stored = { scopeRoot, runtimeRunId: row.context.runtimeRunId };
      return await work({ reader, row, scopeRoot, stored, deployment: store.deployment });
    } finally {
      await reader.close();
    }
  });
}
