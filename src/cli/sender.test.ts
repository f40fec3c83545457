import { expect, test } from "bun:test";
import { hostname } from "node:os";
import { senderName } from "./sender.ts";

/** What a process of this user calls itself, with this in its environment. */
function calledWith(env: Readonly<Record<string, string>>): string {
  const program = `import { senderName } from ${JSON.stringify(import.meta.resolve("./sender.ts"))}; console.log(senderName());`;
  return Bun.spawnSync([process.execPath, "-e", program], { env }).stdout.toString().trim();
}

test("whoever gives a word is named by the user's number: USER need not be set, and does not count", () => {
  expect(calledWith({})).toBe(senderName());
  expect(calledWith({ USER: "somebody-else" })).toBe(senderName());
  expect(senderName()).toEndWith(`@${hostname()}`);
  expect(calledWith({})).not.toStartWith("unknown@");
});
