/** Runs that deploy and are judged by outside evidence: whoever reconciles on their behalf has them judged again, by what is said then. */
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Json } from "./bundle.ts";
import { atMost, criterion, metricsSystem, objects, promql, registry } from "./judged.ts";
import { deploying, ended, inShop, type Shop, standing } from "./services.ts";
import { type Started, until } from "./world.ts";

setDefaultTimeout(60_000);

const service = "sleep 70001";
const observed = "runtime.validation.observed";
const attested = "runtime.operational_validity.attested";

const bundle = deploying([standing("web", 1)], {
  layer_replacement_mode: "full",
  intent_policy_projection: {
    success_criteria_summary: {
      count: 1,
      evaluation_modes: ["operational_spec"],
      criteria: [criterion("few-errors", atMost(1, "errors"))],
    },
  },
});

interface Judged {
  readonly shop: Shop;
  readonly run: string;
  readonly system: ReturnType<typeof metricsSystem>;
  bindings(name: string, url: string): Promise<string>;
}

/** A run whose service stands and whose numbers are good. */
async function judgedRun(
  says: () => number | undefined,
  work: (judged: Judged) => Promise<void>,
): Promise<void> {
  const system = metricsSystem(says);
  try {
    await inShop(async (shop) => {
      const bindings = (name: string, url: string): Promise<string> => {
        const asked: Json = { errors: promql(url, "errors", { tries: 1, timeout_ms: 50_000 }) };
        return registry(shop.world, asked, name);
      };
      const path = await shop.write("v1", bundle);
      const ran = await shop.start(path, "--validator-bindings", await bindings("kept.json", system.url));
      expect({ code: ran.code, ...ran.report }).toMatchObject({ code: 0, validity: { verdict: "pass" } });
      await work({ shop, run: String(ran.report["runtime_run_id"]), system, bindings });
    });
  } finally {
    await system.stop();
  }
}

const types = (shop: Shop, run: string) => shop.world.events(run).map(({ type }) => type);
const count = (shop: Shop, run: string, type: string) =>
  types(shop, run).filter((one) => one === type).length;

async function expectSealed(shop: Shop, run: string): Promise<void> {
  expect((await shop.akc("runtime", "verify", run, "--rebuild")).report).toMatchObject({
    verdict: "verified",
    evidence: "sealed",
  });
}

test("it asks by the registry of the start, or by another one that is named, and the run is judged by the answer", () =>
  judgedRun(
    () => 0,
    async ({ shop, run, system, bindings }) => {
      await shop.kill(service);
      const reconcile = ["runtime", "reconcile", run, "--apply"];
      expect(await shop.akc(...reconcile)).toMatchObject({ code: 0, report: { converged: true } });
      await shop.expectRunning([service]);
      expect(system.requests).toBe(2);
      expect([count(shop, run, observed), count(shop, run, attested)]).toEqual([2, 2]);
      await expectSealed(shop, run);

      const other = metricsSystem(() => 7);
      try {
        await shop.kill(service);
        const named = await bindings("other.json", other.url);
        await shop.akc(...reconcile, "--validator-bindings", named);
        expect([system.requests, other.requests]).toEqual([2, 1]);
        const last = shop.world.events(run).findLast(({ type }) => type === attested);
        expect(last?.payload).toMatchObject({
          ...{ verdict: "fail", passed: false, outcome_before: "succeeded" },
          run_failed_with: "operational criteria not met: few-errors (fail)",
        });
        expect((await shop.akc("runtime", "status", run)).report).toMatchObject({ outcome: "failed" });
        await shop.expectRunning([service]);
        await expectSealed(shop, run);
      } finally {
        await other.stop();
      }
    },
  ));

/** Answers once, and then nobody before `answer` is called. */
function silentFrom(second: () => void) {
  const silent = Promise.withResolvers<void>();
  let requests = 0;
  let holds = true;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 60,
    async fetch() {
      requests += 1;
      if (requests > 1 && holds) {
        second();
        await silent.promise;
      }
      const result = [{ metric: {}, value: [Date.now() / 1_000, "0"] }];
      return Response.json({ status: "success", data: { resultType: "vector", result } });
    },
  });
  return {
    url: server.url.href,
    get requests() {
      return requests;
    },
    answer() {
      holds = false;
      silent.resolve();
    },
    stop: () => server.stop(true),
  };
}

