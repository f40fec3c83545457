/** What people read of runs that are judged: while systems are asked, when it is over, and at night, when somebody wants to know why. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTerminal } from "./akc.ts";
import { atMost, criterion, idOf, judged, metricsSystem, promql, registry, start, verify } from "./judged.ts";
import { deploying, health, inShop, standing } from "./services.ts";
import { inWorld, type World } from "./world.ts";

setDefaultTimeout(60_000);

/** A system that says 7 and nothing of `unknown`. */
async function withMetrics(work: (world: World, url: string) => Promise<void>): Promise<void> {
  const metrics = metricsSystem((query) => (query === "unknown" ? undefined : 7));
  try {
    await inWorld((world) => work(world, metrics.url));
  } finally {
    await metrics.stop();
  }
}

/** A server that takes requests and never answers. */
async function withSilent(work: (url: string, asked: Promise<void>) => Promise<void>): Promise<void> {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 60,
    fetch: () => {
      resolve();
      return new Promise<Response>(() => undefined);
    },
  });
  try {
    await work(`http://127.0.0.1:${server.port}/api/v1/query`, asked);
  } finally {
    await server.stop(true);
  }
}

/** What stands on the screen in the end, below what was drawn over. */
function lastDrawn(screen: string): string {
  const erase = "\u001b[0J";
  const at = screen.lastIndexOf(erase);
  return at < 0 ? screen : screen.slice(at + erase.length);
}

const few = judged(criterion("few-errors", atMost(5, "slo.errors")));

test("status, list and events say how a run was judged, by whom, and where the report is", () =>
  withMetrics(async (world, url) => {
    const run = await start(world, few, { "slo.errors": promql(url, "errors") });
    const id = idOf(run);
    const report = join(world.runFolder(id), "operational_validity_report.json");
    const why =
      "few-errors (threshold_signal:akc_observability_query_result:summary.value): slo.errors: 7 is not lte 5";

    const status = await world.akc(["runtime", "status", id, "--outputs-root", world.root]);
    expect(status.stdout).toContain(`validity: fail\n  ${why}\nvalidity_report_path: ${report}\n`);
    expect(status.stderr).toMatch(new RegExp(`^hint: \`\\S+ verify .*${id} .*\` shows what was seen\\.\n$`));
    const data = await world.ask("runtime", "status", id);
    expect(data.report["validity"]).toEqual({
      verdict: "fail",
      passed: false,
      failures: [why],
      report_path: report,
      judged_at_ms: expect.any(Number),
    });

    const listed = await world.akc(["runtime", "list", "--outputs-root", world.root]);
    expect(listed.stdout).toMatch(/^RUN .* STANDING +VALIDITY +STARTED/m);
    expect(listed.stdout).toMatch(/ failed +fail +20/);
    expect((await world.status())["validity"]).toEqual({ verdict: "fail", passed: false });

    const events = await world.akc(["runtime", "events", id, "--outputs-root", world.root, "-o", "text"]);
    expect(events.stdout).toMatch(/runtime\.validation\.observed +slo\.errors {2}pass: 7\n/);
    expect(events.stdout).toMatch(/runtime\.operational_validity\.attested +fail\n/);
  }));

test("where no run was judged, a list has no column for it, and a status says nothing", () =>
  inWorld(async (world) => {
    const run = await world.start(judged());
    expect(run.code).toBe(0);
    const listed = await world.akc(["runtime", "list", "--outputs-root", world.root]);
    expect(listed.stdout).not.toContain("VALIDITY");
    const status = await world.ask("runtime", "status", idOf(run));
    expect(status.report["validity"]).toBeNull();
  }));

