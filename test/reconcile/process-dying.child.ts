/** An akc that applies one service and dies where it is told to: before the start, or after it and before the record of it. */
import type { Change } from "../../src/providers/contract.ts";
import { createProcessProvider } from "../../src/providers/process/provider.ts";
import { systemClock } from "../../src/system/clock.ts";
import { killDescendants } from "../../src/system/descendants.ts";
import { processTree } from "../../src/system/process-tree.ts";

const [root = "", place = "", text = ""] = process.argv.slice(2);
const change: Change = JSON.parse(text);
const die = () => process.kill(process.pid, "SIGKILL");
const provider = createProcessProvider({
  scopeRoot: root,
  scope: "acme/shop",
  env: { HOME: root },
  clock: systemClock,
});
processTree();
if (place === "before" || place === "after") {
  const spawn = Bun.spawn;
  Object.assign(Bun, {
    spawn: (...args: Parameters<typeof spawn>) => {
      if (place === "before") die();
      const child = spawn(...args);
      if (place === "after") die();
      return child;
    },
  });
}
await provider.apply(change, { signal: new AbortController().signal });
if (place === "sweep") killDescendants();
if (place === "end") die();
console.log("applied");
await provider.close();
