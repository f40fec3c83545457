/**
 * The documented `reconcile_canary_strategy`, read exactly as it is documented: what is of a wrong type is dropped, never an error.
 * Its shares are of the list of changed resources, not of traffic and not of copies.
 *
 * Source: spec reconcile §1.10; W-15.
 */
import { listAt, member } from "../../../bundle/member.ts";
import { asDouble, isJsonObject, type JsonObject, type JsonValue } from "../../../json/value.ts";
import { limits } from "../../../limits.ts";
import type { Amount, RolloutStep, Strategy } from "../model.ts";
import { unhealthy } from "./section.ts";

type Shape = Pick<Strategy, "steps" | "abortOn" | "inconclusiveOn">;

/** Undefined where there is none, or it is switched off: anything but `true` for `enabled` does. */
export function documentedCanary(
  value: JsonValue | undefined,
  { resources, canaryLimit }: { readonly resources: number; readonly canaryLimit: number },
): Shape | undefined {
  if (!isJsonObject(value)) return undefined;
  const enabled = member(value, "enabled");
  if (enabled !== undefined && enabled !== true) return undefined;
  const amounts = weightSteps(value, resources) ?? firstAndAll(resources, canaryLimit);
  const bakes = pauseWindows(value);
  const steps = amounts.map(
    (amount, index): RolloutStep => ({
      amount,
      // The documented pause came after the judgement and nobody looked in it; here it has to pass healthy.
      bakeMs: index < amounts.length - 1 ? (bakes[index] ?? 0) : 0,
      pause: false,
    }),
  );
  const abortOn = healths(value, "abort_on_health_status") ?? ["degraded", "failed"];
  // Third rule of the documented judgement: whatever is not healthy and does not abort is inconclusive.
  return { steps, abortOn, inconclusiveOn: unhealthy.filter((health) => !abortOn.includes(health)) };
}

/** The first `canaryLimit` resources, then all. */
export function firstAndAll(resources: number, canaryLimit: number): readonly Amount[] {
  const first = Math.max(1, canaryLimit);
  return first >= resources ? [all] : [{ count: first }, all];
}

const all: Amount = { share: 1 };

/** Undefined where nothing usable is there. 0 < x ≤ 1 is a share, above 1 a count. */
function weightSteps(strategy: JsonObject, total: number): readonly Amount[] | undefined {
  const numbers = listAt(strategy, "weight_steps")
    .map(asDouble)
    .filter((number) => number !== undefined && number > 0 && Number.isFinite(number));
  if (numbers.length === 0) return undefined;
  const amounts: Amount[] = [];
  let reached = 0;
  for (const number of numbers) {
    if (number === undefined) continue;
    const wanted = number <= 1 ? Math.ceil(total * number) : Math.trunc(number);
    const count = Math.min(total, Math.max(1, wanted));
    if (count <= reached || count === total) continue;
    reached = count;
    amounts.push(number <= 1 ? { share: number } : { count });
  }
  return [...amounts, all];
}

function pauseWindows(strategy: JsonObject): readonly number[] {
  return listAt(strategy, "pause_windows_ms")
    .filter((ms) => (typeof ms === "number" && Number.isInteger(ms)) || typeof ms === "bigint")
    .map((ms) => Math.min(limits.rolloutWaitMsMax, Math.max(0, asDouble(ms) ?? 0)));
}

function healths(strategy: JsonObject, key: string): readonly (typeof unhealthy)[number][] | undefined {
  const named = unhealthy.filter((health) => listAt(strategy, key).includes(health));
  return named.length === 0 ? undefined : named;
}
