/** A person's process that works on behalf of a run, and writes into its history, until it is ended; it may hold the scope as well. */
import { createJournal } from "../../src/kernel/journal.ts";
import { digestOf } from "../../src/kernel/past.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { openStore } from "../../src/store/sqlite/open.ts";

const [scopeRoot = "", runtimeRunId = "", holds] = process.argv.slice(2);
const store = await openStore(scopeRoot, { create: false });
const writer = await store.resumeRun(runtimeRunId, thisProcess(), Date.now());
const digest = await digestOf(await store.openRun(runtimeRunId));
const journal = createJournal(runtimeRunId, { lastSeq: writer.lastSeq, digest });
if (holds === "scope") await writer.holdScope(Date.now());
console.log("held");
for (;;) {
  journal.event("runtime.reconcile.drift_found", "{}", Date.now());
  await writer.commit(journal.take());
  await Bun.sleep(2);
}
