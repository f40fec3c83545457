/**
 * Canaries that are judged between their steps by bindings of a registry, for tests of the binary: three services of which one changes
 * first, and what was measured of it.
 */
import { expect } from "bun:test";
import type { Json } from "./bundle.ts";
import { objects, registry } from "./judged.ts";
import { deploying, health, type Shop, standing } from "./services.ts";
import { jsonObject, type Started } from "./world.ts";

const ids = ["cart", "pay", "web"];
export const release = (version: number) => ids.map((id, index) => standing(id, version * 10 + index));
export const commands = (...versions: readonly number[]) =>
  versions.map((version, index) => `sleep ${70_000 + version * 10 + index}`);

/** One resource, then the analysis, then the rest. */
export function canary(analysis: Json): Json {
  const checks = [{ kind: "validator", binding: "errors" }];
  const step = { count: 1, analysis: { name: "errors", checks, interval_ms: 50, ...analysis } };
  return { strategy: "canary", steps: [step], health };
}

/** Version 1 stands; version 2 is started with this analysis and these bindings. */
export async function rollOut(shop: Shop, bindings: Json, analysis: Json = {}): Promise<Started> {
  const first = await shop.start(await shop.write("v1", deploying(release(1))));
  expect(first.report).toMatchObject({ converged: true });
  const path = await shop.write("v2", deploying(release(2), { runtime_rollout: canary(analysis) }));
  return shop.start(path, "--validator-bindings", await registry(shop.world, bindings));
}

export const idOf = ({ report }: Started) => String(report["runtime_run_id"]);
export const status = async (shop: Shop) => (await shop.akc("rollout", "status")).report;

export interface Measured {
  readonly atMs: number;
  readonly verdict: unknown;
  readonly checks: readonly Json[];
}

export function measured(shop: Shop, run: string): readonly Measured[] {
  return shop.world
    .events(run)
    .filter(({ type }) => type === "runtime.rollout.measured")
    .map(({ atMs, payload }) => {
      const { checks } = jsonObject(JSON.stringify(payload["evidence"]));
      return { atMs, verdict: payload["verdict"], checks: objects(checks) };
    });
}

export const verdicts = (shop: Shop, run: string) => measured(shop, run).map(({ verdict }) => verdict);

export async function expectVerified(shop: Shop, run: string): Promise<void> {
  expect((await shop.akc("runtime", "verify", run, "--rebuild")).report).toMatchObject({
    verdict: "verified",
    evidence: "sealed",
  });
}

export const completed = { phase: "completed" };
export const back = { phase: "rolled_back", reason: "analysis_failed" };
export const paused = { phase: "paused", reason: "analysis_inconclusive" };

/** Of every binding that is asked: at most 1, asked once, with time enough on a machine that has much to do. */
export const bound = { expect: { lte: 1 }, tries: 1, timeout_ms: 20_000 };
