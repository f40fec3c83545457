/**
 * The whole suite in one command: build, lint, types, tests. Ends with the line `N passed, N failed`.
 * A build, lint or type error counts as a failure, and so does a test file that cannot be loaded.
 *
 * `bun scripts/test.ts [PATH…]` runs only the tests in these paths, after the build.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const bin = join(root, "node_modules/.bin");
/** A test that starts processes on a busy machine is slow, not wrong. */
const testTimeoutMs = 120_000;
/** Most tests wait for processes. Files share a worker's modules as they would share one process'. */
const workers = [`--parallel=${Math.min(4, Math.max(2, availableParallelism()))}`, "--no-isolate"];

interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

// Built with a value that nothing else holds: a test looks for it in the binary.
const env = { ...process.env, AKC_TEST_BUILD_MARKER: `marker-${crypto.randomUUID()}` };
const paths = process.argv.slice(2);
const build = [process.execPath, join(root, "scripts/build.ts")];
const tallies: Tally[] = [
  await check("build", build),
  await check("build with failpoints", [...build, "--failpoints"]),
];
if (paths.length === 0) {
  tallies.push(await check("lint", [join(bin, "biome"), "check", "--error-on-warnings", "."]));
  tallies.push(await check("types", [join(bin, "tsc"), "--noEmit"]));
}
tallies.push(await tests(paths));

const passed = sum((tally) => tally.passed);
const failed = sum((tally) => tally.failed);
const skipped = sum((tally) => tally.skipped);
if (skipped > 0) console.log(`\n${skipped} skipped: see "skip" above for what is missing on this machine`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

async function check(name: string, command: readonly string[]): Promise<Tally> {
  const exit = await run(name, command);
  console.log(`${exit === 0 ? "ok" : "FAILED"}  ${name}`);
  return exit === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
}

/** Counts from the JUnit file, whose form is stable; the summary that people read is not. */
async function tests(paths: readonly string[]): Promise<Tally> {
  const folder = await mkdtemp(join(tmpdir(), "akc-test-"));
  try {
    const outfile = join(folder, "junit.xml");
    const reporter = ["--reporter=junit", `--reporter-outfile=${outfile}`];
    const timeout = `--timeout=${testTimeoutMs}`;
    const exit = await run("test", [process.execPath, "test", timeout, ...workers, ...reporter, ...paths]);
    const report = Bun.file(outfile);
    const tally = (await report.exists()) ? tallyOf(await report.text()) : undefined;
    if (tally === undefined || tally.passed + tally.failed === 0) return { passed: 0, failed: 1, skipped: 0 };
    // An error outside of every test (a file that does not load) is in the exit code only.
    return exit !== 0 && tally.failed === 0 ? { ...tally, failed: 1 } : tally;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function tallyOf(junit: string): Tally | undefined {
  const head = /<testsuites\b[^>]*>/.exec(junit)?.[0];
  if (head === undefined) return undefined;
  const count = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const failed = count("failures") + count("errors");
  const skipped = count("skipped");
  return { passed: count("tests") - failed - skipped, failed, skipped };
}

async function run(name: string, command: readonly string[]): Promise<number> {
  console.log(`\n== ${name}`);
  const child = Bun.spawn([...command], {
    cwd: root,
    env,
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  });
  return child.exited;
}

function sum(part: (tally: Tally) => number): number {
  return tallies.reduce((total, tally) => total + part(tally), 0);
}
