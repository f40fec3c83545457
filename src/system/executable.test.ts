import { expect, test } from "bun:test";
import { realpathSync } from "node:fs";
import { findExecutable } from "./executable.ts";

test("a name is found by every name of its folder", () => {
  const found = findExecutable("sh");
  if (found.kind !== "found") throw new Error("no sh on this machine");
  const sameFolder = realpathSync("/bin") === realpathSync("/usr/bin");
  expect(found.foundAs.includes("/bin/sh")).toBe(sameFolder || !found.foundAs.includes("/usr/bin/sh"));
  for (const path of found.foundAs) expect(realpathSync(path)).toBe(found.real);
});

test("a path through a folder's other name is the same file", () => {
  const found = findExecutable("/bin/sh");
  expect(found).toMatchObject({ kind: "found", real: realpathSync("/bin/sh") });
  if (found.kind === "found") expect(found.foundAs).toContain("/bin/sh");
});

test("what leads through the working directory is never looked for", () => {
  for (const argv0 of ["./sh", "bin/sh", "../sh", ".", "..", "s\0h"]) {
    expect(findExecutable(argv0)).toEqual({ kind: "relative" });
  }
});
