/**
 * A scope's state as the text that is kept beside its facts, so that months of them are not folded at every start. It is only ever
 * a copy of what the facts say, and is taken for nothing when it is not bound to them.
 */
import * as v from "valibot";
import { AkcError } from "../../errors.ts";
import { canonicalJson } from "../../json/canonical.ts";
import { fromPlain } from "../../json/plain.ts";
import type { OpenAttempt, ScopeState } from "../model.ts";
import {
  attemptKind,
  attemptMembers,
  candidate,
  deployed,
  type Members,
  number,
  run,
  text,
  trigger,
} from "./shapes.ts";
import { escalationReason, heldMembers, readAs } from "./stored-fact.ts";

const attempt = v.object({
  ...attemptMembers,
  startedAtMs: number,
  phase: v.variant("kind", [
    v.object({ kind: v.literal("running") }),
    v.object({ kind: v.literal("baking"), run, untilMs: number }),
  ]),
} satisfies Members<OpenAttempt>);

const state: v.GenericSchema<unknown, ScopeState> = v.object({
  seq: number,
  atMs: number,
  deployed: v.optional(deployed),
  candidate: v.optional(candidate),
  newestSha256: v.optional(text),
  rejected: v.array(text),
  openTriggers: v.array(trigger),
  recompiling: v.optional(v.object({ attemptId: text, sinceMs: number, triggerIds: v.array(text) })),
  attempt: v.optional(attempt),
  paused: v.optional(v.object({ by: text, reason: text, atMs: number })),
  escalated: v.optional(v.object({ reason: escalationReason, message: text, atMs: number })),
  proposal: v.optional(
    v.object({ attemptId: text, kind: attemptKind, bundleSha256: text, atMs: number } satisfies Members<
      NonNullable<ScopeState["proposal"]>
    >),
  ),
  approval: v.optional(v.object({ bundleSha256: text, by: text, atMs: number })),
  held: v.optional(v.object({ ...heldMembers, atMs: number })),
  mutationsAtMs: v.array(number),
  rollbacksAtMs: v.array(number),
  consecutiveFailures: number,
  lastFailureAtMs: v.optional(number),
  lastRepairFailureAtMs: v.optional(number),
  lastPolicyDenyAtMs: v.optional(number),
  consecutiveCompileFailures: number,
  lastCompileFailureAtMs: v.optional(number),
  ackedAtMs: v.optional(number),
  fault: v.optional(v.object({ code: text, message: text, count: number, sinceMs: number })),
  scoredUntilMs: v.optional(number),
} satisfies Members<ScopeState>);

export interface StateText {
  readonly text: string;
  /** Binds the text to the digest of the entry that it was folded up to. */
  readonly sha256: Uint8Array;
}

/** @throws AkcError INTERNAL for a state that could not be read back as it is */
export function stateText(given: ScopeState, entrySha256: Uint8Array): StateText {
  const text = canonicalJson(fromPlain(given));
  const back = readAs(state, text);
  if (back === undefined || canonicalJson(fromPlain(back)) !== text) {
    throw new AkcError("INTERNAL", { message: "a state would not be read as it was written" });
  }
  return { text, sha256: bindingOf(text, entrySha256) };
}

/** Undefined when it is not what was kept, or belongs to other facts. */
export function readState({ text, sha256 }: StateText, entrySha256: Uint8Array): ScopeState | undefined {
  if (Buffer.compare(bindingOf(text, entrySha256), sha256) !== 0) return undefined;
  return readAs(state, text);
}

function bindingOf(text: string, entrySha256: Uint8Array): Uint8Array {
  return new Bun.CryptoHasher("sha256").update(entrySha256).update(format).update(text).digest();
}

/** To be changed when the same facts give another state: then what was kept before is folded again. */
const format = "akc.autopilot_state.v1\n";
