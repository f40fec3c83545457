/**
 * What a contract demands of one action: does this event trigger it, is its input whole, is its output whole, and into
 * which state does it go. Pure questions; the kernel decides when to ask them and records the answers.
 *
 * Source: spec bundle §7, spec kernel §5.2, §9.8; bundle:W-36, kernel:W-12, kernel:W-13.
 */
import { compareCodePoints } from "../json/order.ts";
import { asDouble, isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import { emptyObject, member } from "./member.ts";
import type { Contract, Transition, Trigger } from "./model.ts";

/** What set an action off. */
export interface TriggeringEvent {
  readonly type: string;
  readonly payload: JsonObject;
}

/** Whether an event of this type and payload is what the trigger waits for. */
export function triggerMatches(trigger: Trigger, eventType: string, payload: JsonObject): boolean {
  if (eventType.trim() !== trigger.eventType) return false;
  const source = member(payload, "source");
  if (source === undefined || source === null) return true;
  if (typeof source !== "string") return false;
  const name = source.trim();
  return name === "" || name === trigger.source;
}

/** The contract's input keys that the payload lacks, sorted. */
export function missingInputs(contract: Contract, payload: JsonObject): string[] {
  return lacking(contract.inputKeys, payload);
}

/** The contract's output keys that the outputs lack, sorted. Ask only about a result that succeeded (bundle:W-2). */
export function missingOutputs(contract: Contract, outputs: JsonObject): string[] {
  return lacking(contract.outputKeys, outputs);
}

/** A transition that might have been taken, and why it was not. */
export interface SkippedTransition {
  readonly transitionId: string;
  readonly why: string;
}

export type TransitionChoice =
  | {
      readonly kind: "taken";
      readonly transition: Transition;
      readonly skipped: readonly SkippedTransition[];
    }
  | { readonly kind: "none"; readonly skipped: readonly SkippedTransition[] };

/**
 * The declared transition of an action that succeeded: triggers in document order, for each that matches the first
 * transition out of `fromState` that belongs to it (or to no trigger) and whose guard holds. Ask it of succeeded
 * results only: a failed action never takes a declared transition.
 * @param event what set the action off; undefined for an action that no event started, which then counts as started by
 *   an event of the name of each trigger (spec kernel §9.8)
 */
export function chooseTransition(
  contract: Contract,
  fromState: string,
  event: TriggeringEvent | undefined,
  outputs: JsonObject,
): TransitionChoice {
  const skipped: SkippedTransition[] = [];
  const judged = new Set<Transition>();
  const leaving = contract.transitions.filter((transition) => transition.fromState === fromState);
  for (const trigger of leaving.length === 0 ? [] : contract.triggers) {
    const type = event?.type ?? trigger.triggerId;
    if (!triggerMatches(trigger, type, event?.payload ?? emptyObject)) continue;
    for (const transition of leaving) {
      const belongs = transition.triggerId === undefined || transition.triggerId === trigger.triggerId;
      if (!belongs || judged.has(transition)) continue;
      judged.add(transition);
      const why = guardFault(transition.guard ?? emptyObject, outputs, event?.payload ?? emptyObject);
      if (why === undefined) return { kind: "taken", transition, skipped };
      skipped.push({ transitionId: transition.transitionId, why });
    }
  }
  return { kind: "none", skipped };
}

/**
 * Why the guard does not hold, or undefined when it does. Every key is a condition "this value equals that": the key is
 * a name or a dotted path, looked up in the outputs and then in the payload; `outputs.` or `payload.` in front says
 * which. Only null, booleans, numbers and strings can be compared; any other condition is unknown and does not hold.
 */
function guardFault(guard: JsonObject, outputs: JsonObject, payload: JsonObject): string | undefined {
  for (const [key, expected] of Object.entries(guard)) {
    if (typeof expected === "object" && expected !== null && asDouble(expected) === undefined) {
      return `the guard's condition on "${key}" is of an unknown kind; only plain values can be compared`;
    }
    const found = lookUp(outputs, payload, key);
    if (found === undefined)
      return `the guard asks for "${key}", which is neither in the outputs nor in the payload`;
    if (!sameValue(found, expected)) return `the guard's condition on "${key}" does not hold`;
  }
  return undefined;
}

function lookUp(outputs: JsonObject, payload: JsonObject, key: string): JsonValue | undefined {
  for (const place of [outputs, payload, { outputs, payload }]) {
    const value = valueAt(place, key);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** The value at a name, or else at a dotted path. `null` is a value. */
function valueAt(object: JsonObject, key: string): JsonValue | undefined {
  const direct = member(object, key);
  if (direct !== undefined) return direct;
  let place: JsonValue | undefined = object;
  for (const part of key.split(".")) {
    if (!isJsonObject(place)) return undefined;
    place = member(place, part);
  }
  return place;
}

/** Equality of plain values; 1 and 1.0 are the same here, unlike in a fingerprint. */
function sameValue(a: JsonValue, b: JsonValue): boolean {
  if (typeof a === "bigint" && typeof b === "bigint") return a === b;
  const left = asDouble(a);
  const right = asDouble(b);
  return left === undefined || right === undefined ? a === b : left === right;
}

function lacking(keys: readonly string[], object: JsonObject): string[] {
  return keys.filter((key) => !Object.hasOwn(object, key)).sort(compareCodePoints);
}
