/**
 * The visits of the loop: begins what is due while there are places, and says when each scope comes again. Whatever a visit throws
 * stays with its scope.
 *
 * Source: spec cli §17.1 W-02, W-18b, W-65, W-66.
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { jittered } from "../../reconciler/backoff.ts";
import { backoffMs } from "../backoff.ts";
import { scopeConfigOf } from "../config/scope-config.ts";
import { type Visited, visit } from "../visit.ts";
import { ask } from "../visiting/bounded.ts";
import { forget } from "./chores.ts";
import { type Ground, hasNews, note } from "./ground.ts";
import { tellSight } from "./sight.ts";
import { damagedState, type Watched } from "./watched.ts";

export class Visits {
  readonly #ground: Ground;
  readonly #running = new Set<Promise<void>>();

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  startDue(nowMs: number): void {
    const { places, queue, scopes } = this.#ground;
    while (places.hasVisitPlace()) {
      const key = queue.take(nowMs);
      if (key === undefined) return;
      const scope = scopes.get(key);
      if (scope === undefined) continue;
      if (scope.visiting) {
        scope.again = true;
        continue;
      }
      const running: Promise<void> = this.#visit(scope, nowMs).finally(() => this.#running.delete(running));
      this.#running.add(running);
    }
  }

  get areUnderWay(): boolean {
    return this.#running.size > 0;
  }

  /** Until those that are under way have ended, or for so long, or until `cut`. */
  async end(withinMs: number, cut?: AbortSignal): Promise<void> {
    const over = new AbortController();
    const stop = () => over.abort();
    cut?.addEventListener("abort", stop, { once: true });
    if (cut?.aborted === true) stop();
    void Promise.all(this.#running).then(stop);
    await this.#ground.clock.sleep(withinMs, over.signal);
    cut?.removeEventListener("abort", stop);
  }

  /** Never throws. */
  async #visit(scope: Watched, startedMs: number): Promise<void> {
    const { ports, places, clock, kick } = this.#ground;
    scope.visiting = true;
    scope.again = false;
    scope.startedMs = startedMs;
    const begunMs = clock.monotonicMs();
    const leave = places.takeVisit();
    const done = new AbortController();
    void clock.sleep(limits.autopilotSlowVisitMs, done.signal).then(leave);
    let waitMs: number | undefined;
    try {
      waitMs = await this.#visited(scope, leave);
    } catch (cause) {
      waitMs = await this.#failed(scope, cause);
    }
    done.abort(isOver);
    leave();
    scope.lastVisitAtMs = clock.nowMs();
    if (scope.holding || scope.failures > 0) {
      ports.tell({
        kind: "visited",
        scope: scope.id,
        next: scope.next?.do ?? "fault",
        durationMs: Math.max(0, clock.monotonicMs() - begunMs),
        atMs: scope.lastVisitAtMs,
      });
    }
    // One in which something went wrong has its wait; the poll sees what is said meanwhile.
    const isNews = scope.holding && scope.failures === 0 && (await hasNews(this.#ground, scope));
    scope.visiting = false;
    if (scope.gone) forget(this.#ground, scope);
    else this.#reschedule(scope, isNews || scope.again ? 0 : waitMs);
    kick();
  }

  /** @param waitMs undefined: for the interval, from the start of the visit */
  #reschedule(scope: Watched, waitMs: number | undefined): void {
    const { clock, queue } = this.#ground;
    const { iterationsMax } = this.#ground.config();
    if (iterationsMax !== undefined && scope.visits >= iterationsMax) return;
    const nowMs = clock.nowMs();
    const { intervalMs } = scopeConfigOf(this.#ground.config(), scope.id);
    // Never later than the interval says: only earlier, and each scope by another part of it.
    const shortenedMs = jittered(intervalMs, 0.05, `${scope.key}\n${scope.visits}`);
    const dueMs = waitMs === undefined ? (scope.startedMs ?? nowMs) + shortenedMs : nowMs + waitMs;
    queue.hasten(scope.key, Math.min(Math.max(nowMs, dueMs), nowMs + longestMs));
  }

  /** Returns how long to wait; undefined: for the interval. */
  async #visited(scope: Watched, leave: () => void): Promise<number | undefined> {
    const { keeper, ports, places, cut, isStopping } = this.#ground;
    const config = scopeConfigOf(this.#ground.config(), scope.id);
    const bounds = { clock: ports.clock, signals: [cut] };
    const held = await ask("taking the lease", limits.autopilotAskMsMax, bounds, () => keeper.hold(scope.id));
    scope.holding = held !== undefined;
    scope.refusal = held === undefined ? keeper.last(scope.id) : undefined;
    if (held === undefined) return this.#standBy(scope);
    const visited = await visit(ports, {
      scope: config,
      held,
      memory: scope.memory,
      nowMs: (floorMs) => scope.time.nowMs(floorMs),
      stands: (state) => {
        scope.state = state;
      },
      stopping: isStopping,
      cut,
      takePlace: () => {
        const free = places.takeStep(scope.key);
        // A long step has a place of its own.
        if (free !== undefined) leave();
        return free;
      },
    });
    scope.state = visited.state;
    scope.next = visited.next;
    scope.sighting = visited.sighting;
    tellSight(this.#ground, scope, visited.sighting);
    return this.#waitAfter(scope, visited, config.intervalMs);
  }

  #waitAfter(scope: Watched, visited: Visited, intervalMs: number): number | undefined {
    const { ended, fault, againInMs } = visited;
    if (ended === "lost") {
      scope.holding = false;
      return this.#ground.pace.pollMs;
    }
    // It is called when there is one; the interval is for the case that nobody does.
    if (ended !== undefined) return undefined;
    scope.visits += 1;
    if (fault === undefined) {
      scope.failures = 0;
      scope.faultTold = undefined;
      // A cool-down, a hook's backoff or a gate that opens tomorrow keeps nobody from noticing the rest. A bake has a pace of its own.
      const isBaking = visited.state.attempt !== undefined;
      return againInMs !== undefined && againInMs > intervalMs && !isBaking ? undefined : againInMs;
    }
    const retryMs = this.#backOff(scope, fault.code, fault.message);
    // What failed beside keeps nobody from coming back in time.
    return fault.whole ? retryMs : Math.min(retryMs, againInMs ?? intervalMs);
  }

  /** Writes nothing; comes back often, since asking costs nothing before the lease may be free. */
  async #standBy(scope: Watched): Promise<number> {
    const { ports, pace, clock, scopes } = this.#ground;
    scope.visits += 1;
    scope.failures = 0;
    scope.next = undefined;
    scope.sighting = undefined;
    const monotonicMs = clock.monotonicMs();
    if (monotonicMs - scope.stateReadMs >= pace.discoverMs) {
      scope.stateReadMs = monotonicMs;
      scope.state = await ports.store.state(scope.id).catch(() => scope.state);
    }
    return Math.max(pace.pollMs, scopes.size * standbyEachMs);
  }

  /** A fault of the visit itself. Returns how long to wait. */
  async #failed(scope: Watched, cause: unknown): Promise<number | undefined> {
    const { cut, clock, ports } = this.#ground;
    scope.visits += 1;
    if (cut.aborted) return undefined;
    const { code } = cause instanceof AkcError ? cause : new AkcError("INTERNAL", { cause });
    const message = cause instanceof Error ? cause.message : String(cause);
    scope.next = undefined;
    if (code === "AUTOPILOT_STATE_DAMAGED") {
      scope.state = damagedState(scope.state, message, clock.nowMs());
      scope.next = { do: "hold", why: "escalated" };
    } else {
      scope.state = await ports.store.state(scope.id).catch(() => scope.state);
    }
    return this.#backOff(scope, code, message);
  }

  #backOff(scope: Watched, code: string, message: string): number {
    scope.failures += 1;
    if (scope.faultTold !== code) {
      const { tenantId, repoId } = scope.id;
      const keys = { tenant_id: tenantId, repo_id: repoId, error_code: code, error: message };
      note(this.#ground, "error", "something went wrong in a scope", keys);
    }
    scope.faultTold = code;
    return backoffMs(scope.key, scope.failures);
  }
}

/** Why the wait for a visit ends; one for all, since making a reason costs more than the wait. */
const isOver = "the visit is over";
/** Of each scope that is another controller's, so that asking for a thousand of them costs no more than for one. */
const standbyEachMs = 2;
/** Nothing is put off for longer: the time of a scope and the loop's may differ. */
const longestMs = 86_400_000;
