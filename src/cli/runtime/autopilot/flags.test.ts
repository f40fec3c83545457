import { expect, test } from "bun:test";
import { flagsOf } from "./flags.ts";

test("one pass and another number of passes contradict each other, and neither is guessed", () => {
  expect(() => flagsOf({ once: true, maxIterations: "3" })).toThrow(
    "--once is one pass, and --max-iterations",
  );
  expect(flagsOf({ once: true })["--max-iterations"]).toEqual(["1"]);
  expect(flagsOf({ once: true, maxIterations: "1" })["--max-iterations"]).toEqual(["1"]);
  expect(flagsOf({ maxIterations: "3" })["--max-iterations"]).toEqual(["3"]);
});
