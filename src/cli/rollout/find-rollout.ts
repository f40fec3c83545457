/** Finds the rollout that an id means, in whatever scope it is. Reads only. */
import { AkcError } from "../../errors.ts";
import { keptRollout } from "../../reconciler/kept.ts";
import type { Rollout } from "../../reconciler/rollout/model.ts";
import type { RolloutRow } from "../../store/contract.ts";
import type { Io } from "../io.ts";
import { allRuns, locatingArgs, type Where, withStore } from "../runtime/locate.ts";

export const rolloutArgs = {
  rollout: {
    type: "positional",
    required: false,
    valueHint: "ROLLOUT",
    description: "The rollout's id, or a beginning of it; else the newest one.",
  },
  ...locatingArgs,
} as const;

export interface FoundRollout {
  readonly row: RolloutRow;
  readonly rollout: Rollout;
  /** `<outputs_root>/<tenant>/<repo>`, absolute. */
  readonly scopeRoot: string;
}

/** Newest first, at most `limit` a scope. */
export async function allRollouts(io: Io, where: Where, limit: number): Promise<readonly FoundRollout[]> {
  const { scopes } = await allRuns(io, where);
  const found = await Promise.all(
    scopes.map(async (scopeRoot) => {
      const rows = await withStore(scopeRoot, (store) => store.deployment.rollouts(limit));
      return rows.map((row) => ({ row, rollout: keptRollout(row).rollout, scopeRoot }));
    }),
  );
  return found.flat().sort((one, other) => other.row.startedAtMs - one.row.startedAtMs);
}

/** @throws AkcError ROLLOUT_NOT_FOUND; USAGE where the id means several */
export async function oneRollout(
  io: Io,
  args: Where & { readonly rollout?: string | undefined },
): Promise<FoundRollout> {
  const id = args.rollout?.trim();
  const all = await allRollouts(io, args, rolloutsLookedAt);
  const exact = all.filter(({ row }) => row.rolloutId === id);
  const matches =
    id === undefined
      ? all.slice(0, 1)
      : exact.length > 0
        ? exact
        : all.filter(({ row }) => row.rolloutId.startsWith(id));
  const [first, another] = matches;
  if (first === undefined || id === "") {
    throw new AkcError("ROLLOUT_NOT_FOUND", id === undefined ? {} : { details: { rollout: id } });
  }
  if (another !== undefined) {
    throw new AkcError("USAGE", {
      message: `"${id}" is the beginning of ${matches.length} rollouts`,
      hint: "Write more of the id.",
      details: { matches: matches.map(({ row }) => row.rolloutId) },
    });
  }
  return first;
}

const rolloutsLookedAt = 1_000;
