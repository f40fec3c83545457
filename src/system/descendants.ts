/**
 * Everything that came of this process, for the moment in which it ends without waiting. Children in sessions of their own
 * survive their parent; nothing else would end them.
 *
 * Source: proc(5); PR_SET_CHILD_SUBREAPER in prctl(2), by which orphans stay in the tree.
 */
import { mayOutlive } from "./outliving.ts";
import { processIds, statOf } from "./process-table.ts";

/** A process that starts others while it is looked for may need another look; who does so for ever is given up. */
const roundsMax = 20;

/** Kills every descendant that lives and must not outlive this process, at once and with no grace. Blocks for some milliseconds. */
export function killDescendants(): void {
  for (let round = 0; round < roundsMax; round++) {
    const living = livingDescendants(process.pid);
    if (living.length === 0) return;
    for (const pid of living) kill(pid);
  }
}

function livingDescendants(root: number): readonly number[] {
  const childrenOf = new Map<number, number[]>();
  const dead = new Set<number>();
  for (const pid of processIds()) {
    const stat = statOf(pid);
    if (stat === undefined) continue;
    if (stat.state === "Z" || stat.state === "X") dead.add(pid);
    const siblings = childrenOf.get(stat.parent);
    if (siblings === undefined) childrenOf.set(stat.parent, [pid]);
    else siblings.push(pid);
  }
  const found: number[] = [];
  const open = [root];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    for (const child of childrenOf.get(pid) ?? []) {
      if (mayOutlive(child)) continue;
      open.push(child);
      if (!dead.has(child)) found.push(child);
    }
  }
  return found;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It was quicker.
  }
}
