/**
 * Makes runs that all put the same contents, looks whether each has them after its commit, and removes it again: so many as
 * it is told, or without end when told 0. Tells `ok` or what was wrong.
 */
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { runRow, turn } from "./builders.ts";

export const sharedContents = [100, 100_000, 200_000].map((size) => new Uint8Array(size).fill(size & 0xff));

if (import.meta.main) {
  const [scopeRoot = "", times = "0"] = process.argv.slice(2);
  const store = await openStore(scopeRoot);
  const here = thisProcess();
  let wrong = 0;
  for (let number = 1; Number(times) === 0 || number <= Number(times); number += 1) {
    const id = `run-${process.pid}-${number}`;
    const writer = await store.createRun(runRow(id), here, Date.now());
    const refs = [];
    for (const content of sharedContents) refs.push(await writer.artifacts.put(content));
    // Others get their turn between the put and the commit.
    await Bun.sleep(number % 3);
    await writer.commit(turn({}));
    const reader = await store.openRun(id);
    for (const { sha256 } of refs) {
      const found = await reader.artifacts.read(sha256).catch(() => undefined);
      if (found === undefined) wrong += 1;
    }
    await reader.close();
    await writer.close();
    await store.deleteRun(id, here, Date.now());
  }
  await store.close();
  console.log(wrong === 0 ? "ok" : `${wrong} contents were missing`);
}
