/** Builds akc and runs the example: what would it be allowed to do, then the run itself, then what was recorded. */
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const bundle = join(root, "examples/hello/hello.runtime_bundle.json");
const outputs = join(root, "dist/demo");

await say([process.execPath, join(root, "scripts/build.ts")], false);
await say(["dist/akc", "bundle", "inspect", bundle]);
await say([
  "dist/akc",
  "runtime",
  "start",
  "--bundle",
  bundle,
  "--mode",
  "enforce",
  "--outputs-root",
  outputs,
]);
await say(["dist/akc", "runtime", "list", "--outputs-root", outputs, "--limit", "5"]);

async function say(command: readonly string[], shown = true): Promise<void> {
  if (shown) console.log(`\n$ ${command.join(" ").replaceAll(`${root}/`, "")}`);
  const child = Bun.spawn([...command], { cwd: root, stdin: "ignore", stdout: "inherit", stderr: "inherit" });
  const exit = await child.exited;
  if (exit !== 0) process.exit(exit);
}
