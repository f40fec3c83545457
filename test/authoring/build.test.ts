import { expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { akc, inFolder } from "../e2e/akc.ts";
import { head } from "./compiled.ts";

const plan = `${head}steps:
  build:
    run: {argv: [sh, -s], stdin: {file: steps/build.sh}}
    env: {WORD: made}
    outputs: [site.txt]
  test:
    needs: [build]
    matrix: {word: [made, site]}
    inputs: [build/site.txt]
    run: [grep, -c, "\${{ matrix.word }}", site.txt]
  tell:
    needs: [test]
    run: [echo, "\${{ steps.test-made.outputs.stdout }}"]
policy: {programs: [sh, grep, echo]}
`;

async function inPlan<T>(work: (folder: string) => Promise<T>): Promise<T> {
  return inFolder(async (folder) => {
    await Bun.write(join(folder, "akc.yaml"), plan);
    await Bun.write(join(folder, "steps/build.sh"), 'echo "a site was $WORD" > site.txt\n');
    return work(folder);
  });
}

const place = ".akc/runtime/release.runtime_bundle.json";

test("a plan becomes a bundle where runs look for it, and that bundle runs", async () => {
  await inPlan(async (folder) => {
    const built = await akc(["bundle", "build", "-o", "json"], { cwd: folder });
    expect(built).toMatchObject({ exit: 0, stderr: "" });
    const report = JSON.parse(built.stdout);
    expect(report).toMatchObject({
      kind: "BundleBuild",
      state: "new",
      written: true,
      steps: 4,
      warnings: [],
    });
    const hashed = await akc(["bundle", "hash", place], { cwd: folder });
    expect(hashed.stdout.trim()).toBe(report.sha256);
    const started = await akc(
      ["runtime", "start", "--bundle", place, "--mode", "enforce", "--outputs-root", folder, "-o", "json"],
      { cwd: folder },
    );
    expect(JSON.parse(started.stdout)).toMatchObject({ outcome: "succeeded", counts: { succeeded: 4 } });
  });
});

test("--check writes nothing and says by its exit code whether the bundle is the plan's", async () => {
  await inPlan(async (folder) => {
    const check = () => akc(["bundle", "build", "--check"], { cwd: folder });
    expect((await check()).exit).toBe(1);
    expect(await readdir(folder)).not.toContain(".akc");
    await akc(["bundle", "build"], { cwd: folder });
    expect((await check()).exit).toBe(0);
    // A file that the plan names counts like the plan itself.
    await Bun.write(join(folder, "steps/build.sh"), "echo other > site.txt\n");
    expect((await check()).exit).toBe(1);
    const again = await akc(["bundle", "build", "-o", "json"], { cwd: folder });
    expect(JSON.parse(again.stdout)).toMatchObject({ state: "changed", written: true });
    expect((await check()).exit).toBe(0);
  });
});

test("--stdout, --out and standard input give the same bytes", async () => {
  await inPlan(async (folder) => {
    await akc(["bundle", "build"], { cwd: folder });
    await akc(["bundle", "build", "--out", "elsewhere/x.json"], { cwd: folder });
    const written = await Bun.file(join(folder, place)).text();
    expect(await Bun.file(join(folder, "elsewhere/x.json")).text()).toBe(written);
    const printed = await akc(["bundle", "build", "-", "--stdout"], { cwd: folder, stdin: plan });
    expect(printed.stdout).toBe(written);
  });
});

test("a faulty plan is shown with the lines that are wrong, and nothing is written", async () => {
  await inPlan(async (folder) => {
    await Bun.write(join(folder, "akc.yaml"), plan.replace("[sh, grep, echo]", "[sh, grpe, echo]"));
    const built = await akc(["bundle", "build"], { cwd: folder });
    expect(built.exit).toBe(2);
    expect(built.stderr).toContain("akc.yaml:13:");
    expect(built.stderr).toContain("program-not-listed");
    expect(await readdir(folder)).not.toContain(".akc");
  });
});

test("a step is tried as often as the plan says", async () => {
  await inFolder(async (folder) => {
    const text = `${head}steps:
  never: {run: [sh, -c, "echo x >> n; exit 1"], retries: 0}
  often: {run: [sh, -c, "echo x >> o; test $(wc -l < o) -ge 6"], retries: {max: 5, delay: 1ms, delay_max: 1ms}}
policy: {programs: [sh]}
`;
    await Bun.write(join(folder, "akc.yaml"), text);
    await akc(["bundle", "build"], { cwd: folder });
    const started = await akc(
      ["runtime", "start", "--bundle", place, "--mode", "enforce", "--outputs-root", folder, "-o", "json"],
      { cwd: folder },
    );
    const { runtime_run_id: id, counts } = JSON.parse(started.stdout);
    expect(counts).toMatchObject({ succeeded: 1, failed: 1 });
    const events = JSON.parse(
      (await akc(["runtime", "events", id, "--outputs-root", folder, "-o", "json"])).stdout,
    );
    const retried = JSON.stringify(events).match(/"runtime\.action\.retried"|retried"/g) ?? [];
    expect(retried.length).toBeGreaterThanOrEqual(5);
    const lines = async (name: string) => {
      const found = await Array.fromAsync(new Bun.Glob(`**/${name}`).scan({ cwd: folder, dot: true }));
      return (await Bun.file(join(folder, found[0] ?? "")).text()).trim().split("\n").length;
    };
    expect([await lines("n"), await lines("o")]).toEqual([1, 6]);
  });
});

test("the schema is printed as it is published", async () => {
  const { stdout } = await akc(["bundle", "schema"]);
  expect(stdout).toBe(await Bun.file(new URL("../../docs/akc.schema.json", import.meta.url)).text());
});
