/** What the book is run by: pages are read as they are marked, and what is not shown is found. */
import { expect, test } from "bun:test";
import { missingLine, piecesOf } from "./page.ts";

test("a page is its files, its blocks that run with what they show, and those that do not", () => {
  const page = [
    "# A page",
    "<!-- file: a.yaml -->",
    "```yaml",
    "version: 1",
    "```",
    "<!-- before: cd x -->",
    "<!-- exit: 2 -->",
    "```sh",
    "akc plan",
    "```",
    "",
    "```text",
    "5 steps",
    "",
    "…",
    "```",
    "<!-- not run: needs root -->",
    "```sh",
    "sudo akc",
    "```",
    "<!-- exit: 3 -->",
    "Words between a mark and a block end the mark.",
    "```sh",
    "akc version",
    "```",
    "Words.",
    "```text",
    "no output of a block",
    "```",
    "```json",
    "{}",
    "```",
    "<!-- exit: 0 or 1 -->",
    "<!-- goes on: ui * -->",
    "```",
    "$ akc one",
    "1 thing",
    "$ akc two",
    "```",
    "```",
    "a drawing",
    "```",
  ];
  expect(piecesOf(page.join("\n"))).toEqual([
    { kind: "file", line: 3, name: "a.yaml", text: "version: 1\n" },
    {
      kind: "run",
      line: 8,
      script: "akc plan\n",
      before: ["cd x"],
      exits: [2],
      goesOn: [],
      shown: ["5 steps", "…"],
    },
    { kind: "not-run", line: 18, script: "sudo akc\n", reason: "needs root" },
    { kind: "run", line: 23, script: "akc version\n", before: [], exits: [0], goesOn: [], shown: [] },
    {
      kind: "run",
      line: 35,
      script: "akc one\nakc two\n",
      before: [],
      exits: [0, 1],
      goesOn: ["ui *"],
      shown: ["1 thing"],
    },
  ]);
});

const output = "release  acme/shop\n  ✓ chain   18 events\nverified  chain fb05e3e27a50deb1\ntook: 0.4 s\n";

test("numbers, ids, times and blanks may differ; words, their order and their lines may not", () => {
  const missing = (...shown: string[]) => missingLine(shown, output);
  expect(missing("release acme/shop", "…", "✓ chain 3 events", "took: 12 ms")).toBeUndefined();
  expect(missing("verified  chain 0123456789abcdef")).toBeUndefined();
  expect(missing("verified …")).toBeUndefined();
  expect(missing("✓ chain 18 files")).toBe("✓ chain 18 files");
  expect(missing("took: 1 s", "release acme/shop")).toBe("release acme/shop");
  expect(missing("chain 18 events")).toBe("chain 18 events");
  expect(missing("release  acme.shop")).toBe("release  acme.shop");
});
