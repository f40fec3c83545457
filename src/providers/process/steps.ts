/**
 * From the copies that are there to those that should be: which are started, ended, started again, or only told of their new
 * record, and in which order. Pure; the same copies and wishes always give the same steps.
 */
export interface Copy {
  readonly slot: number;
  /** Whether it was started as the revision wants it. */
  readonly current: boolean;
  readonly state:
    | "running"
    /** Runs, and is to be replaced all the same. */
    | "sick"
    /** Dead, and to be started now. */
    | "due"
    /** Dead, and to be started later. */
    | "waiting"
    /** Dead for good. */
    | "ended";
}

export interface Wish {
  /** Copies of the revision. */
  readonly updated: number;
  /** Copies of what was before it. */
  readonly previous: number;
  /** Whether a copy may run beside the one that it replaces. */
  readonly beside: boolean;
  /** Whether copies that ended for good, or wait, are started now: somebody asked anew. */
  readonly revive: boolean;
}

export type Step =
  /** Runs as it should; its record may have to be written anew. */
  | { readonly kind: "keep"; readonly slot: number }
  /** The process of this slot is dead, or ended first. */
  | { readonly kind: "restart"; readonly slot: number }
  | { readonly kind: "start"; readonly slot: number }
  | { readonly kind: "stop"; readonly slot: number }
  /** The copy in `slot` is started first, then the one in `from` is ended. */
  | { readonly kind: "replace"; readonly slot: number; readonly from: number };

export function stepsFor(copies: readonly Copy[], wish: Wish): readonly Step[] {
  const current = inOrder(copies.filter((copy) => copy.current));
  const others = inOrder(copies.filter((copy) => !copy.current));
  const kept = current.slice(0, wish.updated);
  const leaving = others.slice(Math.min(wish.previous, others.length));
  const excess = current.slice(wish.updated);
  const taken = new Set(copies.map(({ slot }) => slot));
  const free = () => {
    let slot = 0;
    while (taken.has(slot)) slot += 1;
    taken.add(slot);
    return slot;
  };
  const steps: Step[] = kept.map(({ slot, state }) => ({
    kind: needsStart(state, wish.revive) ? "restart" : "keep",
    slot,
  }));
  const stops = (): Step[] =>
    [...leaving.splice(wish.beside ? 0 : wish.updated - kept.length), ...excess].map(({ slot }) => ({
      kind: "stop",
      slot,
    }));
  // What may not run beside another is ended before anything is started: it may have what the other needs.
  if (!wish.beside) steps.push(...stops());
  for (let missing = wish.updated - kept.length; missing > 0; missing -= 1) {
    const from = leaving.shift();
    if (from === undefined) steps.push({ kind: "start", slot: free() });
    else if (wish.beside && from.state === "running") {
      steps.push({ kind: "replace", slot: free(), from: from.slot });
      taken.delete(from.slot);
    } else steps.push({ kind: "restart", slot: from.slot });
  }
  if (wish.beside) steps.push(...stops());
  return steps;
}

function needsStart(state: Copy["state"], revive: boolean): boolean {
  switch (state) {
    case "running":
      return false;
    case "sick":
    case "due":
      return true;
    case "waiting":
    case "ended":
      return revive;
  }
}

const worth: readonly Copy["state"][] = ["running", "waiting", "due", "sick", "ended"];

/** Those that run first, since they are kept first; then by slot, so that every pass chooses the same. */
function inOrder(copies: readonly Copy[]): Copy[] {
  return copies.toSorted(
    (one, other) => worth.indexOf(one.state) - worth.indexOf(other.state) || one.slot - other.slot,
  );
}
