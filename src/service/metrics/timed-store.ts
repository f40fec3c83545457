/**
 * An autopilot store whose durable writes are timed. Hands every call on unchanged, and its failure too.
 */
import type { AutopilotStore } from "../../autopilot/contract.ts";
import type { Clock } from "../../system/clock.ts";

/** @param wrote milliseconds, and whether the write succeeded */
export function timedStore(
  store: AutopilotStore,
  clock: Pick<Clock, "monotonicMs">,
  wrote: (ms: number, ok: boolean) => void,
): AutopilotStore {
  const timed = async <T>(write: () => Promise<T>): Promise<T> => {
    const from = clock.monotonicMs();
    try {
      const done = await write();
      wrote(clock.monotonicMs() - from, true);
      return done;
    } catch (cause) {
      wrote(clock.monotonicMs() - from, false);
      throw cause;
    }
  };
  return {
    state: (scope) => store.state(scope),
    append: (scope, facts, by, options) => timed(() => store.append(scope, facts, by, options)),
    say: (scope, fact, by, nowMs, nonce) => timed(() => store.say(scope, fact, by, nowMs, nonce)),
    entries: (scope, afterSeq, limit) => store.entries(scope, afterSeq, limit),
    attemptMarks: (scope, fromMs, toMs) => store.attemptMarks(scope, fromMs, toMs),
    entriesBetween: (scope, fromMs, toMs) => store.entriesBetween(scope, fromMs, toMs),
    cursors: (scope) => store.cursors(scope),
    scopes: () => store.scopes(),
    scopesInAttempt: () => store.scopesInAttempt(),
    raiseFence: (scope, holder, nowMs) => timed(() => store.raiseFence(scope, holder, nowMs)),
    fence: (scope) => store.fence(scope),
    takeNonce: (nonce, keepUntilMs, nowMs) => timed(() => store.takeNonce(nonce, keepUntilMs, nowMs)),
    beat: (controller, tallies) => timed(() => store.beat(controller, tallies)),
    tallies: (scope, fromMs, toMs) => store.tallies(scope, fromMs, toMs),
    controllers: () => store.controllers(),
    version: () => store.version(),
    verify: (scope) => store.verify(scope),
    prune: (beforeMs) => store.prune(beforeMs),
    close: () => store.close(),
  };
}
