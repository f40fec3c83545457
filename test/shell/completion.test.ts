/** Completion as a person has it, in real shells; and what the binary answers them. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { leafPathsOf } from "../../src/cli/manual/page.ts";
import { tree } from "../../src/cli/tree.ts";
import { akc, inFolder, root, shell } from "../e2e/akc.ts";
import { installed } from "../env/shells.ts";
import { Terminal } from "./terminal.ts";

setDefaultTimeout(120_000);

let home = "";
const bundle = join(root, "examples/hello/hello.runtime_bundle.json");
const coordinated = join(root, "examples/release-train/bundles/release.runtime_bundle.json");

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "akc-completion-"));
  await mkdir(join(home, "folder"));
  await Bun.write(join(home, "a plan.json"), "{}");
  for (const id of ["alpha-1", "alpha-2", "beta-1"]) {
    const started = await akc(
      ["runtime", "start", "--bundle", bundle, "--mode", "simulate", "--runtime-run-id", id, "-q"],
      { env: { AKC_OUTPUTS_ROOT: join(home, "out") } },
    );
    expect(started.exit).toBe(0);
  }
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** The lines that the binary answers, the kind first. */
async function asked(...words: string[]): Promise<readonly string[]> {
  const { exit, stdout, stderr } = await akc(["__complete", "--", ...words], {
    cwd: home,
    env: { AKC_OUTPUTS_ROOT: join(home, "out"), HOME: home },
  });
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
  return stdout.trimEnd().split("\n");
}

const wordOf = (line: string) => line.split("\t")[0] ?? "";

test("every command is found word by word", async () => {
  const [kind, ...groups] = await asked("");
  expect(kind).toBe("words");
  expect(groups.map(wordOf)).toEqual([...Object.keys(tree.nodes), "help"]);
  const byGroup = Map.groupBy(leafPathsOf(tree), (path) => path.split(" ").slice(0, -1).join(" "));
  for (const [group, paths] of byGroup) {
    if (group === "") continue;
    const [, ...words] = await asked(...group.split(" "), "");
    expect(words.map(wordOf)).toEqual(paths.map((path) => path.split(" ").at(-1) ?? ""));
  }
});

test("what a plan is explained by: its steps, also as the file has them, and the rules", async () => {
  await Bun.write(
    join(home, "of-mine.yaml"),
    `version: 1
scope: acme/shop
name: small
steps:
  only: {run: ["true"]}
  part: {matrix: {of: [a, b]}, run: ["true", "\${{ matrix.of }}"]}
policy: {programs: ["true"]}
`,
  );
  const steps = await asked("bundle", "explain", "of-mine.yaml", "--step", "");
  expect(steps.map(wordOf)).toEqual(["words", "only", "part", "part-a", "part-b"]);
  const rules = (await asked("bundle", "explain", "--rule", "pro")).map(wordOf);
  expect(rules).toContain("program-not-listed");
});

test("flags are those of the command, without those that are given", async () => {
  const [, ...flags] = (await asked("runtime", "start", "--bundle", "x.json", "--")).map(wordOf);
  expect(flags).toContain("--mode");
  expect(flags).toContain("--no-color");
  expect(flags).not.toContain("--bundle");
  expect((await asked("-")).map(wordOf)).toContain("--version");
});

test("values are those of the flag, however it is written", async () => {
  expect(await asked("runtime", "start", "--mode", "")).toEqual(["words", "simulate", "enforce", "canary"]);
  expect(await asked("runtime", "start", "--mode=e")).toEqual(["words", "--mode=enforce"]);
  expect(await asked("runtime", "list", "-o", "y")).toEqual(["words", "yaml"]);
  expect(await asked("-o", "j")).toEqual(["words", "json"]);
  expect(await asked("completion", "z")).toEqual(["words", "zsh"]);
  expect(await asked("runtime", "start", "--bundle", "")).toEqual(["files"]);
  expect(await asked("plugin", "check", "")).toEqual(["folders"]);
  expect(await asked("doctor", "--only", "lan")).toEqual(["words", "landlock"]);
});

test("runs are listed newest first, with how they ended and how long ago", async () => {
  const [kind, ...runs] = await asked("runtime", "status", "");
  expect(kind).toBe("kept");
  expect(runs.map(wordOf)).toEqual(["beta-1", "alpha-2", "alpha-1"]);
  expect(runs[0]).toMatch(/^beta-1\tsucceeded, .+ ago$/);
  expect((await asked("runtime", "verify", "--runtime-run-id", "alpha-")).map(wordOf)).toEqual([
    "kept",
    "alpha-2",
    "alpha-1",
  ]);
  expect(await asked("runtime", "status", "--outputs-root", join(home, "folder"), "")).toEqual(["kept"]);
});

test("steps are those of the run or the bundle on the line, each once in a list with commas", async () => {
  const steps = (await asked("runtime", "resume", "alpha-1", "--from", "")).slice(1).map(wordOf);
  expect(steps.toSorted()).toEqual(["greet", "host", "part", "time"]);
  expect((await asked("runtime", "resume", "alpha-1", "--from", "time,pa")).map(wordOf)).toEqual([
    "kept",
    "time,part",
  ]);
  expect((await asked("runtime", "resume", "alpha-1", "--from", "time,ti")).map(wordOf)).toEqual(["kept"]);
  const ofBundle = await asked("runtime", "resume", "--bundle", coordinated, "--from", "");
  expect(ofBundle.length).toBeGreaterThan(2);
});

