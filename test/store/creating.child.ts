/** Waits for the starting time, then tries to make the run; tells what came of it. */
import { AkcError } from "../../src/errors.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { runRow } from "./builders.ts";

for await (const line of console) {
  const [scopeRoot = "", id = ""] = line.split(" ");
  try {
    const store = await openStore(scopeRoot);
    await store.createRun(runRow(id), thisProcess(), Date.now());
    console.log("made");
  } catch (cause) {
    console.log(cause instanceof AkcError ? cause.code : String(cause));
  }
}
