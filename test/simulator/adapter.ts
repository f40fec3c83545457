/**
 * The world outside akc and the adapter through which it is asked: what was done, for which key, at which attempt. The
 * world goes on whether akc lives or not and remembers what it did.
 */
import type { ActionRequest, ActionResult, Adapter, Recovery } from "../../src/adapters/contract.ts";
import { noCapabilities } from "../../src/adapters/contract.ts";
import type { Random } from "./random.ts";
import type { Ending, Scenario } from "./scenario.ts";
import type { Timeline } from "./timeline.ts";
import type { Claim, Witness } from "./witness.ts";

interface Done {
  readonly attempt: number;
  readonly result: ActionResult;
  readonly output: Uint8Array | undefined;
}

export class Outside {
  /** Idempotency key → how often its effect happened. */
  readonly effects = new Map<string, number>();
  /** Idempotency key → the last end that the world knows of. */
  readonly done = new Map<string, Done>();
  /** How often akc was told of an end that it had lost sight of. */
  recovered = 0;
}

export interface AdapterParts {
  readonly scenario: Scenario;
  readonly outside: Outside;
  readonly timeline: Timeline;
  readonly random: Random;
  readonly witness: Witness;
  readonly claim: Claim;
  /** Whether this process holds the run's lease now. */
  holds(): boolean;
}

/** The adapter of one process. */
export function createScriptedAdapter(parts: AdapterParts): Adapter {
  const { scenario, witness, claim, random } = parts;
  const adapter: Adapter = {
    id: "scripted",
    capabilities: noCapabilities,
    respectsRouting: true,
    async execute(request) {
      witness.offered(claim, request, parts.holds(), "execute");
      witness.began(claim, request);
      try {
        return await carriedOut(parts, request);
      } finally {
        witness.ended(claim, request);
      }
    },
  };
  if (scenario.recovers === "never") return adapter;
  return {
    ...adapter,
    async recover(request): Promise<Recovery> {
      witness.offered(claim, request, parts.holds(), "recover");
      await claim.life.after(random.between(0, 20), "recovery");
      if (scenario.recovers === "throws") throw new Error("nobody can tell");
      if (scenario.recovers === "sometimes" && random.chance(0.5)) return { kind: "unknown" };
      const done = parts.outside.done.get(request.action.idempotencyKey);
      // A failure of an earlier attempt says nothing about the one that was lost.
      if (done === undefined) return { kind: "unknown" };
      if (done.result.status !== "succeeded" && done.attempt !== request.attempt - 1)
        return { kind: "unknown" };
      parts.outside.recovered += 1;
      return { kind: "ended", result: await withOutput(request, done) };
    },
  };
}

async function carriedOut(parts: AdapterParts, request: ActionRequest): Promise<ActionResult> {
  const { scenario, random, witness, claim } = parts;
  const script = scenario.scripts.get(request.node.nodeId);
  const output = await outputOf(request);
  if (script === undefined || request.route.kind === "noop" || scenario.mode === "simulate") {
    effect(parts, request, { attempt: request.attempt, result: resultOf("succeeds", request), output });
    return withOutput(request, { attempt: 1, result: resultOf("succeeds", request), output });
  }
  const { failures } = witness.book.entry(request.action.actionId);
  const ending = script.endings[Math.min(failures, script.endings.length - 1)] ?? "succeeds";
  const delayMs = Math.round(random.next() * Math.min(script.delayMsMax, scenario.hurryMs));
  const done = { attempt: request.attempt, result: resultOf(ending, request), output };
  if (ending === "hangs for ever") return new Promise(() => {});
  const hangs = ending === "hangs until told to end" || ending === "times out";
  const atOnce = script.actsEarly ? Math.round(random.next() * delayMs) : delayMs;
  let happened = hangs;
  const happen = () => {
    if (happened) return;
    happened = true;
    effect(parts, request, done);
  };
  parts.timeline.plan(atOnce, () => {
    if (claim.life.alive || !script.diesWithProcess) happen();
  });
  const endsMs = hangs ? request.timeoutMs : delayMs;
  const ended =
    ending === "hangs until told to end"
      ? new Promise<never>(() => {})
      : claim.life.after(endsMs, "result").then(() => {
          happen();
          return done;
        });
  const told = new Promise<null>((resolve) => {
    const soon = () => void claim.life.after(random.between(1, 300), "told to end").then(() => resolve(null));
    if (request.signal.aborted) soon();
    else request.signal.addEventListener("abort", soon, { once: true });
  });
  const came = await Promise.race([ended, told]);
  if (came === null) return { status: "cancelled", outputs: {}, durationMs: 1 };
  if (ending === "throws") throw new Error("the connection was reset");
  return withOutput(request, came);
}

function effect({ outside }: AdapterParts, { action }: ActionRequest, done: Done): void {
  const key = action.idempotencyKey;
  outside.effects.set(key, (outside.effects.get(key) ?? 0) + 1);
  outside.done.set(key, done);
}

function resultOf(ending: Ending, { action }: ActionRequest): ActionResult {
  const outputs = ending === "leaves out an output" ? {} : { action_id: action.actionId };
  if (ending === "succeeds" || ending === "leaves out an output")
    return { status: "succeeded", outputs, durationMs: 1 };
  const error =
    ending === "times out"
      ? { code: "SUBPROCESS_TIMEOUT" as const, message: "took too long", retryable: true }
      : { code: "SUBPROCESS_EXIT" as const, message: "exit 1", retryable: ending !== "fails for good" };
  return { status: "failed", outputs: {}, error, durationMs: 1 };
}

/** Follows from the step and what was handed to it, so that two runs of one plan put out the same. */
async function outputOf({ node, step, handoffs }: ActionRequest): Promise<Uint8Array | undefined> {
  if (step === undefined || step.layer % 3 === 2) return undefined;
  const handed = await Promise.all(handoffs.map((handoff) => handoff.read()));
  const texts = handed.map((bytes) => new TextDecoder().decode(bytes).slice(0, 40));
  return new TextEncoder().encode(`${node.nodeId} after [${texts.join(", ")}]`);
}

async function withOutput(request: ActionRequest, { result, output }: Done): Promise<ActionResult> {
  if (output === undefined || result.status !== "succeeded") return result;
  return { ...result, output: await request.artifacts.put(output) };
}
