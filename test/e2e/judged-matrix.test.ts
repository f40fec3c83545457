/** The documented matrix of validators, signal by signal, from the built binary: nothing that was not measured ever passes. */
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "./bundle.ts";
import {
  answered,
  atMost,
  checks,
  compiled,
  criterion,
  evidenceOf,
  failures,
  idOf,
  judged,
  metricsSystem,
  present,
  promql,
  queried,
  reportOf,
  rowOf,
  standing,
  start,
  thresholds,
  verify,
} from "./judged.ts";
import { inWorld, type Started, type World } from "./world.ts";

setDefaultTimeout(60_000);

const system = metricsSystem((query) => {
  switch (query) {
    case "broken":
      return new Response("the disk is full", { status: 500 });
    case "refused":
      return Response.json({ status: "error", errorType: "bad_data", error: "parse error" });
    case "bare":
      return new Response("7", { headers: { "content-type": "application/json" } });
    case "silent":
      return undefined;
    default:
      return Number(query);
  }
});
afterAll(() => system.stop());

/** One criterion over one binding that asks this of the system. */
async function asked(
  params: (stub: string) => Json,
  query: string,
  check: (run: Started, world: World) => void | Promise<void>,
): Promise<void> {
  await inWorld(async (world) => {
    const bindings = { slo: promql(system.url, query, { tries: 1 }) };
    await check(await start(world, judged(criterion("sc", params("slo"))), bindings), world);
  });
}

const statusCheck = "presence_signal:akc_observability_query_result:status";

describe("a query", () => {
  test("of a vector is decoded to its number, which a threshold judges and the documented summary still holds", () =>
    asked(
      (stub) => atMost(1, stub),
      "0.5",
      (run, world) => {
        expect(standing(run)).toEqual([0, "succeeded", "pass", null]);
        expect(rowOf(world, run, "slo")).toMatchObject({
          status: "ok",
          verdict: "pass",
          value: 0.5,
          summary: {
            value: 0.5,
            status: "success",
            data: { result: [{ value: [expect.anything(), "0.5"] }] },
          },
        });
      },
    ));

  test("whose path cannot reach a number has no data, and is not told to be zero", () =>
    asked(
      (stub) => thresholds([queried(stub, { payload_path: "summary.data.nothing" })], "lte", 1),
      "0.5",
      (run, world) => {
        expect(standing(run)).toEqual([4, "succeeded", "inconclusive", null]);
        expect(checks(reportOf(world, run))).toEqual([
          expect.stringMatching(/^threshold_signal:akc_observability_query_result\S* inconclusive no-data$/),
        ]);
      },
    ));

  test("that answers a bare 7 is 7", () =>
    asked(
      (stub) => thresholds([queried(stub)], "eq", 7),
      "bare",
      (run, world) => {
        expect(standing(run)).toEqual([0, "succeeded", "pass", null]);
        expect(rowOf(world, run, "slo")).toMatchObject({ status: "ok", summary: { value: 7 } });
      },
    ));

  test("that answers HTTP 500 is an error, though its row has a status", () =>
    asked(answered, "broken", (run, world) => {
      expect(standing(run)).toEqual([1, "failed", "error", "VALIDITY_FAILED"]);
      expect(rowOf(world, run, "slo")).toMatchObject({ status: "error", verdict: "error" });
      expect(checks(reportOf(world, run))).toEqual([
        expect.stringMatching(new RegExp(`^${statusCheck} error `)),
      ]);
      expect(failures(run)).toEqual([expect.stringContaining("500")]);
    }));

  test('that answers 200 and "status": "error" is an error', () =>
    asked(answered, "refused", (run, world) => {
      expect(standing(run)).toEqual([1, "failed", "error", "VALIDITY_FAILED"]);
      expect(rowOf(world, run, "slo")).toMatchObject({ status: "error", verdict: "error" });
      expect(failures(run)).toEqual([expect.stringContaining("parse error")]);
    }));

  test("that finds nothing is no success either, and no failure", () =>
    asked(answered, "silent", (run, world) => {
      expect(standing(run)).toEqual([4, "succeeded", "inconclusive", null]);
      expect(rowOf(world, run, "slo")).toMatchObject({
        status: "error",
        verdict: "inconclusive",
        reason: "no-data",
      });
      expect(run.stderr).toContain("[VALIDITY_INCONCLUSIVE]");
    }));
});

const journey = { evidence_type: "akc_mobile_journey_result", payload_path: "status" };
const capture = { evidence_type: "akc_device_capture_result", payload_path: "artifact_path" };
const query = { evidence_type: "akc_observability_query_result", payload_path: "status" };