test("scopes and tenants are those below the outputs root", async () => {
  expect(await asked("autopilot", "pause", "--scope", "")).toEqual(["words", "examples/hello"]);
  expect(await asked("runtime", "list", "--tenant-id", "")).toEqual(["words", "examples"]);
  expect(await asked("runtime", "list", "--tenant-id", "examples", "--repo-id", "")).toEqual([
    "words",
    "hello",
  ]);
});

test("what cannot be answered is no answer, and never an error", async () => {
  expect(await asked("no", "such", "command")).toEqual(["words"]);
  expect(await asked("runtime", "status", "--no-such-flag", "x", "y", "z")).toEqual(["words"]);
  expect(await asked("runtime", "resume", "--bundle", join(home, "a plan.json"), "--from", "")).toEqual([
    "kept",
  ]);
  expect(await asked("runtime", "resume", "--bundle", "/dev/full", "--from", "")).toEqual(["words"]);
  await Bun.write(join(home, "broken/acme/shop/.akc/runtime/state.sqlite3"), "no database");
  expect(await asked("runtime", "status", "--outputs-root", join(home, "broken"), "")).toEqual(["kept"]);
});

test("completing changes nothing of what is kept", async () => {
  const seen = async () => {
    const found: string[] = [];
    for await (const name of new Bun.Glob("**/*").scan({ cwd: join(home, "out"), dot: true }))
      found.push(`${name} ${Bun.hash(await Bun.file(join(home, "out", name)).bytes())}`);
    return found.sort();
  };
  const before = await seen();
  expect(before.some((line) => line.includes("state.sqlite3"))).toBe(true);
  await asked("runtime", "status", "");
  await asked("runtime", "resume", "beta-1", "--from", "");
  await asked("rollout", "status", "");
  expect(await seen()).toEqual(before);
});

/** Those that are here, or could be installed. */
const paths = [await installed("bash"), await installed("zsh"), await installed("fish")].filter(
  (path) => path !== undefined,
);

test.each(paths)("in %s, one press of the tabulator completes", async (path) => {
  const terminal = await Terminal.open(path, { HOME: home, AKC_OUTPUTS_ROOT: join(home, "out") });
  try {
    const become = async (line: string) => (await terminal.completed(line)).line;
    expect(await become("akc runtime stat")).toBe("akc runtime status");
    expect(await become("akc runtime start --mode=en")).toBe("akc runtime start --mode=enforce");
    expect(await become("akc runtime status b")).toBe("akc runtime status beta-1");
    expect(await become("akc runtime start --bundle a")).toBe("akc runtime start --bundle a\\ plan.json");
    expect(await become("akc plugin check f")).toMatch(/^akc plugin check folder\/?$/);
    // Bash says more than the words alone only at the second press.
    const several = await terminal.completed(`akc runtime status alpha-${path.endsWith("bash") ? "\t" : ""}`);
    expect(several.line).toBe("akc runtime status alpha-");
    expect(several.shown).toMatch(/alpha-2.*succeeded.*alpha-1.*succeeded/s);
  } finally {
    await terminal.close();
  }
});

test.each(paths)("in %s, no name of a file and nothing that is being typed is executed", async (path) => {
  const place = await mkdtemp(join(tmpdir(), "akc-completion-names-"));
  const names = [
    "s1$(touch ran1).json",
    "s2`touch ran2`.json",
    "s3;touch ran3.json",
    "s4\u001b[31m.json",
    "s5\n touch ran5",
  ];
  for (const name of names) await Bun.write(join(place, name), "{}");
  const terminal = await Terminal.open(path, { HOME: place });
  try {
    for (const [at, name] of names.entries()) {
      for (const before of ["akc runtime start --bundle ", "akc runtime start --bundle="]) {
        const { line, shown } = await terminal.completed(`${before}s${at + 1}`);
        expect(line).toStartWith(before);
        // One word: what would end or expand it is behind a backslash. Fish puts the whole of it in quotes, which cannot be read back.
        if (at < 3 && !path.endsWith("fish"))
          expect(line.slice(before.length).replaceAll(/\\./g, "")).toMatch(/^[\w.]+$/);
        if (name.includes("\u001b")) expect(shown).not.toContain("\u001b[31m.json");
      }
    }
    // At the cursor zsh itself expands what is typed, with or without a completion.
    const atCursor = ["akc plan `touch ran7`", "akc runtime start --bundle $(touch ran8)"];
    for (const typed of ["akc $(touch ran6) ", ...(path.endsWith("zsh") ? [] : atCursor)])
      expect((await terminal.completed(typed)).line).toContain("touch ran");
  } finally {
    await terminal.close();
  }
  expect((await readdir(place)).filter((name) => name.startsWith("ran"))).toEqual([]);
  await rm(place, { recursive: true, force: true });
});

test("a pipe in the place of a database keeps nobody waiting", async () => {
  await inFolder(async (cwd) => {
    const runtime = join(cwd, "evil/repo/.akc/runtime");
    await mkdir(runtime, { recursive: true });
    expect((await shell(`mkfifo ${runtime}/state.sqlite3`)).exit).toBe(0);
    const asking = ["__complete", "--", "runtime", "status", ""];
    expect(await akc(asking, { cwd })).toEqual({ exit: 0, stdout: "kept\n", stderr: "" });
    const listed = await akc(["runtime", "list"], { cwd });
    expect(listed.stderr).toContain("STORE_DAMAGED");
  });
}, 20_000);
