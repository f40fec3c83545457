/**
 * Every command of the documentation is run as it stands, page by page, each page in a folder and a shell of its own; what cannot be run
 * is counted, listed with its reason, and held against the command table.
 */
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { commonArgs } from "../../src/cli/command.ts";
import { aliasesOf, flagName } from "../../src/cli/strict.ts";
import { type Group, type Leaf, tree } from "../../src/cli/tree.ts";
import { binary, root } from "../e2e/akc.ts";
import { missingLine, type Piece, piecesOf } from "./page.ts";

setDefaultTimeout(240_000);

const docs = join(root, "docs");
const names = ["docs", "docs/how-to"].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `${folder}/${name}`),
);
/** Pages whose commands have a test of their own, which runs each block of them beside what it needs. */
const elsewhere: Readonly<Record<string, string>> = {
  "docs/operational-validity.md": "test/docs/operational-validity.test.ts",
  "docs/validators.md": "test/docs/validators.test.ts",
  "docs/autopilot-triggers.md": "test/docs/autopilot.test.ts",
  "docs/plugin-guide.md": "test/plugins/scaffold-guide.test.ts",
};
const pages = new Map(
  await Promise.all(names.map(async (name) => [name, await Bun.file(join(root, name)).text()] as const)),
);
const pieces = new Map([...pages].map(([name, text]) => [name, piecesOf(text)]));
const notRun = [...pieces].flatMap(([name, found]) =>
  found.flatMap((piece) => (piece.kind === "not-run" ? [{ name, ...piece }] : [])),
);
const folder = await mkdtemp(join(tmpdir(), "akc-book-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

const runnable = [...pieces].filter(
  ([name, found]) => !(name in elsewhere) && found.some(({ kind }) => kind === "run"),
);

test.concurrent.each(runnable)("%s does what it says", async (name, found) => {
  const told = await runPage(name, found);
  const wrong: string[] = [];
  for (const piece of found) {
    if (piece.kind !== "run") continue;
    const place = `${name}:${piece.line}`;
    const end = told.get(piece.line);
    if (end === undefined) wrong.push(`${place} was not reached`);
    else if (!piece.exits.includes(end.exit))
      wrong.push(`${place} ended with ${end.exit}:\n${tailOf(end.output)}`);
    else {
      const missing = missingLine(piece.shown, end.output);
      if (missing !== undefined) wrong.push(`${place} does not show "${missing}":\n${tailOf(end.output)}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("the blocks that are not run say why, and name only commands and flags that are there", async () => {
  const countOf = (of: readonly (readonly [string, readonly Piece[]])[]) =>
    of.flatMap(([, found]) => found).filter(({ kind }) => kind === "run").length;
  const count = countOf(runnable);
  const others = countOf([...pieces].filter(([name]) => name in elsewhere));
  console.log(
    `docs: ${count} blocks run here, ${others} by tests of their own pages, ${notRun.length} not run`,
  );
  for (const { name, line, reason } of notRun) console.log(`  not run: ${name}:${line}: ${reason}`);
  expect(pages.get("docs/testing.md")).toContain(
    `${count + others} blocks are run, ${notRun.length} are not:`,
  );
  expect(Object.values(elsewhere).filter((path) => !existsSync(join(root, path)))).toEqual([]);
  const wrong: string[] = [];
  for (const { name, line, script, reason } of notRun) {
    if (reason.trim().length < 8) wrong.push(`${name}:${line}: no reason`);
    for (const command of commandsIn(script))
      wrong.push(...(await unknownIn(command)).map((what) => `${name}:${line}: ${what}`));
  }
  expect(wrong).toEqual([]);
});

/** Read beside the book, and no part of it. */
const ofExamples = [...new Bun.Glob("examples/**/README.md").scanSync(root)];

test("every link leads to a file, and to a heading of it", async () => {
  const wrong: string[] = [];
  expect(ofExamples).toContain("examples/autopilot/README.md");
  for (const name of [...names, ...ofExamples]) {
    const text = await Bun.file(join(root, name)).text();
    for (const [, link = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue;
      const [file = "", heading] = link.split("#");
      const target = file === "" ? join(root, name) : resolve(root, dirname(name), file);
      const isThere =
        existsSync(target) &&
        (heading === undefined || headingsOf(await Bun.file(target).text()).includes(heading));
      if (!isThere) wrong.push(`${name}: ${link}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("the table of contents names every page", () => {
  const contents = pages.get("docs/README.md") ?? "";
  const missing = names.filter(
    (name) => name !== "docs/README.md" && !contents.includes(`](${name.slice(5)})`),
  );
  expect(missing).toEqual([]);
  expect(existsSync(join(docs, "reference/commands.md"))).toBe(true);
});

interface End {
  readonly exit: number;
  readonly output: string;
}

/** Runs a page from its beginning to its end. @returns how each block ended, by its line */
async function runPage(name: string, found: readonly Piece[]): Promise<ReadonlyMap<number, End>> {
  const home = join(folder, name.replaceAll("/", "-"));
  await mkdir(join(home, "home"), { recursive: true });
  await cp(join(root, "examples"), join(home, "examples"), { recursive: true });
  const mark = `@@${crypto.randomUUID()}@@`;
  const script = [
    "exec </dev/null 2>&1",
    // What a page has started in the background ends with it.
    "trap 'code=$?; jobs -p | xargs -r kill 2>/dev/null; exit $code' EXIT",
  ];
  for (const [index, piece] of found.entries()) {
    const path = join(home, "home", `piece-${index}`);
    if (piece.kind === "not-run") continue;
    if (piece.kind === "file") {
      await Bun.write(path, piece.text);
      const place = join(home, piece.name);
      script.push(`mkdir -p '${dirname(place)}' && cp '${path}' '${place}'`);
      continue;
    }
    await Bun.write(path, piece.script);
    script.push(
      ...piece.before.map((command) => `{ ${command}\n} >/dev/null`),
      ...(piece.goesOn.length === 0 ? [] : [stopping(piece.goesOn)]),
      `echo '${mark} begin ${piece.line}'`,
    );
    // A block that may fail on purpose has a shell of its own; any other ends the page.
    if (piece.exits.every((exit) => exit === 0))
      script.push("set -e", `source '${path}'`, "set +e", `echo '${mark} end 0'`);
    else script.push(`( set -e; source '${path}' ); echo "${mark} end $?"`);
    if (piece.goesOn.length > 0) script.push("unset -f akc");
  }
  const child = Bun.spawn(["timeout", "180", "bash", "-c", script.join("\n")], {
    cwd: home,
    env: {
      PATH: `${dirname(binary)}:/usr/local/bin:/usr/bin:/bin`,
      HOME: join(home, "home"),
      LANG: "C.UTF-8",
      AKC_REPO: root,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const [output, exit] = await Promise.all([new Response(child.stdout).text(), child.exited]);
  return new Map(
    output
      .split(`${mark} begin `)
      .slice(1)
      .map((part): [number, End] => {
        const [, line = "0", rest = ""] = /^(\d+)\n([\s\S]*)$/.exec(part) ?? [];
        const [shown = "", end] = rest.split(`${mark} end `);
        return [
          Number(line),
          { exit: end === undefined ? exit || 1 : Number.parseInt(end, 10), output: shown },
        ];
      }),
  );
}

/** What goes on until it is stopped is stopped by Ctrl-C, and is wrong when it has ended before or does not end then. */
function stopping(goesOn: readonly string[]): string {
  const patterns = goesOn.map((words) => words.replaceAll(" ", "\\ ")).join("|");
  return `akc() {
  case "$*" in
    ${patterns}) timeout --kill-after=60 --signal=INT ${lookedAtS} akc "$@" && return 1 || [ $? = 124 ] ;;
    *) command akc "$@" ;;
  esac
}`;
}

const lookedAtS = 2;

function tailOf(output: string): string {
  return output.split("\n").slice(-linesShown).join("\n").slice(-charsShown);
}

const linesShown = 30;
const charsShown = 4_000;

/** Each call of akc in a script. */
function commandsIn(script: string): readonly string[] {
  return script.replaceAll(/\\\n\s*/g, " ").match(/(?<![\w/.-])akc [a-z].*/g) ?? [];
}

async function unknownIn(line: string): Promise<readonly string[]> {
  const [command = ""] = line.split(/ #| \| |"\)|\)|; | &&|2>| >/);
  const leaf = leafOf(command.split(/\s+/).slice(1));
  if (leaf === undefined) return [command];
  const args = { ...commonArgs, ...(await leaf.load()).args };
  const known = Object.entries(args).flatMap(([name, def]) => [name, ...aliasesOf(def)].map(flagName));
  const given = command.replaceAll(/"[^"]*"|'[^']*'/g, "TEXT").match(/(?<=\s)--?[a-z][a-z0-9-]*/g) ?? [];
  return given
    .filter((flag) => !known.includes(flag) && !known.includes(flag.slice(0, 2)))
    .map((flag) => `${command}: ${flag}`);
}

function leafOf(words: readonly string[]): Leaf | undefined {
  let node: Group | Leaf = tree;
  for (const word of words) {
    if (node.kind === "leaf") return node;
    const next: Group | Leaf | undefined = Object.hasOwn(node.nodes, word) ? node.nodes[word] : undefined;
    if (next === undefined) return undefined;
    node = next;
  }
  return node.kind === "leaf" ? node : undefined;
}

/** As they are linked to. */
function headingsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(" ", "-"),
  );
}
