/**
 * When a failed action is tried again. Pure: the same action and attempt always wait the same time.
 *
 * Source: spec kernel §7.3.
 */
import { objectAt } from "../bundle/member.ts";
import type { GraphNode } from "../bundle/model.ts";
import { sha256Hex } from "../json/fingerprint.ts";
import { asDouble } from "../json/value.ts";
import { limits } from "../limits.ts";

export interface RetryPolicy {
  /** Attempts in all, the first included. */
  readonly attemptsMax: number;
  readonly baseDelayMs: number;
  readonly delayMsMax: number;
  readonly jitterMs: number;
}

export const defaultRetryPolicy: RetryPolicy = {
  attemptsMax: limits.attemptsMax,
  baseDelayMs: limits.retryBaseDelayMs,
  delayMsMax: limits.retryDelayMsMax,
  jitterMs: limits.retryJitterMs,
};

/**
 * What a node says over what holds for all: `runtime_execution.retry` with `retries` (further tries after the first), `delay_ms`
 * and `delay_max_ms`. An addition of akc's; the bundle's shape has been checked.
 */
export function retryPolicyOf(
  { properties }: Pick<GraphNode, "properties">,
  usual: RetryPolicy,
): RetryPolicy {
  const said = objectAt(objectAt(properties, "runtime_execution"), "retry");
  const retries = asDouble(said["retries"]);
  if (retries === undefined) return usual;
  const baseDelayMs = asDouble(said["delay_ms"]) ?? usual.baseDelayMs;
  return {
    ...usual,
    attemptsMax: retries + 1,
    baseDelayMs,
    delayMsMax: asDouble(said["delay_max_ms"]) ?? Math.max(baseDelayMs, usual.delayMsMax),
  };
}

/**
 * Milliseconds to wait after the failure of attempt number `attempt` (from 1): exponential, capped, with a jitter that
 * depends only on the action and the attempt, so that a replay waits the same.
 */
export function retryDelayMs(actionId: string, attempt: number, policy: RetryPolicy): number {
  const exponential = Math.min(policy.baseDelayMs * 2 ** (attempt - 1), policy.delayMsMax);
  const seed = Number.parseInt(sha256Hex(`${actionId}:${attempt}`).slice(0, 8), 16);
  return exponential + (seed % Math.max(policy.jitterMs, 1));
}
