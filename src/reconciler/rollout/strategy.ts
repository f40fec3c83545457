/**
 * How a bundle wants its changes rolled out: from `runtime_rollout`, from the documented canary, or from what the mode means. Pure;
 * it collects every fault, and in mode `canary` nothing that a bundle says makes it less than a canary.
 *
 * Source: spec reconcile §1.2, §1.10; docs/rollouts.md.
 */
import { member } from "../../bundle/member.ts";
import type { PolicyMode } from "../../bundle/model.ts";
import { AkcError, type Issue } from "../../errors.ts";
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { readPart } from "../../policy/border.ts";
import { gateOf } from "../gate.ts";
import type { Amount, Analysis, HealthRule, RolloutStep, Strategy } from "./model.ts";
import { documentedCanary, firstAndAll } from "./strategy/documented-canary.ts";
import { type AnalysisSection, RolloutSection, type StepSection } from "./strategy/section.ts";

export interface StrategyFacts {
  readonly mode: PolicyMode;
  /** How many resources a plain canary changes before it waits; 1 without it. */
  readonly canaryLimit?: number;
  /** How many resources the bundle wants to stand. */
  readonly resources: number;
  /** How long something of this provider has to be seen healthy before that means anything; 0 without it. */
  readonly minHealthyMs?: number;
  /** How many resources of this provider may be changed at the same time where nothing else is said. */
  readonly parallel?: number;
}

/** @throws AkcError DESIRED_STATE_INVALID with every issue and its JSON pointer */
export function strategyOf(metadata: JsonObject, facts: StrategyFacts): Strategy {
  const canary = facts.mode === "canary";
  const section = member(metadata, "runtime_rollout");
  const fallback = defaults(metadata, facts);
  if (section !== undefined) {
    const issues: Issue[] = [];
    const read = readPart(RolloutSection, section, "/runtime_rollout", issues);
    if (read !== undefined) issues.push(...contradictions(read));
    if (read === undefined || issues.length > 0) throw new AkcError("DESIRED_STATE_INVALID", { issues });
    return written(read, fallback, facts);
  }
  const limit = { resources: facts.resources, canaryLimit: facts.canaryLimit ?? 1 };
  const documented = canary
    ? documentedCanary(member(metadata, "reconcile_canary_strategy"), limit)
    : undefined;
  if (documented !== undefined) return { ...fallback, ...documented, kind: "canary", of: "resources" };
  return canary ? plainCanary(fallback, facts, {}) : fallback;
}

/** Everything in dependency order, several at a time, brought back when it fails. */
function defaults(
  metadata: JsonObject,
  { minHealthyMs = 0, parallel = limits.resourcesInParallelDefault }: StrategyFacts,
): Strategy {
  const { kind: gate, unknownGraceMs } = gateOf(metadata);
  const health: HealthRule = {
    gate,
    unknownGraceMs,
    minHealthyMs,
    healthyDeadlineMs: limits.healthyDeadlineMsDefault,
    progressDeadlineMs: limits.progressDeadlineMsDefault,
  };
  return {
    kind: "all_at_once",
    of: "resources",
    steps: [{ amount: { share: 1 }, bakeMs: 0, pause: false }],
    maxSurge: { count: 1 },
    maxUnavailable: { count: 0 },
    parallel,
    approval: false,
    health,
    abortOn: ["degraded", "failed"],
    inconclusiveOn: [],
    rollbackOnFailure: true,
    pauseDeadlineMs: limits.pauseDeadlineMsDefault,
  };
}

/** Some first, and the rest when a person says so. */
function plainCanary(
  strategy: Strategy,
  { resources, canaryLimit = 1 }: StrategyFacts,
  each: Partial<RolloutStep>,
): Strategy {
  const steps = firstAndAll(resources, canaryLimit).map((amount) => ({
    amount,
    bakeMs: 0,
    pause: false,
    ...each,
  }));
  return { ...strategy, kind: "canary", of: "resources", steps, approval: steps.length > 1 };
}

/** What `runtime_rollout` says, as a canary where the mode asks for one and the bundle does not. */
function written(section: RolloutSection, fallback: Strategy, facts: StrategyFacts): Strategy {
  const { health, strategy: kind } = section;
  const each = { bakeMs: section.bake_ms, pause: false, ...analysisMember(section.analysis) };
  const progress = health.progress_deadline_ms ?? progressByDefault(health.healthy_deadline_ms);
  const maxUnavailable = section.max_unavailable ?? { count: 0 };
  const strategy: Strategy = {
    ...fallback,
    kind,
    of: section.of ?? "resources",
    steps: kind === "canary" ? stepsOf(section, each, facts) : [{ amount: { share: 1 }, ...each }],
    // Who allows that copies are missing and says nothing of more has no room for more.
    maxSurge: section.max_surge ?? { count: isNone(maxUnavailable) ? 1 : 0 },
    maxUnavailable,
    parallel: section.parallel ?? (kind === "rolling" ? 1 : fallback.parallel),
    approval: section.approval ?? (kind === "canary" && section.steps === undefined),
    health: {
      ...fallback.health,
      minHealthyMs: health.min_healthy_ms ?? fallback.health.minHealthyMs,
      healthyDeadlineMs: health.healthy_deadline_ms,
      progressDeadlineMs: progress,
    },
    abortOn: section.abort_on ?? fallback.abortOn,
    inconclusiveOn: section.inconclusive_on,
    rollbackOnFailure: section.rollback_on_failure,
    pauseDeadlineMs: section.pause_deadline_ms,
  };
  return facts.mode === "canary" && kind !== "canary" ? plainCanary(strategy, facts, each) : strategy;
}

