/**
 * The facts of one scope during a visit: what they say now, and the only way to add to them. Every write carries the fence; what is
 * committed is told and chronicled, and neither can undo it.
 */
import { limits } from "../../limits.ts";
import type { Cursor } from "../contract.ts";
import type { Fact, ScopeState } from "../model.ts";
import { ask } from "./bounded.ts";
import type { VisitOrder, VisitPorts } from "./model.ts";

export interface ScopeRecord {
  /** As last read or written. */
  state(): ScopeState;
  nowMs(): number;
  /** With what others said since. @throws AkcError AUTOPILOT_STATE_DAMAGED, STORE_BUSY */
  refresh(): Promise<ScopeState>;
  /** @throws AkcError LEASE_LOST, AUTOPILOT_SLOTS_FULL, DISK_FULL, STORE_BUSY, AUTOPILOT_STATE_DAMAGED */
  append(
    facts: readonly Fact[],
    options?: {
      readonly cursors?: readonly Cursor[];
      readonly goneRuns?: readonly string[];
      readonly slots?: number;
    },
  ): Promise<void>;
}

/** @throws AkcError AUTOPILOT_STATE_DAMAGED, STORE_BUSY */
export async function openRecord(ports: VisitPorts, order: VisitOrder): Promise<ScopeRecord> {
  const { store, clock, chronicle } = ports;
  const { scope, held, cut } = order;
  const id = scope.scope;
  let state = await store.state(id);
  const read = async () => {
    state = await store.state(id);
    order.stands?.(state);
    await tellNews(ports, order, state.seq);
  };
  await tellNews(ports, order, state.seq);
  const nowMs = () => order.nowMs(state.atMs);
  return {
    state: () => state,
    nowMs,
    async refresh() {
      await read();
      return state;
    },
    async append(facts, options = {}) {
      held.lost.throwIfAborted();
      const entries = await store.append(id, facts, held.fence, { nowMs: nowMs(), ...options });
      // Not folded here: a person may have said something in between.
      await read();
      if (entries.length === 0) return;
      const bounds = { clock, signals: [cut] };
      // The files can be written later; the database is the truth.
      await ask("the chronicle", limits.autopilotAskMsMax, bounds, () =>
        chronicle.record(scope, entries, state),
      ).catch(() => undefined);
    },
  };
}

/**
 * Tells what was written since it was last told: by this controller, and by people and senders of deliveries, who write by themselves.
 * What another controller wrote, that one has told.
 */
async function tellNews({ store, tell }: VisitPorts, order: VisitOrder, seq: number): Promise<void> {
  const { memory, held } = order;
  const id = order.scope.scope;
  const from = memory.toldSeq ?? seq;
  memory.toldSeq = Math.max(from, seq);
  if (seq <= from) return;
  for (const entry of await store.entries(id, from, seq - from)) {
    if (entry.writer === held.fence.holder || entry.token === 0) tell({ kind: "entry", scope: id, entry });
  }
}
