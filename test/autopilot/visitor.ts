/** One controller's visits to the scope of an imagined world, for as long as it keeps its right or until it is told to stop. */
import type { ScopeConfig } from "../../src/autopilot/config/model.ts";
import type { Held } from "../../src/autopilot/lease/contract.ts";
import { type Visited, type VisitPorts, visit } from "../../src/autopilot/visit.ts";
import { type Imagined, shop } from "./imagined.ts";

export interface Visitor {
  readonly held: Held;
  readonly lose: AbortController;
  readonly cut: AbortController;
  visit(more?: Partial<ScopeConfig>): Promise<Visited>;
}

/** A controller's right to the scope, and its memory between visits. @param ports in place of the world's */
export async function visitor(
  world: Imagined,
  holder = "one",
  ports: Partial<VisitPorts> = {},
): Promise<Visitor> {
  const lose = new AbortController();
  const cut = new AbortController();
  const fence = await world.store.raiseFence(shop, holder, world.clock.nowMs());
  const held = { fence, lost: lose.signal };
  const memory = { heldBy: new Map() };
  return {
    held,
    lose,
    cut,
    visit: (more = {}) =>
      visit(
        { ...world.ports, tell: (told) => world.told.push(told), looked: () => {}, ...ports },
        {
          scope: world.config(more),
          held,
          memory,
          nowMs: (floorMs) => Math.max(floorMs, world.clock.nowMs()),
          stopping: () => cut.signal.aborted,
          cut: cut.signal,
          takePlace: () => () => {},
        },
      ),
  };
}
