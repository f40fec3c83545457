/**
 * Takes the scope for a run of its own as soon as it is told to, and deploys if it could; tells what came of it:
 * `<scope root> <run>` a line.
 */
import { AkcError } from "../../src/errors.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { runRow } from "./builders.ts";
import { deploy, owned } from "./deployed.ts";

for await (const line of console) {
  const [scopeRoot = "", id = ""] = line.split(" ");
  try {
    const store = await openStore(scopeRoot);
    const writer = await store.createRun(runRow(id), thisProcess(), Date.now());
    await writer.holdScope(Date.now());
    await deploy(writer, { owned: [owned("web", { runtimeRunId: id })] });
    // Not closed: it goes on until the process ends.
    console.log(`held by ${id}`);
  } catch (cause) {
    console.log(cause instanceof AkcError ? cause.code : String(cause));
  }
}
