import { expect, test } from "bun:test";
import { createDiagnostics } from "./diagnostics.ts";
import type { Io } from "./io.ts";

function listener(): { readonly io: Io; readonly said: string[] } {
  const said: string[] = [];
  const place = { isTerminal: false, color: false, canRedraw: false, columns: () => 80, rows: () => 24 };
  return {
    said,
    io: {
      stdout: place,
      stderr: place,
      env: {},
      out: async () => undefined,
      words: (text) => void said.push(text),
    },
  };
}

test("facts are said only when somebody asks, one line each, and only those that are known", async () => {
  const quiet = listener();
  (await createDiagnostics(quiet.io, false)).debug("loaded", { path: "x" });
  expect(quiet.said).toEqual([]);
  const verbose = listener();
  (await createDiagnostics(verbose.io, true)).debug("bundle loaded", {
    path: "a b",
    steps: 3,
    policy: undefined,
  });
  expect(verbose.said).toEqual(['debug bundle loaded path="a b" steps=3\n']);
});