async function withSilent(
  work: (at: {
    shop: Shop;
    run: string;
    asked: () => boolean;
    system: ReturnType<typeof silentFrom>;
  }) => Promise<void>,
): Promise<void> {
  let isAsked = false;
  const system = silentFrom(() => {
    isAsked = true;
  });
  try {
    await inShop(async (shop) => {
      const named = await registry(shop.world, {
        errors: promql(`${system.url}q`, "errors", { tries: 1, timeout_ms: 50_000 }),
      });
      const ran = await shop.start(await shop.write("v1", bundle), "--validator-bindings", named);
      expect(ran.report).toMatchObject({ validity: { verdict: "pass" } });
      await shop.kill(service);
      await work({ shop, run: String(ran.report["runtime_run_id"]), asked: () => isAsked, system });
    });
  } finally {
    system.answer();
    await system.stop();
  }
}

test("stopped while it asks, it leaves the run unjudged and unsealed; resume asks and judges", () =>
  withSilent(async ({ shop, run, asked, system }) => {
    const live = shop.live("runtime", "reconcile", run, "--apply");
    await until("it is asked", asked);
    live.kill("SIGINT");
    const ran = await within(5_000, ended(live));
    expect(ran.code).toBe(130);
    expect([count(shop, run, observed), count(shop, run, attested)]).toEqual([1, 1]);
    expect((await shop.akc("runtime", "status", run)).report).toMatchObject({
      outcome: "succeeded",
      evidence_sealed: false,
    });
    system.answer();
    const resumed = await shop.akc("runtime", "resume", run);
    expect({ code: resumed.code, ...resumed.report }).toMatchObject({
      code: 0,
      validity: { verdict: "pass" },
    });
    expect([count(shop, run, observed), count(shop, run, attested)]).toEqual([2, 2]);
    await expectSealed(shop, run);
  }));

test("a watch that is ended by a signal has what it changed judged, and sealed", () =>
  withSilent(async ({ shop, run, asked, system }) => {
    const live = shop.live("runtime", "reconcile", run, "--apply", "--watch", "--watch-max-iterations", "0");
    await until("it stands again", () => shop.running().includes(service));
    await until("that is recorded", () => types(shop, run).includes("runtime.reconcile.operation_finished"));
    live.kill("SIGTERM");
    await until("it is asked", asked);
    system.answer();
    const ran = await within(10_000, ended(live));
    expect(ran.code).toBe(143);
    expect([count(shop, run, observed), count(shop, run, attested)]).toEqual([2, 2]);
    await shop.expectRunning([service]);
    await expectSealed(shop, run);
  }));

async function within(ms: number, ending: Promise<Started>): Promise<Started> {
  const ran = await Promise.race([ending, Bun.sleep(ms)]);
  if (ran === undefined) throw new Error(`it did not end within ${ms} ms`);
  return ran;
}

test("looking alone asks nobody, and judges nobody who was not asked", () =>
  judgedRun(
    () => 0,
    async ({ shop, run, system }) => {
      const looked = await shop.akc("runtime", "reconcile", run, "--dry-run");
      expect(looked.code).toBe(0);
      expect(objects(looked.report["statuses"])).toHaveLength(1);
      expect(system.requests).toBe(1);
      await expectSealed(shop, run);
    },
  ));

test("of a run that was stopped while it asked, looking makes no judgement; resume does", () =>
  withSilent(async ({ shop, run, asked, system }) => {
    const live = shop.live("runtime", "reconcile", run, "--apply");
    await until("it is asked", asked);
    live.kill("SIGINT");
    await within(5_000, ended(live));
    // Begun anew it has not said anything yet.
    const again = shop.live("runtime", "resume", run, "--from", "work");
    await until("it is asked again", () => system.requests === 3);
    again.kill("SIGINT");
    await within(5_000, ended(again));
    await shop.akc("runtime", "reconcile", run, "--dry-run");
    expect([system.requests, count(shop, run, attested)]).toEqual([3, 1]);
    system.answer();
    const resumed = await shop.akc("runtime", "resume", run);
    expect({ code: resumed.code, ...resumed.report }).toMatchObject({
      code: 0,
      validity: { verdict: "pass" },
    });
    await expectSealed(shop, run);
  }));
