/**
 * What docs/embedding.md shows works, as shown: each program runs in a folder of its own that knows akc only as a package,
 * passes the type checker, and prints what the page says it prints.
 */
import { afterAll, expect, test } from "bun:test";
import { copyFile, mkdir, mkdtemp, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
const folder = await realpath(await mkdtemp(join(tmpdir(), "akc-embed-")));
afterAll(() => rm(folder, { recursive: true, force: true }));
await mkdir(join(folder, "node_modules"));
await symlink(root, join(folder, "node_modules/akc"));
await copyFile(join(root, "examples/hello/hello.runtime_bundle.json"), join(folder, "hello.json"));

const page = await Bun.file(join(root, "docs/embedding.md")).text();
const programs = [...page.matchAll(/```ts\n(.*?)```.*?```\n(.*?)```/gs)].map((match, index) => ({
  name: `program ${index + 1}`,
  file: join(folder, `program-${index + 1}.ts`),
  source: match[1] ?? "",
  prints: match[2] ?? "",
}));
for (const { file, source } of programs) await Bun.write(file, source);

test("the page shows three programs, the first with at most ten lines", () => {
  expect(programs.length).toBe(3);
  expect(programs[0]?.source.trim().split("\n").length).toBeLessThanOrEqual(10);
});

test.each(programs)("$name prints what the page says", async ({ file, prints }) => {
  const { exit, stdout, stderr } = await ran([process.execPath, file]);
  expect({ exit, stdout, stderr }).toEqual({ exit: 0, stdout: prints, stderr: "" });
});

test("the programs are typed as shown", async () => {
  const config = {
    extends: join(root, "tsconfig.json"),
    files: programs.map(({ file }) => file),
    include: [],
  };
  const options = { typeRoots: [join(root, "node_modules/@types")], preserveSymlinks: false };
  await Bun.write(join(folder, "tsconfig.json"), JSON.stringify({ ...config, compilerOptions: options }));
  const { exit, stdout } = await ran([join(root, "node_modules/.bin/tsc"), "--noEmit", "-p", folder]);
  expect({ exit, stdout }).toEqual({ exit: 0, stdout: "" });
});

async function ran(command: readonly string[]) {
  const child = Bun.spawn([...command], { cwd: folder, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [exit, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { exit, stdout, stderr };
}