test("the command that is named next shows what was expected and seen, and tells a bad run from an untrue one", () =>
  withMetrics(async (world, url) => {
    const run = await start(world, few, { "slo.errors": promql(url, "errors") });
    const [, next = ""] = /hint: `(\S+ verify [^`]+)` shows what was expected/.exec(run.stderr) ?? [];
    const shown = await world.shell(next);
    expect(shown.stdout).toContain("saw 7, expected lte 5");
    expect(shown.stdout).toMatch(/^ {2}✓ slo\.errors {2}promql_query {2}pass {2}7$/m);
    expect(shown.stderr).toContain("error: the run does not meet its operational criteria [VALIDITY_FAILED]");

    const evidence = join(world.runFolder(idOf(run)), "runtime_evidence.json");
    writeFileSync(evidence, (await Bun.file(evidence).text()).replace('"value": 7', '"value": 3'));
    const untrue = await verify(world, "--runtime-run-id", idOf(run));
    expect(untrue.stderr).toContain("error: what the run says about its validity does not hold");
  }));

test("who cannot be judged is told how to ask again, and that command asks", () =>
  withMetrics(async (world, url) => {
    const run = await start(world, few, { "slo.errors": promql(url, "unknown") });
    expect(run.code).toBe(4);
    const [, next = ""] =
      /hint: `(\S+ verify [^`]+--execute-validators[^`]*)` asks again/.exec(run.stderr) ?? [];
    await registry(world, { "slo.errors": promql(url, "errors now") });
    expect((await world.shell(next)).stdout).toContain("saw 7, expected lte 5");
  }));

test("in a log each answer is a line, and what is waited for is told before it comes", () =>
  withMetrics(async (world, url) => {
    const bundle = judged(
      criterion("few-errors", atMost(5, "slo.errors")),
      criterion("few-panics", atMost(5, "slo.panics")),
    );
    const run = await start(world, bundle, {
      "slo.errors": promql(url, "errors"),
      "slo.panics": promql(url, "unknown"),
    });
    expect(run.stderr).toContain("asking     slo.errors, slo.panics\n");
    expect(run.stderr).toMatch(/^pass {7}slo\.errors {2}7$/m);
    expect(run.stderr).toMatch(/^inconclusive {2}slo\.panics {2}no data: there are no series$/m);
  }));

test("that nobody can be asked is told before the work, and not only when it is done", () =>
  inWorld(async (world) => {
    const none = await world.start(few);
    expect(none.stderr).toMatch(
      /^warning: the criteria ask for slo\.errors, and nobody can be asked: there is no registry of validator bindings; /,
    );
    const other = await start(world, few, { "slo.error": { kind: "command", argv: ["true"] } });
    expect(other.stderr).toMatch(/^warning: .* slo\.errors, .*: not in \S+\/bindings\.json\n/);
    const found = await start(world, few, { "slo.errors": { kind: "command", argv: ["true"] } });
    expect(found.stderr).not.toContain("warning:");
    expect((await world.start(few, "--mode", "simulate")).stderr).not.toContain("warning:");
  }));

test("on a terminal it is shown who has not answered, and nothing of that is left in the end", () =>
  withSilent((url) =>
    inWorld(async (world) => {
      const bindings = await registry(world, { "slo.errors": promql(url, "errors", { timeout_ms: 1_500 }) });
      const asked = ["--validator-bindings", bindings];
      const bundle = ["--bundle", await world.place(few), "--mode", "enforce", ...asked];
      for (const command of [
        ["runtime", "start", ...bundle],
        ["validate", "run", ...asked],
      ]) {
        const { screen } = await onTerminal(command, { columns: 60 });
        expect(screen).toMatch(/^asking slo\.errors(?: · [\d.]+ m?s)?\r?$/m);
        expect(screen).toContain("the server did not answer in time");
        expect(lastDrawn(screen)).not.toContain("asking");
      }
    }),
  ));

test("a signal ends asking by hand at once, and what was answered until then is shown", () =>
  withSilent((silent, asked) =>
    withMetrics(async (world, url) => {
      const path = await registry(world, {
        "slo.answers": promql(url, "errors"),
        "slo.silent": promql(silent, "errors"),
      });
      const live = world.live(["validate", "run", "--validator-bindings", path]);
      await asked;
      // Time for the other one's answer, which both were asked for together.
      await Bun.sleep(1_000);
      live.kill("SIGINT");
      const ran = await live.ended;
      expect(ran.code).toBe(130);
      expect(ran.stdout).toMatch(/^slo\.answers +promql_query +pass +7 +\d+$/m);
      expect(ran.stdout).toMatch(/^slo\.silent +promql_query +error +cancelled +\d+$/m);
      expect(ran.stderr).toBe("SIGINT: stopping; once more ends at once\n");
    }),
  ));

test.each([60, 40])(
  "on a terminal of %i columns the reasons of verdicts are whole, and no line of the table wraps",
  (columns) =>
    withMetrics(async (world, url) => {
      const path = await registry(world, {
        "slo.answers": promql(url, "errors"),
        "slo.gone": { kind: "command", argv: ["no-such-program"] },
        "slo.unknown": promql(url, "unknown"),
      });
      const { screen } = await onTerminal(["validate", "run", "--validator-bindings", path], {
        columns,
        env: { NO_COLOR: "1" },
      });
      const lines = lastDrawn(screen).split(/\r?\n/);
      const table = lines.slice(
        lines.findIndex((line) => line.startsWith("BINDING")),
        lines.indexOf("", 1),
      );
      expect(Math.max(...table.map((line) => Bun.stringWidth(line)))).toBeLessThanOrEqual(columns);
      expect(table.join("\n")).toMatch(/slo\.gone +(?:command +)?error +tool_missing/);
      expect(screen).not.toContain("…");
      expect(lines).toContain("3 bindings: 1 error, 1 inconclusive, 1 pass");
    }),
);

test("`runtime reconcile` says how the run is judged now, and what is not met is no success", () =>
  withMetrics(async (world, url) =>
    inShop(async (shop) => {
      const summary = {
        count: 1,
        evaluation_modes: ["operational_spec"],
        criteria: [criterion("few-errors", atMost(5, "slo.errors"))],
      };
      const bundle = await shop.write(
        "v1",
        deploying([standing("web", 1)], {
          layer_replacement_mode: "full",
          intent_policy_projection: { success_criteria_summary: summary },
        }),
      );
      const good = await registry(
        world,
        { "slo.errors": promql(url, "errors", { expect: { gte: 1 } }) },
        "good.json",
      );
      const run = await shop.start(bundle, "--validator-bindings", good);
      expect([run.code, run.report["outcome"]]).toEqual([1, "failed"]);
      const looked = await shop.akc("runtime", "reconcile", idOf(run), "--dry-run");
      expect(looked.code).toBe(0);
      const applied = await shop.akc("runtime", "reconcile", idOf(run), "--apply");
      expect([applied.code, applied.report["validity"]]).toEqual([
        1,
        expect.objectContaining({ verdict: "fail" }),
      ]);
      expect(applied.stderr).toMatch(/validity: fail\n {2}few-errors .*slo\.errors: 7 is not lte 5\n/);
    }),
  ));

test("a rollout that waits since nobody can tell says so as it happens, and its status names the ways on", () =>
  withMetrics(async (world, url) =>
    inShop(async (shop) => {
      const path = await registry(world, { "slo.errors": promql(url, "unknown", { expect: { lte: 5 } }) });
      const analysis = { name: "errors", checks: [{ kind: "validator", binding: "slo.errors" }] };
      const two = (version: number, members = {}) =>
        deploying([standing("cart", version), standing("web", version + 1)], members);
      await shop.start(await shop.write("v1", two(1)));
      const canary = { strategy: "canary", health, steps: [{ count: 1, analysis }] };
      const bundle = await shop.write("v2", two(11, { runtime_rollout: canary }));
      const run = await shop.start(bundle, "--mode", "canary", "--validator-bindings", path);
      expect(run.stderr).toContain(
        "analysis errors: inconclusive, slo.errors: no data: there are no series\nrollout paused: analysis_inconclusive",
      );
      const { stderr } = await shop.akc("rollout", "status");
      const ways = [...stderr.matchAll(/^hint: `\S+ rollout (\w+) \S+ --outputs-root \S+` ([\w ]+)$/gm)];
      expect(ways.map(([, word, does]) => `${word} ${does}`)).toEqual([
        "resume measures anew",
        "promote goes on without it",
        "abort brings everything back",
      ]);
    }),
  ));