function stepsOf(
  section: RolloutSection,
  each: Omit<RolloutStep, "amount">,
  { canaryLimit = 1 }: StrategyFacts,
): readonly RolloutStep[] {
  const steps = (section.steps ?? [{ count: Math.max(1, canaryLimit), pause: false }]).map(
    (step): RolloutStep => ({
      ...each,
      amount: amountOf(step) ?? { share: 1 },
      bakeMs: step.bake_ms ?? each.bakeMs,
      pause: step.pause,
      ...analysisMember(step.analysis),
    }),
  );
  const last = steps.at(-1)?.amount;
  const isAll = last !== undefined && "share" in last && last.share === 1;
  return isAll ? steps : [...steps, { ...each, amount: { share: 1 } }];
}

function amountOf({ count, percent, share }: StepSection): Amount | undefined {
  if (count !== undefined) return { count };
  const part = share ?? (percent === undefined ? undefined : percent / 100);
  return part === undefined ? undefined : { share: part };
}

function analysisMember(section: AnalysisSection | undefined): { readonly analysis?: Analysis } {
  if (section === undefined) return {};
  return {
    analysis: {
      name: section.name,
      checks: section.checks,
      initialDelayMs: section.initial_delay_ms,
      intervalMs: section.interval_ms,
      count: section.count,
      failureLimit: section.failure_limit,
      inconclusiveLimit: section.inconclusive_limit,
      errorLimit: section.error_limit,
      dryRun: section.dry_run,
    },
  };
}

/** What the schema cannot say: keys that need or exclude one another. */
function contradictions(section: RolloutSection): readonly Issue[] {
  const issues: Issue[] = [];
  const wrong = (path: string, message: string) => issues.push({ path: `/runtime_rollout${path}`, message });
  const { strategy, steps, health, max_surge: surge, max_unavailable: unavailable } = section;
  if (strategy !== "canary") {
    if (steps !== undefined) wrong("/steps", `are for canary; ${strategy} has none`);
    if (section.of !== undefined) wrong("/of", `is for canary; ${strategy} has no shares`);
  }
  let before: Amount | undefined;
  for (const [index, step] of (steps ?? []).entries()) {
    const named = [step.count, step.percent, step.share].filter((one) => one !== undefined).length;
    if (named !== 1) wrong(`/steps/${index}`, "must have exactly one of count, percent and share");
    const amount = amountOf(step);
    if (before !== undefined && amount !== undefined && !grows(before, amount))
      wrong(`/steps/${index}`, "must be more than the step before");
    before = amount;
    issues.push(...analysisFaults(step.analysis, `/runtime_rollout/steps/${index}/analysis`));
  }
  issues.push(...analysisFaults(section.analysis, "/runtime_rollout/analysis"));
  if (surge !== undefined && isNone(surge) && unavailable !== undefined && isNone(unavailable))
    wrong("/max_surge", "must not be 0 while max_unavailable is 0: nothing could ever be changed");
  if (surge !== undefined && isNone(surge) && unavailable === undefined)
    wrong("/max_surge", "may be 0 only with a max_unavailable above 0");
  if ((health.min_healthy_ms ?? 0) > health.healthy_deadline_ms)
    wrong("/health/min_healthy_ms", "must not be more than healthy_deadline_ms");
  if ((health.progress_deadline_ms ?? health.healthy_deadline_ms) < health.healthy_deadline_ms)
    wrong("/health/progress_deadline_ms", "must not be less than healthy_deadline_ms");
  const both = (section.abort_on ?? []).filter((one) => section.inconclusive_on.includes(one));
  for (const one of both) wrong("/inconclusive_on", `${one} is in abort_on too`);
  return issues;
}

function analysisFaults(section: AnalysisSection | undefined, at: string): readonly Issue[] {
  if (section === undefined) return [];
  const bounds = ["failure_limit", "inconclusive_limit", "error_limit"] as const;
  return bounds
    .filter((bound) => section[bound] >= section.count)
    .map((bound) => ({ path: `${at}/${bound}`, message: "must be less than count: it could never be met" }));
}

/** Of a count and a share nobody knows which is more before the resources are counted. */
function grows(before: Amount, after: Amount): boolean {
  if ("count" in before && "count" in after) return after.count > before.count;
  if ("share" in before && "share" in after) return after.share > before.share;
  return true;
}

function isNone(amount: Amount): boolean {
  return "count" in amount && amount.count === 0;
}

function progressByDefault(healthyDeadlineMs: number): number {
  return Math.min(limits.rolloutWaitMsMax, Math.max(limits.progressDeadlineMsDefault, 2 * healthyDeadlineMs));
}
