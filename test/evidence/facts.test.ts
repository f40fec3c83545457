import { describe, expect, test } from "bun:test";
import { deliveryHandoff } from "../../src/evidence/facts.ts";
import { healthOf, kernelHealth, worst } from "../../src/evidence/health.ts";

describe("the delivery handoff", () => {
  test("tells of what is there, and nothing of what is not", () => {
    expect(deliveryHandoff({})).toEqual({});
    expect(
      deliveryHandoff({
        delivery_plan_ref: { path: " p ", fingerprint: null, sha256: "s" },
        deployment_intents: [{ target_class: "k8s" }, { target_class: " Unknown " }, {}, 3],
        promotion_readiness: { status: "ready" },
      }),
    ).toEqual({
      delivery_plan_ref: { path: "p", fingerprint: "s" },
      deployment_intent_count: 4,
      deployment_intents_enriched_rows: 1,
      promotion_readiness_status: "ready",
    });
    expect(deliveryHandoff({ delivery_plan_ref: { path: " " }, deployment_intents: {} })).toEqual({});
  });
});

describe("health", () => {
  const none = {
    suspended: 0,
    waiting: 0,
    running: 0,
    retrying: 0,
    succeeded: 0,
    failed: 0,
    blocked: 0,
    denied: 0,
    cancelled: 0,
  };
  test.each([
    ["succeeded", {}, "healthy"],
    ["succeeded", { blocked: 1 }, "degraded"],
    ["stopped", { cancelled: 3 }, "healthy"],
    ["stopped", { failed: 1 }, "failed"],
    ["failed", {}, "failed"],
    ["blocked", { denied: 1 }, "failed"],
    ["exhausted", {}, "degraded"],
    [null, {}, "unknown"],
    [null, { denied: 1 }, "failed"],
  ] as const)("of a run that ended %p with %p is %p", (outcome, phases, health) => {
    expect(kernelHealth({ outcome }, { ...none, ...phases })).toBe(health);
  });

  test("the worst wins, a strange word is unknown, and nothing is healthy", () => {
    expect(worst([])).toBe("healthy");
    expect(worst(["healthy", "unknown"])).toBe("unknown");
    expect(worst(["degraded", "failed", "unknown"])).toBe("failed");
    expect(healthOf("sleepy")).toBe("unknown");
  });
});
