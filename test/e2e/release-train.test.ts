/** The release train of `examples/`, run with the built binary; what it leaves in the world is judged without its tools. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { edges, stepsOf, variants } from "../../examples/release-train/graph.ts";
import { committedFiles } from "../../examples/release-train/make-bundle.ts";
import { prepare, type WorkingCopy } from "../../examples/release-train/prepare.ts";
import { type Registry, startRegistry } from "../../examples/release-train/registry.ts";
import { judgeReport } from "../../examples/release-train/report.ts";
import { strongestContainment } from "../../src/system/sandbox.ts";
// Fails the whole file, loudly, when dist/akc is not there.
import { akc, root } from "./akc.ts";

let folder: string;
let registry: Registry;
let copy: WorkingCopy;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "akc-release-train-"));
  registry = startRegistry(0);
  copy = await prepare(folder, registry.origin);
});

afterAll(async () => {
  await registry.stop();
  await rm(folder, { recursive: true, force: true });
});

test("the committed bundles are what the script makes, byte for byte", async () => {
  const committed = committedFiles();
  expect(committed.size).toBe(4);
  for (const [name, text] of committed) {
    expect(await Bun.file(join(root, "examples/release-train/bundles", name)).text()).toBe(text);
  }
});

test("the train has at least 12 steps over several roles, with fork, join and handoff", () => {
  for (const variant of variants) {
    const steps = stepsOf(variant);
    expect(steps.length).toBeGreaterThanOrEqual(12);
    expect(new Set(steps.map(({ role }) => role)).size).toBeGreaterThanOrEqual(2);
  }
  expect(new Set(edges().map(({ kind }) => kind))).toEqual(
    new Set(["depends_on", "parallel", "barrier", "handoff"]),
  );
});

test("a release goes out: archived, checked, registered, signed, verified, published", async () => {
  const run = await start(copy.bundles.release);
  expect({ exit: run.exit, outcome: run.report.outcome }).toEqual({ exit: 0, outcome: "succeeded" });
  expect(run.report.counts).toMatchObject({ total: 16, succeeded: 16, without_effect: 0, retried: 0 });

  const archive = await Bun.file(join(run.scopeDir, "roles/packer/scratch/release.tar")).bytes();
  const report = await Bun.file(join(run.scopeDir, "roles/releaser/scratch/release-report.txt")).text();
  const judged = judgeReport(report, archive, copy.key);
  expect(judged).toMatchObject({ sha256Holds: true, signatureHolds: true });
  expect(Object.fromEntries(judged.facts)).toMatchObject({
    release: "tally 1.4.0",
    number: "1",
    bytes: String(archive.length),
  });
  for (const check of ["licence", "style", "syntax", "words"])
    expect(report).toMatch(new RegExp(`^  ${check} +ok, `, "m"));
  expect(report).toMatch(/^ {2}tests +6 passed, 0 failed$/m);
  expect(registry.releases()).toEqual([{ number: 1, name: "tally", version: "1.4.0", published: true }]);

  // Another report, another archive or another key must not pass.
  expect(judgeReport(report.replace("1.4.0", "1.4.1"), archive, copy.key).signatureHolds).toBe(false);
  expect(judgeReport(report, archive.subarray(1), copy.key).sha256Holds).toBe(false);
  expect(judgeReport(report, archive, "00".repeat(32)).signatureHolds).toBe(false);
});

test("the archive holds the sources as they are, and is the same whenever it is made", async () => {
  const first = await start(copy.bundles.release);
  const second = await start(copy.bundles.release);
  const tar = (dir: string) => join(dir, "roles/packer/scratch/release.tar");
  const bytes = await Bun.file(tar(first.scopeDir)).bytes();
  expect(Buffer.compare(bytes, await Bun.file(tar(second.scopeDir)).bytes())).toBe(0);
  for (const name of ["VERSION", "bin/tally", "lib/sum.awk", "tests/march.csv"]) {
    const packed = Bun.spawnSync(["tar", "-xOf", tar(first.scopeDir), `./${name}`]).stdout;
    const source = await Bun.file(join(root, "examples/release-train/source", name)).bytes();
    expect(Buffer.compare(packed, source)).toBe(0);
  }
});

test("a bad update stops before the registry hears of it, and a busy registry only costs a retry", async () => {
  const before = { releases: registry.releases().length, requests: registry.requests().length };
  registry.beBusy(1);
  const run = await start(copy.bundles.regression);
  expect({ exit: run.exit, outcome: run.report.outcome }).toEqual({ exit: 1, outcome: "failed" });
  // The registry's one retry succeeded; the tests' two did not help.
  expect(run.report.counts).toMatchObject({ total: 16, succeeded: 9, failed: 1, blocked: 6, retried: 3 });

  expect(run.stderr).toMatch(/^failed +tests {2}/m);
  const blocked = [...run.stderr.matchAll(/^blocked +(\S+)/gm)].map(([, id]) => id);
  expect(blocked.toSorted()).toEqual(["checks", "publish", "register", "report", "sign", "verify"]);
  expect(run.stderr).toContain("blocked    checks  by tests");

  const dead = run.events.filter(({ event_type }) => event_type === "runtime.action.dead_lettered");
  expect(dead.map(({ payload }) => [payload.graph_step_id, payload.attempt])).toEqual([["tests", 3]]);
  expect(dead[0]?.payload.result?.outputs?.stdout).toContain("FAILED  keeps the cents");

  // The same request, known by its key, and nothing else was asked of the registry.
  const asked = registry.requests().slice(before.requests);
  expect(asked.map(({ line, status }) => `${line} ${status}`)).toEqual([
    "GET /health 503",
    "GET /health 200",
  ]);
  expect(new Set(asked.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
  expect(registry.releases().length).toBe(before.releases);
  expect(existsSync(join(run.scopeDir, "roles/releaser/scratch/release-report.txt"))).toBe(false);
});

test("both ways a run ends, its evidence is there and can be read", async () => {
  for (const bundle of Object.values(copy.bundles)) {
    const { scopeDir } = await start(bundle);
    for (const name of ["runtime_run", "events", "runtime_evidence", "policy_decisions", "checkpoint"]) {
      expect(await Bun.file(join(scopeDir, `${name}.json`)).json()).toBeTruthy();
    }
    const audit = await Bun.file(join(scopeDir, "evidence/coordination_audit.jsonl")).text();
    const steps = new Set(
      audit
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).graph_step_id),
    );
    expect(steps).toContain("archive");
    expect(steps).toContain("tests");
  }
});

const contained = strongestContainment() === "landlock";
test.skipIf(!contained)(
  "only the releaser can read the key, even when a check's script asks for it by its path",
  async () => {
    const thief = await mkdtemp(join(folder, "thief-"));
    const other = await prepare(thief, registry.origin);
    const path = other.bundles.release;
    const bundle = await Bun.file(path).json();
    const node = bundle.referenced_ir_nodes.find(({ id }: { id: string }) => id === "node-words");
    node.properties.runtime_execution.subprocess.stdin = `cat '${other.repoRoot}/keys/release.key'\n`;
    await Bun.write(path, JSON.stringify(bundle));
    const run = await start(path, thief);
    expect(run.exit).toBe(1);
    expect(await Bun.file(join(other.repoRoot, "keys/release.key")).text()).toBe(`${other.key}\n`);
    const dead = run.events.find(({ event_type }) => event_type === "runtime.action.dead_lettered");
    expect(dead?.payload.graph_step_id).toBe("words");
    expect(dead?.payload.result?.outputs?.stderr).toContain("Permission denied");
    expect(JSON.stringify(run.events)).not.toContain(other.key);
  },
);

interface SeenEvent {
  readonly event_type: string;
  readonly payload: {
    readonly graph_step_id?: string;
    readonly attempt?: number;
    readonly result?: { readonly outputs?: { readonly stdout?: string; readonly stderr?: string } };
  };
}

/** From an empty directory, as somebody who has only the binary. */
async function start(bundle: string, outputsRoot = folder) {
  const cwd = await mkdtemp(join(folder, "elsewhere-"));
  const args = ["--bundle", bundle, "--mode", "enforce", "--outputs-root", outputsRoot, "-o", "json"];
  const { exit, stdout, stderr } = await akc(["runtime", "start", ...args], { cwd });
  const report = JSON.parse(stdout);
  const scopeDir: string = report.scope_dir;
  const events: SeenEvent[] = await Bun.file(join(scopeDir, "events.json")).json();
  return { exit, stderr, report, scopeDir, events };
}
