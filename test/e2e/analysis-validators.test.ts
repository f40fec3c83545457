/**
 * Canaries that are judged between their steps by what outside systems say, from the built binary: a real Prometheus that scrapes a real
 * target, and servers that do not answer. Whoever cannot be asked, or says nothing, never lets a rollout go on.
 */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PrometheusHost } from "../env/prometheus.ts";
import {
  bound,
  canary,
  commands,
  expectVerified,
  idOf,
  measured,
  paused,
  release,
  rollOut,
  status,
  verdicts,
} from "./analysed.ts";
import type { Json } from "./bundle.ts";
import { metricsSystem, objects, promql, registry } from "./judged.ts";
import { deploying, ended, inShop, type Shop } from "./services.ts";
import { expectError, type Started, until } from "./world.ts";

setDefaultTimeout(60_000);

/** What is scraped. */
class Target {
  errorRatio = 0;
  readonly #server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => new Response(`error_ratio ${this.errorRatio}\n`),
  });

  get port(): number {
    return this.#server.port ?? 0;
  }

  async stop(): Promise<void> {
    await this.#server.stop(true);
  }
}

const target = new Target();
const prometheus = await PrometheusHost.up(target.port);
afterAll(async () => {
  await prometheus?.down();
  await target.stop();
});

const host = () => prometheus?.url ?? "";
const asking = (query: string, more: Json = {}) =>
  promql(`${host()}/api/v1/query`, query, { ...bound, expect: { lte: 0.05 }, ...more });

async function says(query: string, wanted: string): Promise<void> {
  await until(`${query} is ${wanted}`, async () => {
    const answer = await fetch(`${host()}/api/v1/query?query=${encodeURIComponent(query)}`);
    return (await answer.text()).includes(`"${wanted}"]`);
  });
}

describe.skipIf(prometheus === undefined)("with a real Prometheus", () => {
  // Targets are discovered some seconds after the start.
  beforeAll(() => says("error_ratio", "0"));

  test("a canary whose numbers are good goes on; what was said is kept, and a change of it is found", () =>
    inShop(async (shop) => {
      const ran = await rollOut(shop, { errors: asking("error_ratio") }, { count: 3 });
      expect({ code: ran.code, ...ran.report }).toMatchObject({
        code: 0,
        outcome: "succeeded",
        converged: true,
      });
      await shop.expectRunning(commands(2, 2, 2));
      const run = idOf(ran);
      const all = measured(shop, run);
      expect(all.map(({ verdict }) => verdict)).toEqual(["pass", "pass", "pass"]);
      expect(all[0]?.checks).toMatchObject([
        {
          ...{ kind: "validator", binding: "errors", verdict: "pass" },
          artifact: { query_kind: "promql_query", status: "ok", value: 0, validator: { id: "promql" } },
        },
      ]);
      await expectVerified(shop, run);

      const [file] = objects(all[1]?.checks[0]?.["files"]).filter(({ path }) =>
        String(path).includes("response"),
      );
      expect(swap(shop, String(file?.["sha256"]))).toBe(1);
      const verified = await shop.akc("runtime", "verify", run);
      expect({ code: verified.code, ...verified.report }).toMatchObject({
        ...{ code: 1, verdict: "diverged", divergence_count: 1 },
        divergence: { place: "artifact", name: file?.["sha256"], event_type: "runtime.rollout.measured" },
      });
    }));

  test("a target that breaks ends it: analysis_failed, and everything is brought back", () =>
    inShop(async (shop) => {
      target.errorRatio = 0.5;
      try {
        await says("error_ratio", "0.5");
        const ran = await rollOut(shop, { errors: asking("error_ratio") }, { count: 3 });
        expect(ran.report).toMatchObject({ converged: false });
        await shop.expectRunning(commands(1, 1, 1));
        expect(await status(shop)).toMatchObject({ phase: "rolled_back", reason: "analysis_failed" });
        expect(JSON.stringify(await status(shop))).toContain("errors: 0.5 is not at most 0.05");
        expect(verdicts(shop, idOf(ran))).toEqual(["fail"]);
        await expectVerified(shop, idOf(ran));
      } finally {
        target.errorRatio = 0;
        await says("error_ratio", "0");
      }
    }));

  test("no data pauses it, and a person goes on with it or brings it back", () =>
    inShop(async (shop) => {
      const ran = await rollOut(shop, { errors: asking("nobody_has_this") }, { count: 2 });
      expect({ code: ran.code, ...ran.report }).toMatchObject({ code: 0, converged: false });
      await shop.expectRunning(commands(2, 1, 1));
      const paused = { phase: "paused", reason: "analysis_inconclusive" };
      expect(await status(shop)).toMatchObject(paused);
      expect(verdicts(shop, idOf(ran))).toEqual(["inconclusive"]);
      expect(measured(shop, idOf(ran))[0]?.checks[0]).toMatchObject({ reason: "no-data" });
      // Asked anew, by the registry that was kept with the run: still nothing.
      expect((await shop.akc("rollout", "resume")).report).toMatchObject(paused);
      expect(verdicts(shop, idOf(ran))).toEqual(["inconclusive", "inconclusive"]);

      const promoted = await shop.akc("rollout", "promote");
      expect({ code: promoted.code, ...promoted.report }).toMatchObject({ code: 0, phase: "completed" });
      await shop.expectRunning(commands(2, 2, 2));
      await expectVerified(shop, idOf(ran));
    }));

  test("no data, and a person brings it back", () =>
    inShop(async (shop) => {
      const ran = await rollOut(shop, { errors: asking("nobody_has_this") });
      expect((await shop.akc("rollout", "abort")).report).toMatchObject({
        ...{ phase: "rolled_back", reason: "aborted_by_operator" },
      });
      await shop.expectRunning(commands(1, 1, 1));
      await expectVerified(shop, idOf(ran));
    }));

  test("a Prometheus that has ended is an error, and too many of them in a row end it", () =>
    inShop(async (shop) => {
      await prometheus?.halt();
      try {
        const ran = await rollOut(shop, { errors: asking("error_ratio") }, { count: 5, error_limit: 1 });
        await shop.expectRunning(commands(1, 1, 1));
        expect(await status(shop)).toMatchObject({ phase: "rolled_back", reason: "analysis_failed" });
        expect(verdicts(shop, idOf(ran))).toEqual(["error", "error"]);
        expect(measured(shop, idOf(ran))[0]?.checks[0]).toMatchObject({ reason: "unreachable" });
        await expectVerified(shop, idOf(ran));
      } finally {
        await prometheus?.resume();
      }
    }));
});

