/**
 * One binding from its first try to its last: each in a folder and with a door of its own, within its time, and again only where
 * nobody could be reached. Never throws and never waits for ever: whatever happens is an answer.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { WireContext } from "../../sdk/protocol.ts";
import type { Clock } from "../../system/clock.ts";
import { ownerName } from "../../system/process-owner.ts";
import type { Answer, RecordingDoor, Validator, Validators } from "../../validators/contract.ts";
import type { Binding } from "../bindings/model.ts";
import { checkedAnswer } from "./checked-answer.ts";
import { gatedDoor } from "./gated-door.ts";
import { type Attempt, errorAnswer, type Judgement } from "./judgement.ts";

export interface AttemptParts {
  readonly validators: Pick<Validators, "kinds" | "byKind">;
  /**
   * The one way of a try to the world. `workdir` is empty, private, and gone after the try.
   * @throws AkcError where the binding may not be carried out, e.g. since a secret of it cannot be had
   */
  openDoor(binding: Binding, workdir: string): RecordingDoor | Promise<RecordingDoor>;
  readonly clock: Clock;
  /** From 0 up to 1: spreads the waits between tries. */
  readonly random: () => number;
  readonly context?: WireContext;
}

/** Why a signal aborted, as `signal.reason`. */
export type Over = "cancelled" | "total" | "timeout";

/** @param signal aborts with one of {@link Over} */
export async function judgeBinding(
  binding: Binding,
  criterionIds: readonly string[],
  parts: AttemptParts,
  signal: AbortSignal,
): Promise<Judgement> {
  const { context } = parts;
  const validator = parts.validators.byKind(binding.kind);
  const of = { binding, criterionIds, ...(context === undefined ? {} : { context }) };
  if (validator === undefined) return { ...of, attempts: [nobodyJudges(binding, parts)] };
  let attempts: Judgement["attempts"] = [await tryOnce(binding, validator, parts, signal)];
  for (let last = attempts[0]; ; ) {
    const isLast = attempts.length >= Math.min(binding.tries, limits.bindingTriesMax);
    if (isLast || !isWorthAnother(last.answer)) break;
    await parts.clock.sleep(pauseMs(attempts.length, parts.random()), signal);
    if (signal.aborted) break;
    last = await tryOnce(binding, validator, parts, signal);
    attempts = [...attempts, last];
  }
  return { ...of, validator, attempts };
}

/** What was denied, malformed or too slow is so again; what could not be reached may be there in a moment. */
function isWorthAnother({ verdict, reason }: Answer): boolean {
  return verdict === "error" && reason === "unreachable";
}

/** Doubles with each try; half of it is chance, so that many do not come back at once. */
function pauseMs(tries: number, chance: number): number {
  const longest = Math.min(limits.bindingRetryMsMax, limits.bindingRetryBaseMs * 2 ** (tries - 1));
  return longest * (0.5 + chance / 2);
}

async function tryOnce(
  binding: Binding,
  validator: Validator,
  parts: AttemptParts,
  signal: AbortSignal,
): Promise<Attempt> {
  const { clock, context } = parts;
  const evaluatedAtMs = clock.nowMs();
  const startedMs = clock.monotonicMs();
  let door: RecordingDoor | undefined;
  const ended = (answer: Answer, judgedBy: Attempt["judgedBy"]): Attempt => ({
    answer,
    judgedBy,
    evaluatedAtMs,
    endedAtMs: Math.max(evaluatedAtMs, clock.nowMs()),
    durationMs: clock.monotonicMs() - startedMs,
    // A copy: a validator that obeys no signal may still be at the door.
    exchanges: [...(door?.exchanges ?? [])],
  });
  if (signal.aborted) return ended(overAnswer(signal, binding), "akc");
  const time = timeOf(binding, clock, signal);
  // Named after this process: should it be killed, another one sees that nobody needs it any more.
  const workdir = await mkdtemp(join(tmpdir(), `akc-validator-${ownerName(process.pid)}-`)).catch(
    () => undefined,
  );
  try {
    if (workdir === undefined) return ended(errorAnswer("system", "no folder could be made for it"), "akc");
    const opened = await doorOrFault(parts, binding, workdir, time);
    if (opened === undefined) return ended(overAnswer(time.over, binding), "akc");
    if ("verdict" in opened) return ended(opened, "akc");
    door = opened;
    const request = {
      bindingId: binding.id,
      kind: binding.kind,
      binding: binding.settings,
      ...(context === undefined ? {} : { context }),
      evaluatedAtMs,
      timeoutMs: binding.timeoutMs,
    };
    const gate = gatedDoor(door, time.over);
    // An answer that comes after the end is not used: whether it still comes is chance.
    const answered = Promise.resolve()
      .then(() => validator.validate(request, gate, time.over))
      .then((answer) => (time.over.aborted ? undefined : checkedAnswer(answer)))
      .catch((cause: unknown) => (time.over.aborted ? undefined : faultAnswer(cause)));
    const answer = await Promise.race([answered, time.waitedLongEnough]);
    if (answer === undefined) return ended(overAnswer(time.over, binding), "akc");
    return ended(answer, answer.reason === "plugin_fault" ? "akc" : "validator");
  } finally {
    time.end();
    if (workdir !== undefined) await removed(workdir);
  }
}

