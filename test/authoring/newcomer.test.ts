/** What somebody types who has read one page of the manual: the commands do what was meant, or say what to type instead. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { akc, inFolder, shell } from "../e2e/akc.ts";

const plan = `version: 1
scope: acme/shop
name: small
steps:
  only: {run: [echo, one]}
policy: {programs: [echo]}
`;

/** Works in a folder with the plan, two below another: where a compiler's layout would be inferred, it lies within the test. */
async function besidePlan(work: (cwd: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const cwd = join(folder, "of", "mine");
    await mkdir(cwd, { recursive: true });
    await Bun.write(join(cwd, "akc.yaml"), plan);
    await work(cwd);
  });
}

test("commands that only show take the newest run and say which; one that judges must be told", async () => {
  await besidePlan(async (cwd) => {
    const none = await akc(["runtime", "graph"], { cwd });
    expect(none).toMatchObject({ exit: 2, stdout: "" });
    expect(none.stderr).toContain("there are no runs [RUN_NOT_FOUND]");
    expect(none.stderr).toContain("`akc run`");
    for (const id of ["older", "newer"]) {
      expect((await akc(["run", "--runtime-run-id", id, "-q"], { cwd })).exit).toBe(0);
    }
    for (const words of [["status"], ["graph"], ["events"], ["report", "--out", "-"]]) {
      const shown = await akc(["runtime", ...words], { cwd });
      const named = await akc(["runtime", ...words, "newer"], { cwd });
      expect(shown.exit).toBe(0);
      expect(shown.stderr).toBe("the newest run: newer of acme/shop\n");
      expect(named.stderr).toBe("");
      const ofPage = (text: string) =>
        words[0] === "report" ? (/<title>.*<\/title>/.exec(text)?.[0] ?? "") : text;
      expect(ofPage(shown.stdout)).toBe(ofPage(named.stdout));
      expect(ofPage(shown.stdout)).not.toBe("");
    }
    for (const words of [["verify"], ["checkpoint"], ["stop"], ["resume"]]) {
      const { exit, stderr } = await akc(["runtime", ...words], { cwd });
      expect(exit).toBe(2);
      expect(stderr).toContain("RUN is missing [USAGE]");
    }
    // An empty variable of a script is not "nothing was said".
    expect((await akc(["runtime", "status", ""], { cwd })).exit).toBe(2);
  });
}, 60_000);

test("the command that `bundle build` prints starts the bundle and keeps its run where the plan's runs are", async () => {
  await besidePlan(async (cwd) => {
    const built = await akc(["bundle", "build"], { cwd });
    const [, next = ""] = /^next: \S*akc (runtime start .*)$/m.exec(built.stderr) ?? [];
    expect(next).toContain("--outputs-root .");
    expect((await shell(`"$AKC" ${next} --runtime-run-id r -q`, { cwd })).exit).toBe(0);
    expect(existsSync(join(cwd, "acme/shop"))).toBe(true);
    expect((await akc(["runtime", "status"], { cwd })).stdout).toContain("runtime_run_id: r\n");
    // Where the project file says it already, nothing has to be added.
    await Bun.write(join(cwd, ".akc/project.yaml"), "outputs_root: kept\n");
    const again = await akc(["bundle", "build"], { cwd });
    expect(again.stderr).toContain("next: ");
    expect(again.stderr).not.toContain("--outputs-root");
    expect(
      (await akc(["bundle", "build", "of/mine/akc.yaml"], { cwd: join(cwd, "../..") })).stderr,
    ).toContain("--outputs-root of/mine/kept");
  });
}, 60_000);

test("without a plan every command that takes one says how to begin one", async () => {
  await inFolder(async (cwd) => {
    for (const words of [["plan"], ["run"], ["bundle", "build"], ["bundle", "explain"]]) {
      const { exit, stderr } = await akc(words, { cwd });
      expect(exit).toBe(2);
      expect(stderr).toContain("there is no akc.yaml here");
      expect(stderr).toContain("`akc init`");
    }
  });
});

test("a shell line in place of a program with its arguments is answered by an example", async () => {
  await besidePlan(async (cwd) => {
    await Bun.write(join(cwd, "akc.yaml"), plan.replace("[echo, one]", "echo one"));
    const { exit, stderr } = await akc(["plan"], { cwd });
    expect(exit).toBe(2);
    expect(stderr).toContain("`steps.only.run` must be a program with its arguments, such as [git, status]");
  });
});

test("a usage line brackets the words that may be left out, and no others", async () => {
  const usage = async (...words: string[]) =>
    /\nUsage\n {2}(.*)\n/.exec((await akc([...words, "--help"])).stdout)?.[1];
  expect(await usage("run")).toBe("akc run [FILE] [flags]");
  expect(await usage("init")).toBe("akc init [FOLDER] [flags]");
  expect(await usage("runtime", "report")).toBe("akc runtime report [RUN] [flags]");
  expect(await usage("runtime", "verify")).toBe("akc runtime verify RUN [flags]");
  expect(await usage("bundle", "validate")).toBe("akc bundle validate FILE [flags]");
});

test("a program finds what its role may read, and gets the variables that its step sets", async () => {
  await inFolder(async (cwd) => {
    await Bun.write(join(cwd, "src/price.txt"), "40\n");
    const script =
      'cat "$AKC_REPO_ROOT/src/price.txt" && test "$LANG" = C && ! cat "$AKC_REPO_ROOT/akc.yaml"';
    const steps = { only: { role: "reader", run: ["sh", "-c", script], env: { LANG: "C" }, retries: 0 } };
    const written = { version: 1, scope: "acme/shop", name: "small", policy: { programs: ["sh"] }, steps };
    await Bun.write(
      join(cwd, "akc.yaml"),
      JSON.stringify({ ...written, roles: { reader: { reads: ["src"] } } }),
    );
    expect(await akc(["run", "-q", "--outputs-root", "out"], { cwd })).toMatchObject({ exit: 0 });
    // Who may read nothing is not told where it would be.
    await Bun.write(join(cwd, "akc.yaml"), JSON.stringify({ ...written, roles: { reader: {} } }));
    expect((await akc(["run", "-q", "--outputs-root", "out"], { cwd })).exit).not.toBe(0);
  });
}, 60_000);