/** Another content under the same digest. */
function swap(shop: Shop, sha256: string): number {
  using db = new Database(join(shop.world.scope, ".akc/runtime/state.sqlite3"));
  const content = new TextEncoder().encode("other");
  return db
    .query("UPDATE artifact SET content = ?, size_bytes = 5 WHERE sha256 = unhex(?)")
    .run(content, sha256).changes;
}

describe("what cannot be asked is refused before anything happens", () => {
  const good = promql("http://127.0.0.1:9/api/v1/query", "up", bound);
  const refusedBy = async (shop: Shop, ran: Started) => {
    expect(shop.running()).toEqual(commands(1, 1, 1).toSorted());
    const listed = await shop.akc("runtime", "list");
    expect(objects(listed.report["items"])).toHaveLength(1);
    return ran;
  };

  test("a binding that the registry does not have", () =>
    inShop(async (shop) => {
      const ran = await refusedBy(shop, await rollOut(shop, { other: good }));
      const said = expectError(ran, "DESIRED_STATE_INVALID", 2);
      expect(said).toMatchObject({ error: 'an analysis names the binding "errors", which no registry has' });
    }));

  test("no registry, or one that is not there", () =>
    inShop(async (shop) => {
      await shop.start(await shop.write("v1", deploying(release(1))));
      const path = await shop.write("v2", deploying(release(2), { runtime_rollout: canary({}) }));
      expectError(await refusedBy(shop, await shop.start(path)), "DESIRED_STATE_INVALID", 2);
      const gone = await shop.start(path, "--validator-bindings", join(shop.world.side, "gone.yaml"));
      expectError(await refusedBy(shop, gone), "BINDINGS_NOT_FOUND", 2);
    }));

  test("a registry that is not valid", () =>
    inShop(async (shop) => {
      const ran = await rollOut(shop, { errors: { kind: "promql_query" } });
      expectError(await refusedBy(shop, ran), "BINDINGS_INVALID", 2);
    }));

  test("a file of a binding that lies outside of the scope", () =>
    inShop(async (shop) => {
      const flow = join(shop.world.side, "flow.yaml");
      await Bun.write(flow, "appId: x\n---\n- launchApp\n");
      const ran = await rollOut(shop, {
        errors: { kind: "maestro_flow", platform: "android", flow_path: flow, app_id: "x" },
      });
      expectError(await refusedBy(shop, ran), "BINDING_PATH_OUTSIDE", 2);
    }));

  test("a check of kind validator that names nothing", () =>
    inShop(async (shop) => {
      const ran = await rollOut(shop, { errors: good }, { checks: [{ kind: "validator" }] });
      expectError(await refusedBy(shop, ran), "DESIRED_STATE_INVALID", 2);
    }));
});

