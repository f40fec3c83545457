/** `akc run` and the commands around plans, from the built binary. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { limits } from "../../../src/limits.ts";
import { akc, inFolder, onTerminal, root, shell } from "../../e2e/akc.ts";

const plan = `version: 1
scope: acme/shop
name: small
steps:
  first: {run: [echo, one]}
  pause: {needs: [first], wait: {for: 3s}}
policy: {programs: [echo]}
`;

test("a run goes on with the bundle that it began with, though its plan was edited", async () => {
  await inFolder(async (cwd) => {
    await Bun.write(join(cwd, "akc.yaml"), plan);
    const cut = await akc(["run", "--runtime-run-id", "r", "--deadline", "1s", "-q", "-o", "json"], { cwd });
    expect(JSON.parse(cut.stdout)).toMatchObject({ outcome: "exhausted", counts: { succeeded: 1 } });
    await Bun.write(join(cwd, "akc.yaml"), plan.replace("one", "two"));
    const other = await akc(["run", "--runtime-run-id", "s", "--deadline", "1s", "-q"], { cwd });
    expect(other.exit).toBe(1);
    const resumed = await akc(["runtime", "resume", "r", "--deadline", "1m", "-q", "-o", "json"], { cwd });
    expect(JSON.parse(resumed.stdout)).toMatchObject({ outcome: "succeeded", runtime_run_id: "r" });
    // The run's own bundle is still there to be compared with.
    const differs = await akc(["bundle", "diff", "r", "akc.yaml"], { cwd });
    expect(differs.exit).toBe(1);
    expect(differs.stdout).toContain('["echo","one"] → ["echo","two"]');
    expect((await akc(["bundle", "diff", "nobody", "akc.yaml"], { cwd })).stderr).toContain(
      "[RUN_NOT_FOUND]",
    );
  });
}, 60_000);

test("called from elsewhere, the runs of a plan are still kept where its own project file says", async () => {
  await inFolder(async (cwd) => {
    await mkdir(join(cwd, "deep/.akc"), { recursive: true });
    await Bun.write(join(cwd, "deep/.akc/project.yaml"), "outputs_root: kept\n");
    await Bun.write(join(cwd, "deep/akc.yaml"), plan.replace(/ {2}pause.*\n/, ""));
    const run = await akc(["run", "deep/akc.yaml", "--runtime-run-id", "r"], { cwd });
    expect(run.exit).toBe(0);
    expect(existsSync(join(cwd, "deep/kept/acme/shop"))).toBe(true);
    // The command that is printed works as it is printed.
    const [, next = ""] = /^next: .*?akc (runtime status .*)$/m.exec(run.stderr) ?? [];
    expect((await shell(`"$AKC" ${next}`, { cwd })).stdout).toContain("standing: succeeded");
  });
});

test("a bundle is run and foreseen like a plan; simulate changes nothing", async () => {
  await inFolder(async (cwd) => {
    const bundle = join(root, "examples/hello/hello.runtime_bundle.json");
    const env = { AKC_OUTPUTS_ROOT: join(cwd, "out") };
    expect((await akc(["plan", bundle], { cwd, env })).exit).toBe(0);
    const run = await akc(["run", bundle, "--mode", "simulate", "-o", "json"], { cwd, env });
    expect(run.exit).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({ mode: "simulate", bundle_path: bundle });
  });
});

test("on a terminal a run is pictured while it goes", async () => {
  await inFolder(async (cwd) => {
    await Bun.write(join(cwd, "akc.yaml"), plan.replace(/ {2}pause.*\n/, ""));
    const { exit, screen } = await onTerminal(["run"], { cwd, columns: 50 });
    expect(exit).toBe(0);
    expect(screen).toContain("first");
    expect(screen).toMatch(/next: .*runtime status/);
  });
});

test("formatting: in place, by standard input, and only looked at; all files are read before one is written", async () => {
  await inFolder(async (cwd) => {
    await Bun.write(join(cwd, "a.yaml"), plan);
    await Bun.write(join(cwd, "b.yaml"), "steps: [\n");
    const faulty = await akc(["bundle", "fmt", "a.yaml", "b.yaml"], { cwd });
    expect(faulty.exit).toBe(2);
    expect(faulty.stderr).toContain("b.yaml:");
    expect(await Bun.file(join(cwd, "a.yaml")).text()).toBe(plan);
    const look = await akc(["bundle", "fmt", "--check", "a.yaml"], { cwd });
    expect(look).toMatchObject({ exit: 1, stdout: "a.yaml\n" });
    const piped = await akc(["bundle", "fmt", "-"], { cwd, stdin: plan });
    await Bun.write(join(cwd, "akc.yaml"), plan);
    expect(await akc(["bundle", "fmt"], { cwd })).toMatchObject({ exit: 0, stdout: "akc.yaml\n" });
    expect(await Bun.file(join(cwd, "akc.yaml")).text()).toBe(piped.stdout);
    expect(await akc(["bundle", "fmt", "a.yaml"], { cwd })).toMatchObject({ exit: 0, stdout: "a.yaml\n" });
    expect(await Bun.file(join(cwd, "a.yaml")).text()).toBe(piped.stdout);
    expect(await akc(["bundle", "fmt", "--check", "a.yaml"], { cwd })).toMatchObject({ exit: 0, stdout: "" });
    await Bun.write(join(cwd, "c.json"), '{"schema_version":4,"b":1.0,"a":"é"}');
    expect((await akc(["bundle", "fmt", "c.json"], { cwd })).exit).toBe(0);
    const formed = '{\n  "a": "\\u00e9",\n  "b": 1.0,\n  "schema_version": 4\n}\n';
    expect(await Bun.file(join(cwd, "c.json")).text()).toBe(formed);
  });
});

test("a plan of more than a mebibyte is formatted in place", async () => {
  await inFolder(async (cwd) => {
    const note = `# ${"long ".repeat(limits.yamlTextBytesMax / 4)}end\n`;
    await Bun.write(join(cwd, "akc.yaml"), `${note}${plan}`);
    expect(await akc(["bundle", "fmt"], { cwd })).toMatchObject({ exit: 0, stdout: "akc.yaml\n" });
    expect(await Bun.file(join(cwd, "akc.yaml")).text()).toStartWith(note);
  });
});

test("a difference says first what is wider, by its exit code whether there is one, and in colour on a terminal alone", async () => {
  await inFolder(async (cwd) => {
    await Bun.write(join(cwd, "a.yaml"), plan);
    await Bun.write(join(cwd, "b.yaml"), plan.replace("[echo]}", "[echo, curl]}"));
    const { exit, stdout } = await akc(["bundle", "diff", "a.yaml", "b.yaml"], { cwd });
    expect(exit).toBe(1);
    expect(stdout).toContain("WIDER: 1 right that it did not have before\n  ! policy: programs + curl\n");
    const same = await akc(["bundle", "diff", "a.yaml", "a.yaml", "-o", "json"], { cwd });
    expect(same.exit).toBe(0);
    expect(JSON.parse(same.stdout)).toMatchObject({ kind: "BundleDifference", same: true, changes: [] });
    const seen = await onTerminal(["bundle", "diff", "a.yaml", "b.yaml"], { cwd, columns: 30 });
    expect(seen.screen).toContain(String.fromCharCode(27));
  });
});
