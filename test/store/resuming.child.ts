/** Tries to take a run over as soon as it is told to, and writes an event if it could; tells what came of it. */
import { AkcError } from "../../src/errors.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { event, turn } from "./builders.ts";

for await (const line of console) {
  const [scopeRoot = "", id = ""] = line.split(" ");
  try {
    const store = await openStore(scopeRoot);
    const writer = await store.resumeRun(id, thisProcess(), Date.now());
    await writer.commit(turn({ events: [event(writer.lastSeq + 1, "took.over", { pid: process.pid })] }));
    console.log(`token ${writer.lease.token}`);
  } catch (cause) {
    console.log(cause instanceof AkcError ? cause.code : String(cause));
  }
}