test("`runtime reconcile` asks by the registry of the start, and by another one that is named", async () => {
  const [none, some] = [metricsSystem(() => undefined), metricsSystem(() => 0)];
  try {
    await inShop(async (shop) => {
      const ran = await rollOut(shop, { errors: promql(none.url, "errors", bound) });
      const run = idOf(ran);
      expect(await status(shop)).toMatchObject(paused);
      const again = ["rollout", "resume", "--no-drive"];
      await shop.akc(...again);
      const kept = await shop.akc("runtime", "reconcile", run, "--apply");
      expect({ code: kept.code, ...kept.report }).toMatchObject({ converged: false });
      expect(none.requests).toBe(2);

      await shop.akc(...again);
      const other = await registry(shop.world, { errors: promql(some.url, "errors", bound) }, "other.json");
      const reconcile = ["runtime", "reconcile", run, "--apply", "--validator-bindings"];
      expectError(await shop.akc(...reconcile, join(shop.world.side, "gone.json")), "BINDINGS_NOT_FOUND", 2);
      const named = await shop.akc(...reconcile, other);
      expect({ code: named.code, ...named.report }).toMatchObject({ code: 0, converged: true });
      expect([none.requests, some.requests]).toEqual([2, 1]);
      await shop.expectRunning(commands(2, 2, 2));
      await expectVerified(shop, run);
    });
  } finally {
    await none.stop();
    await some.stop();
  }
});

test("whoever skips or ends an analysis does not wait for somebody who does not answer", async () => {
  const never = Promise.withResolvers<Response>();
  let asked = 0;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 60,
    fetch() {
      asked += 1;
      return never.promise;
    },
  });
  try {
    await inShop(async (shop) => {
      await shop.start(await shop.write("v1", deploying(release(1))));
      const path = await shop.write("v2", deploying(release(2), { runtime_rollout: canary({}) }));
      const bindings = { errors: promql(`${server.url.href}q`, "x", { ...bound, timeout_ms: 50_000 }) };
      const named = ["--validator-bindings", await registry(shop.world, bindings)];
      for (const [word, versions] of [
        ["abort", [1, 1, 1]],
        ["promote", [2, 2, 2]],
      ] as const) {
        const before = asked;
        const live = shop.begin(path, ...named);
        await until("it is asked", () => asked > before);
        expect((await shop.akc("rollout", word)).stderr).not.toContain("not taken");
        const late = Bun.sleep(10_000).then(() => undefined);
        const ran = await Promise.race([ended(live), late]);
        expect({ word, ended: ran !== undefined }).toEqual({ word, ended: true });
        await shop.expectRunning(commands(...versions));
      }
    });
  } finally {
    never.resolve(new Response("late"));
    await server.stop(true);
  }
});

test("a run that is cut off while it measures goes on with the analysis where it stood", async () => {
  let holds = true;
  const never = Promise.withResolvers<void>();
  const system = metricsSystem(() => 0);
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      if (holds && measuredOnce) await never.promise;
      measuredOnce = true;
      return fetch(system.url + new URL(request.url).search);
    },
  });
  let measuredOnce = false;
  try {
    await inShop(async (shop) => {
      await shop.start(await shop.write("v1", deploying(release(1))));
      const path = await shop.write("v2", deploying(release(2), { runtime_rollout: canary({ count: 3 }) }));
      const bindings = { errors: promql(server.url.href, "x", bound) };
      const live = shop.begin(
        path,
        "--runtime-run-id",
        "r2",
        "--validator-bindings",
        await registry(shop.world, bindings),
      );
      const state = join(shop.world.scope, ".akc/runtime/state.sqlite3");
      await until("it has measured once", () => existsSync(state) && verdicts(shop, "r2").length === 1);
      live.kill("SIGKILL");
      await live.ended;
      holds = false;
      never.resolve();
      const ran = await shop.akc("runtime", "resume", "r2");
      expect({ code: ran.code, ...ran.report }).toMatchObject({ code: 0, converged: true });
      expect(verdicts(shop, "r2")).toEqual(["pass", "pass", "pass"]);
      await shop.expectRunning(commands(2, 2, 2));
      await expectVerified(shop, "r2");
    });
  } finally {
    await server.stop(true);
    await system.stop();
  }
});
