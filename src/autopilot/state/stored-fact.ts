/**
 * Facts as the text that is stored, and back. A text that is not exactly a fact of ours is refused; nothing is guessed or left out.
 */
import * as v from "valibot";
import { AkcError } from "../../errors.ts";
import { canonicalJson } from "../../json/canonical.ts";
import { fromPlain } from "../../json/plain.ts";
import { parseJson } from "../../json/read.ts";
import { limits } from "../../limits.ts";
import { type Fact, words } from "../model.ts";
import {
  answer,
  attemptKind,
  attemptMembers,
  compileApply,
  deployed,
  type Members,
  metrics,
  number,
  offer,
  run,
  text,
  trigger,
} from "./shapes.ts";

type FactMembers<Type extends Fact["type"]> = Members<Extract<Fact, { readonly type: Type }>>;

export const escalationReason = v.picklist([
  "consecutive_failures",
  "rollbacks_per_day",
  "rollback_failed",
  "compile_failures",
  "history_damaged",
]);

/** What gates answered when they did not all open: of the fact, and kept in the state. */
export const heldMembers = {
  type: v.literal("held"),
  attemptId: text,
  kind: attemptKind,
  bundleSha256: text,
  answers: v.array(answer),
  compileApply: v.optional(compileApply),
} satisfies FactMembers<"held">;

const fact: v.GenericSchema<unknown, Fact> = v.variant("type", [
  v.object({ type: v.literal("adopted"), deployed } satisfies FactMembers<"adopted">),
  v.object({ type: v.literal("triggered"), trigger } satisfies FactMembers<"triggered">),
  v.object({
    type: v.literal("triggers_settled"),
    triggerIds: v.array(text),
    by: v.picklist(["repair", "recompile", "rollout", "gone", "person", "observed"]),
  } satisfies FactMembers<"triggers_settled">),
  v.object({
    type: v.literal("recompile_started"),
    attemptId: text,
    triggerIds: v.array(text),
  } satisfies FactMembers<"recompile_started">),
  v.object({
    type: v.literal("recompile_ended"),
    attemptId: text,
    result: v.picklist(["offered", "unchanged", "refused", "failed", "cut_off"]),
    offer: v.optional(offer),
    errorCode: v.optional(text),
    message: v.optional(text),
    durationMs: number,
  } satisfies FactMembers<"recompile_ended">),
  v.object({ type: v.literal("offered"), offer } satisfies FactMembers<"offered">),
  v.object(heldMembers),
  v.object({
    type: v.literal("proposed"),
    attemptId: text,
    kind: attemptKind,
    bundleSha256: text,
    planPath: v.optional(text),
    summary: text,
  } satisfies FactMembers<"proposed">),
  v.object({
    type: v.literal("attempt_started"),
    attempt: v.object(attemptMembers),
    answers: v.array(answer),
    compileApply: v.optional(compileApply),
  } satisfies FactMembers<"attempt_started">),
  v.object({
    type: v.literal("attempt_deployed"),
    attemptId: text,
    run,
    bakeUntilMs: number,
  } satisfies FactMembers<"attempt_deployed">),
  v.object({
    type: v.literal("attempt_ended"),
    attemptId: text,
    verdict: v.picklist(["kept", "failed", "rolled_back", "rollback_failed", "not_started", "stopped"]),
    run: v.optional(run),
    metrics: v.optional(metrics),
    message: v.optional(text),
  } satisfies FactMembers<"attempt_ended">),
  v.object({
    type: v.literal("escalated"),
    reason: escalationReason,
    message: text,
  } satisfies FactMembers<"escalated">),
  v.object({
    type: v.literal("word"),
    word: v.picklist(words),
    by: text,
    reason: text,
    bundleSha256: v.optional(text),
  } satisfies FactMembers<"word">),
  v.object({
    type: v.literal("visit_failed"),
    code: text,
    message: text,
  } satisfies FactMembers<"visit_failed">),
  v.object({ type: v.literal("visit_recovered") } satisfies FactMembers<"visit_recovered">),
  v.object({
    type: v.literal("scored"),
    windowStartMs: number,
    windowEndMs: number,
  } satisfies FactMembers<"scored">),
]);

/**
 * The text that is stored, and the fact as it will be read.
 * @throws AkcError INTERNAL for one that could not be read back as it is, or is larger than `limits.autopilotFactBytesMax`
 */
export function storable(given: Fact): { readonly text: string; readonly fact: Fact } {
  const text = canonicalJson(fromPlain(given));
  const back = readFact(text);
  if (back === undefined || canonicalJson(fromPlain(back)) !== text) {
    throw new AkcError("INTERNAL", {
      message: "a fact would not be read as it was written",
      details: { type: given.type },
    });
  }
  if (Buffer.byteLength(text) > limits.autopilotFactBytesMax) {
    throw new AkcError("INTERNAL", {
      message: "a fact is too large to be stored",
      details: { type: given.type, bytesMax: limits.autopilotFactBytesMax },
    });
  }
  return { text, fact: back };
}

/** Undefined when the text is no fact that this akc knows. */
export function readFact(text: string): Fact | undefined {
  return readAs(fact, text);
}

/** Undefined when the text is not what the schema describes. */
export function readAs<T>(schema: v.GenericSchema<unknown, T>, text: string): T | undefined {
  try {
    const read = v.safeParse(schema, parseJson(text));
    return read.success ? read.output : undefined;
  } catch (cause) {
    if (cause instanceof AkcError) return undefined;
    throw cause;
  }
}
