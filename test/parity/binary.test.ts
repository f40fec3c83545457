/** The same runs through the binary, as a user starts them: what it prints and what it leaves are what the library leaves. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { akc } from "../e2e/akc.ts";
import { at, coordinated, example, type Layout, leftIn, type Placed, placed, types } from "./started.ts";

test("the smallest bundle ends terminal with exit 0, and `status` tells the same", async () => {
  const layout = await example("a");
  using place = await placed(layout);
  const { exit, report, left } = await startedByHand(layout, place);
  expect(exit).toBe(0);
  expect(report).toMatchObject({ kind: "RunReport", outcome: "succeeded", status: "terminal", exit_code: 0 });
  expect(left.record).toMatchObject({
    status: "terminal",
    terminal_health_status: "healthy",
    started_at_ms: at(report, "started_at_ms"),
    finished_at_ms: at(report, "finished_at_ms"),
  });
  const { stdout } = await akc(["runtime", "status", "rt-1", "--outputs-root", place.root, "-o", "json"]);
  expect(JSON.parse(stdout)).toMatchObject({ status: "terminal", health: "healthy", runtime_run_id: "rt-1" });
});

test("a bundle that deploys a service converges, and in simulate does not", async () => {
  const layout = await example("b");
  for (const [mode, converged, health] of [
    ["enforce", true, "healthy"],
    ["simulate", false, "unknown"],
  ] as const) {
    using place = await placed(layout);
    const { exit, left } = await startedByHand(layout, place, mode);
    expect(exit).toBe(0);
    expect(left.record).toMatchObject({
      status: "idle",
      reconcile_all_converged: converged,
      terminal_health_status: health,
    });
  }
});

test("the worked coordination bundle runs to its last layer, in parallel and one by one", async () => {
  for (const dispatch of ["parallel", "sequential"] as const) {
    const layout = await coordinated(dispatch);
    using place = await placed(layout);
    const { exit, report, left } = await startedByHand(layout, place);
    expect(exit).toBe(0);
    expect(report).toMatchObject({ status: "terminal", counts: { total: 6, succeeded: 6 } });
    expect(left.audit.length).toBe(6);
    expect(types(left.events).at(0)).toBe("runtime.coordination.plan_enqueued");
    expect(left.audit[0]).toMatchObject({
      graph_step_id: "intake",
      idempotency_key: "842e311b9143e70fb8c83cf9a573cc38f1b8dc97e1f3e0c7e9921f8ce080b282",
      input_sha256: "a1f00426e8563aab1873257aa147496b7bc197f125cb58d24d835201e6db3b42",
    });
  }
});

test("the same id is run once: the second start is refused and changes nothing", async () => {
  const layout = await example("a");
  using place = await placed(layout);
  const { left } = await startedByHand(layout, place);
  const again = await start(place, "enforce");
  expect(again.exit).toBe(5);
  expect(JSON.parse(again.stdout)).toMatchObject({ kind: "Error", code: "RUN_EXISTS" });
  expect(leftBy(layout, place)).toEqual(left);
});

async function startedByHand(layout: Layout, place: Placed, mode = "enforce") {
  const { exit, stdout } = await start(place, mode);
  const report: unknown = JSON.parse(stdout);
  return { exit, report, left: leftBy(layout, place) };
}

function start({ bundlePath }: Placed, mode: string) {
  return akc(
    ["runtime", "start", "--bundle", bundlePath, "--mode", mode, "--runtime-run-id", "rt-1"].concat(
      "-o",
      "json",
    ),
  );
}

function leftBy({ runId }: Layout, { scopeRoot }: Placed) {
  const folder = join(scopeRoot, ".akc/runtime", runId, "rt-1");
  return leftIn(folder, join(scopeRoot, `.akc/run/${runId}.otel.jsonl`));
}
