/**
 * The simulated store stands for the real one: the same seed on a database gives the same history, and the same promises
 * hold on it.
 */
import { expect, test } from "bun:test";
import { openStore } from "../../src/store/sqlite/open.ts";
import { scope } from "../store/builders.ts";
import { simulate } from "./simulate.ts";
import { createSimulatedStore } from "./store.ts";

const runs = Math.ceil(Number(process.env["SIM_RUNS"] ?? 3_000) / 75);

test("a seed has the same history in memory as in the database", async () => {
  for (let number = 0; number < runs; number += 1) {
    const seed = `database ${number}`;
    // The holders are on hosts of their own: whether they live only their leases say.
    const inMemory = await simulate(seed, async () => createSimulatedStore({ isGone: () => false }));
    using place = scope();
    const inDatabase = await simulate(seed, async () => openStore(place.scopeRoot));
    const repeat = `seed "${seed}"`;
    expect([repeat, ...inMemory.broken]).toEqual([repeat]);
    expect([repeat, ...inDatabase.broken]).toEqual([repeat]);
    expect(inDatabase.wild.witness.events).toEqual(inMemory.wild.witness.events);
    expect(inDatabase.wild.rows).toEqual(inMemory.wild.rows);
    expect(inDatabase.wild.lives).toBe(inMemory.wild.lives);
  }
}, 3_600_000);
