/**
 * Commits turns of many rows until it is killed, telling each one that is durable on stdout: `<last seq>` a line.
 * Every turn holds 20 events, 20 action rows and 20 decisions, all numbered alike, and one artifact that its last event names.
 */
import { writeSync } from "node:fs";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { action, decision, event, runRow, turn } from "./builders.ts";

const store = await openStore(process.argv[2] ?? "");
const writer = await store.createRun(runRow(process.argv[3] ?? "r"), thisProcess(), Date.now());
const perTurn = 20;
for (let first = 1; ; first += perTurn) {
  const content = new TextEncoder().encode(`output ${first}`.repeat(first % 3 === 0 ? 5_000 : 5));
  const { sha256 } = await writer.artifacts.put(content);
  const numbers = Array.from({ length: perTurn }, (_, index) => first + index);
  await writer.commit(
    turn({
      events: numbers.map((seq) => event(seq, "runtime.action.completed", { seq, sha256 })),
      actions: numbers.map((seq) => action(`a${seq}`, "succeeded", { seq, outputSha256: sha256 })),
      decisions: numbers.map((seq) => decision({ seq })),
    }),
  );
  writeSync(1, `${first + perTurn - 1}\n`);
}