describe("a binding that the registry does not have", () => {
  test.each([
    ["query", query, { status: "error" }],
    ["journey", journey, { status: "error", assertions_failed: 1, platform: "android" }],
    ["capture", capture, { status: "error", artifact_path: null }],
  ])("is an error as a %s, with evidence in the shape of its kind", async (_, signal, shape) => {
    await inWorld(async (world) => {
      const params = present([{ ...signal, validator_stub: "gone" }]);
      const run = await start(world, judged(criterion("sc", params)), {});
      expect(standing(run)).toEqual([1, "failed", "error", "VALIDITY_FAILED"]);
      expect(rowOf(world, run, "gone")).toMatchObject({ ...shape, verdict: "error", judged_by: "akc" });
      expect(failures(run)).toEqual([expect.stringContaining("validator binding missing")]);
    });
  });
});

/** One of each kind, none of which needs anything of this host to be refused. */
async function everyKind(world: World): Promise<Json> {
  const flow = await world.write("flows/pay.yaml", "appId: test.acme.pay\n---\n- launchApp\n");
  return {
    slo: promql(system.url, "0"),
    pay: { kind: "maestro_flow", platform: "ios", flow_path: flow },
    shot: { kind: "android_helper", operation: "screenshot" },
    ios: { kind: "ios_simulator_helper", operation: "screenshot" },
  };
}

describe("a run whose adapter may not ask", () => {
  test.each([
    ["query", query, "slo", { status: "error" }],
    ["journey", journey, "pay", { status: "error", assertions_failed: 1, platform: "ios" }],
    ["capture", capture, "shot", { status: "error", capture_kind: "blocked", artifact_path: null }],
  ])("asks for no %s, fails for it, and says how it may be asked", async (_, signal, stub, shape) => {
    await inWorld(async (world) => {
      const before = system.requests;
      const params = present([{ ...signal, validator_stub: stub }]);
      const native = judged(criterion("sc", params)).with({ layer_replacement_mode: undefined });
      const run = await start(world, native, await everyKind(world), "--adapter", "native");
      expect(run.report["adapter_id"]).toBe("native");
      expect(system.requests).toBe(before);
      expect(standing(run)).toEqual([1, "failed", "error", "VALIDITY_FAILED"]);
      expect(rowOf(world, run, stub)).toMatchObject({ ...shape, verdict: "error", reason: "blocked" });
      const [why] = failures(run);
      expect(why).toContain("validator execution requires adapter_id=local_depth");
      expect(why).toContain("full layer replacement");
      expect(why).toContain("akc verify --execute-validators");
      // As it says: whoever asks on purpose may.
      if (stub === "slo") {
        await compiled(world);
        const named = ["--runtime-run-id", idOf(run), "--validator-bindings", `${world.side}/bindings.json`];
        expect((await verify(world, ...named, "--execute-validators")).code).toBe(0);
        expect(rowOf(world, run, stub)).toMatchObject({ status: "ok", verdict: "pass" });
      }
    });
  });
});

/** Where tools of validators are looked for, whatever the PATH. */
const places = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
const isHere = (tool: string) => places.some((place) => existsSync(join(place, tool)));

describe("a tool that is not there", () => {
  const tools = [
    ["adb", "shot", capture, { status: "error", artifact_path: null }],
    ["xcrun", "ios", capture, { status: "error", artifact_path: null, platform: "ios" }],
    ["maestro", "pay", journey, { status: "error", assertions_failed: 1 }],
  ] as const;
  for (const [tool, stub, signal, shape] of tools)
    test.skipIf(isHere(tool))(
      `${tool}: an error of its binding, that costs no other its evidence`,
      async () => {
        await inWorld(async (world) => {
          const phone = criterion("phone", present([{ ...signal, validator_stub: stub }]));
          const bundle = judged(criterion("errors", atMost(1, "slo")), phone);
          const run = await start(world, bundle, await everyKind(world));
          expect(standing(run)).toEqual([1, "failed", "error", "VALIDITY_FAILED"]);
          expect(rowOf(world, run, stub)).toMatchObject({
            ...shape,
            verdict: "error",
            reason: "tool_missing",
          });
          expect(failures(run)).toEqual([expect.stringContaining(tool)]);
          expect(rowOf(world, run, "slo")).toMatchObject({ status: "ok", verdict: "pass", value: 0 });
          expect(evidenceOf(world, run).map(({ evidence_type: type }) => type)).toContain("terminal_health");
          expect((await world.ask("runtime", "verify", idOf(run))).code).toBe(0);
        });
      },
    );
});
