/** `akc runtime report` and `akc runtime graph` as a user meets them, on real runs of the built binary. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bundle, exec, hurried, noop, sh } from "../e2e/bundle.ts";
import { inWorld, type World } from "../e2e/world.ts";

const plan = bundle()
  .step("checkout", sh("echo the sources"))
  .step("lint", sh("echo fine"), "checkout")
  .step("test", hurried(sh("echo api_key=s3cr3tvalue1234 >&2; exit 3")), "checkout")
  .step("scan", exec(["curl", "http://127.0.0.1/"]), "checkout")
  .step("ship", noop, "lint", "test", "scan");

async function started(world: World): Promise<string> {
  const { report } = await world.start(plan);
  return String(report["runtime_run_id"]);
}

test("a report is one page with all of the run and without its secrets, in the file that was named", async () => {
  await inWorld(async (world) => {
    const id = await started(world);
    const path = join(world.side, "report.html");
    const run = ["runtime", "report", "--runtime-run-id", id, "--outputs-root", world.root];
    const made = await world.akc([...run, "-o", path]);
    expect(made.code).toBe(0);
    expect(made.stdout).toStartWith(`${path}  `);
    expect(made.stdout).toContain("5 steps, verified");
    const page = readFileSync(path, "utf8");
    for (const word of ["checkout", "lint", "scan", "ship", "denied", "blocked", "SUBPROCESS_EXIT", id]) {
      expect(page).toContain(word);
    }
    expect(page).not.toContain("s3cr3tvalue1234");
    expect(page).toContain("[redacted]");
    expect(page.match(/<[^>]+\s(src|href)="(?!#)[^"]*"/g)).toBeNull();

    const piped = await world.akc([...run, "--out", "-"]);
    expect(piped.stdout).toStartWith("<!doctype html>");
    const named = await world.akc([...run, "--no-verify", "-o", "json"], { cwd: world.side });
    const told: { path: string; verdict: unknown } = JSON.parse(named.stdout);
    expect(told).toMatchObject({ kind: "RunPage", runtime_run_id: id, steps: 5, verdict: null });
    expect(told.path).toBe(join(world.side, `${id}.html`));
    expect(existsSync(told.path)).toBe(true);
    const wrong = await world.akc([...run, "-o", "jsno"]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain(".html");
  });
});

test("a report of an archive is that of the run", async () => {
  await inWorld(async (world) => {
    const id = await started(world);
    const archive = join(world.side, "run.akcrun");
    await world.akc(["runtime", "export", id, "--to", archive, "--outputs-root", world.root]);
    const of = (args: readonly string[]) =>
      world.akc(["runtime", "report", ...args, "--no-verify", "--out", "-"]);
    const [kept, archived] = await Promise.all([
      of([id, "--outputs-root", world.root]),
      of(["--archive", archive]),
    ]);
    expect(archived.code).toBe(0);
    expect(archived.stdout).toBe(kept.stdout);
  });
});

test("the page of a history that was changed says so, and the exit code too", async () => {
  await inWorld(async (world) => {
    const id = await started(world);
    const database = new Database(join(world.scope, ".akc/runtime/state.sqlite3"));
    database.run("update action set phase = 'succeeded' where phase = 'failed'");
    database.close();
    const path = join(world.side, "report.html");
    const made = await world.akc(["runtime", "report", id, "--outputs-root", world.root, "-o", path]);
    expect(made.code).toBe(1);
    expect(readFileSync(path, "utf8")).toContain("history diverged");
  });
});

test("actions of nodes that no step runs stand in the order of what they need", async () => {
  await inWorld(async (world) => {
    const { report } = await world.start(
      bundle().started("a", noop).started("b", sh("true"), "a").started("c", noop, "a", "b"),
    );
    const id = String(report["runtime_run_id"]);
    const { stdout } = await world.akc(["runtime", "graph", id, "--outputs-root", world.root, "-o", "json"]);
    const data: { nodes: { name: string; layer: number }[]; edges: { from: string; to: string }[] } =
      JSON.parse(stdout);
    expect(data.nodes.map(({ name, layer }) => `${name} ${layer}`)).toEqual(["a 0", "b 1", "c 2"]);
    expect(data.edges.map(({ from, to }) => from + to)).toEqual(["ab", "ac", "bc"]);
  });
});

test("the graph of a run draws each step with its outcome, as wide as it may be", async () => {
  await inWorld(async (world) => {
    const id = await started(world);
    const of = (...args: string[]) =>
      world.akc(["runtime", "graph", id, "--outputs-root", world.root, ...args]);
    const text = await of();
    expect(text.code).toBe(0);
    for (const line of ["✓ checkout", "✗ test", "✗ scan", "– ship", "critical path: checkout → "]) {
      expect(text.stdout).toContain(line);
    }
    for (const line of text.stdout.split("\n").slice(1, -4)) expect(Bun.stringWidth(line)).toBeLessThan(80);
    const dot = await of("--format", "dot");
    expect(dot.stdout).toStartWith("digraph plan {");
    expect(dot.stdout).toContain("test (failed)");
    const mermaid = await of("--format", "mermaid");
    expect(mermaid.stdout).toStartWith("flowchart TD");
    const data: {
      nodes: { name: string; phase: string }[];
      edges: { from: string; to: string }[];
      critical_path: { name: string }[];
    } = JSON.parse((await of("-o", "json")).stdout);
    expect(Object.fromEntries(data.nodes.map(({ name, phase }) => [name, phase]))).toEqual({
      checkout: "succeeded",
      lint: "succeeded",
      scan: "denied",
      ship: "blocked",
      test: "failed",
    });
    expect(data.edges.map(({ from, to }) => `${from} ${to}`).toSorted()).toEqual([
      "checkout lint",
      "checkout scan",
      "checkout test",
      "lint ship",
      "scan ship",
      "test ship",
    ]);
    expect(data.critical_path[0]?.name).toBe("checkout");
    const page = readFileSync(join(import.meta.dir, "../../docs/json-output.md"), "utf8");
    const words = new Set(page.match(/[a-z_0-9]+/g));
    const keys = [
      ...Object.keys(data),
      ...Object.keys(data.nodes[0] ?? {}),
      ...Object.keys(data.critical_path[0] ?? {}),
    ];
    expect(keys.filter((key) => !words.has(key))).toEqual([]);
  });
});
