/** Reads a run over and over until it ends, and tells whether it ever saw part of a turn (three events a turn). */
import { openStore } from "../../src/store/sqlite/open.ts";
import { chainHolds } from "./builders.ts";

const store = await openStore(process.argv[2] ?? "", { create: false });
const reader = await store.openRun("r");
let torn = 0;
let broken = 0;
let last = 0;
for (;;) {
  const run = await reader.run();
  const over = run.outcome !== null;
  const events = await reader.events(0, 10_000);
  last = events.length;
  if (last % 3 !== 0) torn += 1;
  if (!chainHolds(events, run)) broken += 1;
  if (over) break;
}
await reader.close();
await store.close();
console.log(JSON.stringify({ torn, broken, last }));
