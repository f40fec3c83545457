/** The manual pages as they are installed: complete, valid to those who read them, and shown by `akc man`. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { leafPathsOf } from "../../src/cli/manual/page.ts";
import { tree } from "../../src/cli/tree.ts";
import { akc, onTerminal } from "../e2e/akc.ts";
import { installed } from "../env/shells.ts";

setDefaultTimeout(120_000);

let folder = "";
let names: readonly string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "akc-man-"));
  const written = await akc(["man", "--out", join(folder, "man1"), "-o", "json"]);
  expect(written.exit).toBe(0);
  names = (await readdir(join(folder, "man1"))).sort();
  expect([...JSON.parse(written.stdout).files].sort()).toEqual([...names]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("there is a page for akc, for every group and for every command", () => {
  const commands = leafPathsOf(tree).map((path) => `akc-${path.replaceAll(" ", "-")}.1`);
  const groups = Object.entries(tree.nodes).flatMap(([name, node]) =>
    node.kind === "group" ? [`akc-${name}.1`] : [],
  );
  expect([...names]).toEqual([...new Set(["akc.1", ...commands, ...groups])].sort());
});

test("every page has what a manual page has, and refers to pages that are there", async () => {
  for (const name of names) {
    const text = await Bun.file(join(folder, "man1", name)).text();
    for (const title of ["NAME", "SYNOPSIS", "DESCRIPTION", "SEE ALSO"])
      expect(text).toContain(`\n.SH ${title}\n`);
    if (name !== "akc.1" && !Object.hasOwn(tree.nodes, name.slice(4, -2)))
      expect(text).toContain("\n.SH EXIT STATUS\n");
    const [, also = ""] = /^\.SH SEE ALSO\n([\s\S]*)/m.exec(text) ?? [];
    for (const [, page = ""] of also.matchAll(/\\fB(.+?)\\fR\(1\)/g))
      expect([...names]).toContain(`${page.replaceAll("\\-", "-")}.1`);
  }
});

const mandoc = await installed("mandoc");
test.skipIf(mandoc === undefined)("mandoc finds nothing wrong with any page", async () => {
  const paths = names.map((name) => join(folder, "man1", name));
  const lint = Bun.spawn([mandoc ?? "", "-T", "lint", "-W", "warning", ...paths], { stdout: "pipe" });
  const said = (await new Response(lint.stdout).text()).trim().split("\n");
  // They have none: the same akc writes the same pages whenever it is asked.
  expect(said.filter((line) => line !== "" && !line.includes("missing date"))).toEqual([]);
});

const man = await installed("man");
test.skipIf(man === undefined)("man shows the longest page without a warning", async () => {
  const shown = Bun.spawn(
    [man ?? "", "--warnings=w", "-E", "UTF-8", "-l", join(folder, "man1/akc-runtime-start.1")],
    {
      stdout: "pipe",
      stderr: "pipe",
      env: { PATH: "/usr/bin:/bin", LANG: "C.UTF-8", MANPAGER: "cat", MANWIDTH: "80" },
    },
  );
  const [text, warnings] = await Promise.all([
    new Response(shown.stdout).text(),
    new Response(shown.stderr).text(),
  ]);
  expect(warnings).toBe("");
  expect(text).toContain("akc runtime start");
  expect(text).toContain("--bundle FILE");
});

test("a page is plain text in a pipe, troff where that is asked for, and JSON for programs", async () => {
  const plain = await akc(["man", "runtime", "export"]);
  expect(plain.stdout).toStartWith("NAME\n    akc-runtime-export - ");
  expect(plain.stdout).toContain("\nEXIT STATUS\n    0  succeeded\n");
  const roff = await akc(["man", "akc", "runtime", "export", "--roff"]);
  expect(roff.stdout).toBe(await Bun.file(join(folder, "man1/akc-runtime-export.1")).text());
  const json = JSON.parse((await akc(["man", "runtime", "-o", "json"])).stdout);
  expect(json).toMatchObject({ kind: "ManualPage", name: "akc-runtime", section: 1 });
  expect((await akc(["man"])).stdout).toContain("\nENVIRONMENT\n");
});

test("on a terminal it is opened, and a command that is not there is named with the one that was meant", async () => {
  const { exit, screen } = await onTerminal(["man", "runtime", "list"], {
    env: { MANPAGER: "cat", PAGER: "cat" },
  });
  expect(exit).toBe(0);
  expect(screen).toContain("newest first");
  const wrong = await akc(["man", "runtime", "lst"]);
  expect(wrong.exit).toBe(2);
  expect(wrong.stderr).toContain("Did you mean `akc runtime list`?");
  const file = join(folder, "man1/akc.1");
  expect((await akc(["man", "--out", file])).exit).toBe(2);
});
