/** From an empty folder to a run: what `akc init` writes builds and runs as it stands, and is never written over. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { akc, inFolder } from "../../e2e/akc.ts";

test("from nothing to a run in three commands, and every command finds it", async () => {
  await inFolder(async (folder) => {
    const cwd = join(folder, "My Shop!");
    const made = await akc(["init", "My Shop!"], { cwd: folder });
    expect(made).toMatchObject({ exit: 0, stderr: "" });
    expect(made.stdout).toContain("  cd 'My Shop!'\n");
    const text = await Bun.file(join(cwd, "akc.yaml")).text();
    expect(text.split("\n")[0]).toBe("# yaml-language-server: $schema=.akc/akc.schema.json");
    expect(text).toContain("scope: local/my-shop #");
    const schema = await Bun.file(join(cwd, ".akc/akc.schema.json")).json();
    expect(Object.keys(schema.properties)).toContain("steps");
    const plan = await akc(["plan"], { cwd });
    expect(plan).toMatchObject({ exit: 0, stderr: "" });
    expect(plan.stdout).toEndWith("5 steps: 5 would run\n");
    expect(existsSync(join(cwd, ".akc/runtime"))).toBe(false);
    const run = await akc(["run", "--runtime-run-id", "first"], { cwd });
    expect(run.exit).toBe(0);
    expect(run.stdout).toContain("\nactions: 5 of 5 succeeded\n");
    expect(run.stderr).toMatch(
      /\nrun first\nnext: .*akc runtime status first\n {6}.*akc runtime report .*first/,
    );
    const status = await akc(["runtime", "status", "first", "-o", "json"], { cwd });
    expect(JSON.parse(status.stdout)).toMatchObject({ outcome: "succeeded", tenant_id: "local" });
  });
});

test("both templates are in their form, build without a warning, and say all that can be said", async () => {
  await inFolder(async (folder) => {
    for (const template of ["steps", "services"]) {
      const made = await akc(["init", template, "--template", template, "-o", "json"], { cwd: folder });
      expect(JSON.parse(made.stdout)).toMatchObject({
        kind: "PlanScaffold",
        files: ["akc.yaml", ".akc/akc.schema.json", ".akc/project.yaml"],
      });
      const path = join(template, "akc.yaml");
      expect(await akc(["bundle", "fmt", "--check", path], { cwd: folder })).toEqual({
        exit: 0,
        stdout: "",
        stderr: "",
      });
      const explained = await akc(["bundle", "explain", path, "-o", "json"], { cwd: folder });
      expect(explained).toMatchObject({ exit: 0, stderr: "" });
    }
  });
});

test("a plan that is there is left alone, as is a project file", async () => {
  await inFolder(async (cwd) => {
    await mkdir(join(cwd, ".akc"));
    await Bun.write(join(cwd, ".akc/project.yaml"), "outputs_root: elsewhere\n");
    expect((await akc(["init"], { cwd })).exit).toBe(0);
    await Bun.write(join(cwd, "akc.yaml"), "mine\n");
    const again = await akc(["init", "-o", "json"], { cwd });
    expect(again.exit).toBe(2);
    expect(JSON.parse(again.stdout)).toMatchObject({ kind: "Error", code: "FILE_EXISTS" });
    expect(await Bun.file(join(cwd, "akc.yaml")).text()).toBe("mine\n");
    expect(await Bun.file(join(cwd, ".akc/project.yaml")).text()).toBe("outputs_root: elsewhere\n");
  });
});

test("names that no scope or file could have are refused before anything is written", async () => {
  await inFolder(async (cwd) => {
    for (const flags of [
      ["--scope", "acme"],
      ["--scope", "a/b/c"],
      ["--scope", "../x"],
      ["--name", "a b"],
    ]) {
      const refused = await akc(["init", ...flags, "x"], { cwd });
      expect(refused).toMatchObject({ exit: 2, stdout: "" });
      expect(refused.stderr).toContain("[USAGE]");
    }
    expect(existsSync(join(cwd, "x"))).toBe(false);
  });
});

test("a folder that cannot be made is refused as what was typed, not as a fault of akc", async () => {
  await inFolder(async (cwd) => {
    await Bun.write(join(cwd, "file"), "mine\n");
    for (const folder of ["a".repeat(300), "file", "file/below"]) {
      const refused = await akc(["init", folder], { cwd });
      expect(refused).toMatchObject({ exit: 2, stdout: "" });
      expect(refused.stderr).toContain("no folder can be made there [USAGE]");
    }
    expect(await readdir(cwd)).toEqual(["file"]);
  });
});

test("a link in a folder that somebody else has filled leads nowhere: nothing is written beyond it", async () => {
  await inFolder(async (folder) => {
    const elsewhere = join(folder, "elsewhere");
    await mkdir(elsewhere);
    const cwd = join(folder, "given");
    await mkdir(cwd);
    await symlink(elsewhere, join(cwd, ".akc"));
    const refused = await akc(["init"], { cwd });
    expect(refused.exit).toBe(2);
    expect(refused.stderr).toContain("[PATH_UNSAFE]");
    await Bun.write(
      join(cwd, "akc.yaml"),
      "version: 1\nscope: acme/shop\nname: release\npolicy: {programs: [sh]}\nsteps: {a: {run: [sh]}}\n",
    );
    for (const words of [["bundle", "build"], ["run"]]) {
      const ended = await akc(words, { cwd });
      expect({ words, exit: ended.exit }).toEqual({ words, exit: 2 });
      expect(ended.stderr).toContain("[PATH_UNSAFE]");
    }
    expect(await readdir(elsewhere)).toEqual([]);
    expect(existsSync(join(cwd, "acme"))).toBe(false);
  });
});
