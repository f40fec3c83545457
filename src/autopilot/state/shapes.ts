/**
 * What the parts of a fact and of a state look like when they are read back. Whatever the model says stands here once more, so that
 * a row that was damaged or that a newer akc wrote is never taken for one of ours; the compiler holds the two against each other.
 */
import * as v from "valibot";
import { JsonFloat, type JsonObject } from "../../json/value.ts";
import { outcomes } from "../../store/contract.ts";
import { type GateAnswer, gateNames } from "../gates/model.ts";
import {
  type Attempt,
  type Deployed,
  type Offer,
  type RunOutcome,
  type Trigger,
  triggerKinds,
} from "../model.ts";
import type { CompileApply, TimeMetrics } from "../offer/model.ts";

/** A member for every key of `T`, also for those that may be absent. */
export type Members<T> = Record<keyof T, v.GenericSchema>;

export const text = v.string();
export const number = v.number();
export const attemptKind = v.picklist(["rollout", "repair"]);
const maybeText = v.optional(text);
const numberOrNull = v.nullable(number);
const textOrNull = v.nullable(text);
const booleanOrNull = v.nullable(v.boolean());
const json = v.custom<JsonObject>(
  (value) => value instanceof Object && !Array.isArray(value) && !(value instanceof JsonFloat),
);

export const trigger = v.object({
  id: text,
  kind: v.picklist(triggerKinds),
  severity: v.picklist(["low", "med", "high"]),
  key: text,
  reason: text,
  atMs: number,
  details: json,
} satisfies Members<Trigger>);

const offerMembers = {
  bundlePath: text,
  bundleSha256: text,
  runId: text,
  manifestPath: maybeText,
  source: v.picklist(["configured", "manifest", "recompile"]),
} satisfies Members<Offer>;

export const offer = v.object(offerMembers);
export const candidate = v.object({ ...offerMembers, atMs: number });

export const deployed = v.object({
  bundleSha256: text,
  bundlePath: text,
  runtimeRunId: text,
  atMs: number,
} satisfies Members<Deployed>);

export const answer = v.object({
  gate: v.picklist(gateNames),
  verdict: v.picklist(["open", "closed", "error", "skipped"]),
  reason: text,
  message: text,
  opens: v.exactOptional(text),
  opensAtMs: v.exactOptional(number),
  details: v.exactOptional(json),
} satisfies Members<GateAnswer>);

export const compileApply = v.object({
  realizationMode: textOrNull,
  applied: booleanOrNull,
  policyAllowed: booleanOrNull,
  denialReason: textOrNull,
} satisfies Members<CompileApply>);

export const attemptMembers = {
  attemptId: text,
  kind: attemptKind,
  bundlePath: text,
  bundleSha256: text,
  runtimeRunId: text,
  triggerIds: v.array(text),
  previous: v.optional(deployed),
} satisfies Members<Attempt>;

export const run = v.object({
  healthy: v.boolean(),
  outcome: v.picklist([...outcomes, "unknown"]),
  exitCode: number,
  converged: v.optional(v.boolean()),
  validity: v.optional(v.picklist(["pass", "fail", "inconclusive", "error"])),
  rollbacks: number,
  rollbacksSucceeded: number,
  convergenceMs: numberOrNull,
  startedAtMs: number,
  finishedAtMs: number,
  errorCode: maybeText,
  message: maybeText,
} satisfies Members<RunOutcome>);

export const metrics = v.object({
  intentToHealthyRuntimeMs: numberOrNull,
  compileToHealthyRuntimeMs: numberOrNull,
  compressionFactorVsBaseline: numberOrNull,
  intentToStagingMs: numberOrNull,
  intentToProdMs: numberOrNull,
  stagingToProdMs: numberOrNull,
  approvalWaitMs: numberOrNull,
  manualTouchCount: numberOrNull,
} satisfies Members<TimeMetrics>);
