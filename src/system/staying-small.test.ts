/** What a long-lived process does rarely is not compiled; what is hot is compiled as ever. */
import { expect, test } from "bun:test";
import { join } from "node:path";

// In a process of its own: the setting is the thread's, and there is no asking for it.
const script = `
import { numberOfDFGCompiles } from "bun:jsc";
import { staySmall } from ${JSON.stringify(join(import.meta.dir, "staying-small.ts"))};
staySmall();
function rare(text) { let sum = 0; for (const unit of text) sum += unit.length; return sum; }
function hot(text) { let sum = 0; for (let at = 0; at < text.length; at += 1) sum += text.charCodeAt(at); return sum; }
for (let call = 0; call < 5_000; call += 1) rare("visited");
const large = "x".repeat(1_000_000);
for (let call = 0; call < 1_000 && numberOfDFGCompiles(hot) === 0; call += 1) {
  hot(large);
  await Bun.sleep(1);
}
for (let call = 0; call < 5_000; call += 1) rare("visited");
console.log(numberOfDFGCompiles(rare), numberOfDFGCompiles(hot));
`;

test("a loop over a large text is compiled, what ran ten thousand times on short ones is not, and the process ends", async () => {
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  expect((await new Response(child.stdout).text()).trim()).toBe("0 1");
  expect(await child.exited).toBe(0);
});
