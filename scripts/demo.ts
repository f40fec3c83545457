/**
 * Builds akc and shows it at work on `examples/release-train`: what the bundle may do, a release that goes out, and an
 * update that must not. Exits with 0 only if all of it went as it should.
 */
import { mkdir, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { prepare } from "../examples/release-train/prepare.ts";
import { type Registry, startRegistry } from "../examples/release-train/registry.ts";
import { judgeReport } from "../examples/release-train/report.ts";
import { build } from "./build.ts";

const root = join(import.meta.dir, "..");
const outputs = join(root, "dist/release-train");
const unmet: string[] = [];

await mkdir(join(root, "dist"), { recursive: true });
await build({ outfile: join(root, "dist/akc") });
// A copy of its own, made anew: the example's folder stays as it is.
await rm(outputs, { recursive: true, force: true });
const registry = openRegistry();
try {
  await show(registry);
} finally {
  await registry.stop();
}
for (const what of unmet) console.log(`NOT AS EXPECTED: ${what}`);
if (unmet.length === 0) console.log("\n── All of it went as it should.");
process.exit(unmet.length === 0 ? 0 : 1);

async function show(registry: Registry): Promise<void> {
  const { repoRoot, bundles, key } = await prepare(outputs, registry.origin);
  title(`The registry listens on ${registry.origin}. What would the bundle be allowed to do?`);
  expectExit(0, await akc("bundle", "inspect", shown(bundles.release), "--mode", "enforce"));

  title("In which order?");
  const plan = ["runtime", "coordination-plan", "--bundle", shown(bundles.release), "--format", "tree"];
  expectExit(0, await akc(...plan));

  title("Do it.");
  expectExit(0, await akc("runtime", "start", "--bundle", shown(bundles.release), "--mode", "enforce"));
  await showReport(repoRoot, key);
  expect("the registry has published 1.4.0", isPublished(registry, "1.4.0"));

  title(
    "An update that drops cents must not go out. The registry is busy at first, which only costs a retry.",
  );
  registry.beBusy(1);
  expectExit(1, await akc("runtime", "start", "--bundle", shown(bundles.regression), "--mode", "enforce"));
  const health = registry.requests().filter(({ line }) => line === "GET /health");
  expect("the registry was asked again", health.map(({ status }) => status).join() === "200,503,200");
  expect("the registry has never heard of 1.5.0", registry.releases().length === 1);
  await showWords(repoRoot);

  title("What has been run?");
  expectExit(0, await akc("runtime", "list", "--outputs-root", shown(outputs)));
}

/** Prints the report of the one run that made one, and checks it without the tools that wrote it. */
async function showReport(repoRoot: string, key: string): Promise<void> {
  const runs = join(repoRoot, ".akc/runtime/tally-1.4.0");
  const find = (name: string) => [...new Bun.Glob(`*/roles/*/scratch/${name}`).scanSync({ cwd: runs })][0];
  const report = find("release-report.txt");
  const archive = find("release.tar");
  if (report === undefined || archive === undefined) {
    expect("there is a report and an archive", false);
    return;
  }
  title(`The report: ${shown(join(runs, report))}`);
  const text = await Bun.file(join(runs, report)).text();
  console.log(text.trimEnd());
  const judged = judgeReport(text, await Bun.file(join(runs, archive)).bytes(), key);
  expect("the report names the archive's checksum", judged.sha256Holds);
  expect("the report's signature holds", judged.signatureHolds);
}

/** What the step that failed had to say, out of the run's events. */
async function showWords(repoRoot: string): Promise<void> {
  const runs = join(repoRoot, ".akc/runtime/tally-1.5.0");
  const path = [...new Bun.Glob("*/events.json").scanSync({ cwd: runs })][0];
  const events: FailedEvent[] = path === undefined ? [] : await Bun.file(join(runs, path)).json();
  const dead = events.filter(({ event_type }) => event_type === "runtime.action.dead_lettered");
  expect("the tests failed, and nothing else did", dead.map(stepOf).join() === "tests");
  title("What the tests said:");
  for (const { payload } of dead) console.log(payload.result?.outputs?.stdout?.trimEnd() ?? "");
}

interface FailedEvent {
  readonly event_type: string;
  readonly payload: {
    readonly graph_step_id?: string;
    readonly result?: { readonly outputs?: { readonly stdout?: string } };
  };
}

function stepOf({ payload }: FailedEvent): string {
  return payload.graph_step_id ?? "";
}

function openRegistry(): Registry {
  try {
    return startRegistry(4870);
  } catch {
    // Somebody else has the port; the bundle is then made for another one.
    return startRegistry(0);
  }
}

function isPublished(registry: Registry, version: string): boolean {
  return registry.releases().some((release) => release.version === version && release.published);
}

async function akc(...args: readonly string[]): Promise<number> {
  console.log(`$ dist/akc ${args.join(" ")}\n`);
  const child = Bun.spawn([join(root, "dist/akc"), ...args], {
    cwd: root,
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  });
  return child.exited;
}

function title(text: string): void {
  console.log(`\n── ${text}`);
}

function shown(path: string): string {
  return relative(root, path);
}

function expectExit(wanted: number, exit: number): void {
  expect(`exit code ${wanted}, not ${exit}`, exit === wanted);
}

function expect(what: string, holds: boolean): void {
  if (!holds) unmet.push(what);
}