/** Undefined when the time was over before there was either. */
async function doorOrFault(
  parts: AttemptParts,
  binding: Binding,
  workdir: string,
  time: Time,
): Promise<RecordingDoor | Answer | undefined> {
  const opening = Promise.resolve()
    .then(() => parts.openDoor(binding, workdir))
    .catch(doorAnswer);
  const opened = await Promise.race([opening, time.waitedLongEnough]);
  return time.over.aborted ? undefined : opened;
}

interface Time {
  /** Aborts when the try has to end, with why. */
  readonly over: AbortSignal;
  /** Some time after that, in which the validator may clean up. */
  readonly waitedLongEnough: Promise<undefined>;
  /** Shuts what is still open. */
  end(): void;
}

function timeOf(binding: Binding, clock: Clock, outer: AbortSignal): Time {
  const timer = new AbortController();
  const own = new AbortController();
  const over = AbortSignal.any([outer, own.signal]);
  // The door knows the same time: what it tells of it is the better answer, and one that can be given again.
  void clock
    .sleep(binding.timeoutMs + limits.bindingGraceMs, timer.signal)
    .then(() => own.abort("timeout" satisfies Over));
  const aborted = new Promise<void>((resolve) => {
    if (over.aborted) resolve();
    else over.addEventListener("abort", () => resolve(), { once: true });
  });
  return {
    over,
    waitedLongEnough: aborted
      .then(() => clock.sleep(limits.validatorEndMsMax, timer.signal))
      .then(() => undefined),
    // Ends the timer, whose end shuts the door.
    end: () => timer.abort(),
  };
}

function overAnswer(over: AbortSignal, binding: Binding): Answer {
  switch (over.reason) {
    case "timeout":
      return errorAnswer("timeout", `no answer within ${binding.timeoutMs} ms`);
    case "total":
      return errorAnswer("timeout", "the time for all bindings together was over");
    default:
      return errorAnswer("cancelled", "the run was stopped before there was an answer");
  }
}

function doorAnswer(cause: unknown): Answer {
  if (!(cause instanceof AkcError)) return errorAnswer("system", "the binding could not be prepared");
  // What the operator does not allow or did not provide; anything else is this host's.
  const isDenied = cause.class === "denied" || cause.class === "usage";
  return errorAnswer(isDenied ? "denied" : "system", `${cause.message} [${cause.code}]`);
}

function faultAnswer(cause: unknown): Answer {
  const code = cause instanceof AkcError ? ` [${cause.code}]` : "";
  return errorAnswer("plugin_fault", `the validator broke${code}`);
}

function nobodyJudges({ kind }: Binding, { validators, clock }: AttemptParts): Attempt {
  const known = validators.kinds.length === 0 ? "none" : [...validators.kinds].sort().join(", ");
  const atMs = clock.nowMs();
  return {
    answer: errorAnswer("no_validator", `nobody judges bindings of kind ${kind}; known are: ${known}`),
    judgedBy: "akc",
    evaluatedAtMs: atMs,
    endedAtMs: atMs,
    durationMs: 0,
    exchanges: [],
  };
}

/** What a tool has locked away from us stays: it is in the folder for temporary files. */
async function removed(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 2 }).catch(() => undefined);
}
