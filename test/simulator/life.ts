/**
 * One process of akc, from its start to its death: its clock, and the gate through which all that it waits for comes back.
 * Killing it shuts the gate; pausing it holds everything back. What it runs knows nothing of this.
 */
import type { Clock } from "../../src/system/clock.ts";
import type { Timeline } from "./timeline.ts";

/** Of the host: jumps when somebody sets it. */
export interface WallClock {
  /** Milliseconds to add to simulated time. */
  offsetMs: number;
}

export interface LifeHooks {
  /** Asked at every point where the process comes back from waiting; it may kill or pause the life. */
  reached(life: Life, point: string): void;
}

export class Life {
  readonly number: number;
  readonly clock: Clock;
  alive = true;
  /** Points passed so far. */
  points = 0;
  readonly #timeline: Timeline;
  readonly #hooks: LifeHooks;
  #pausedUntilMs = 0;

  constructor(number: number, timeline: Timeline, wall: WallClock, hooks: LifeHooks) {
    this.number = number;
    this.#timeline = timeline;
    this.#hooks = hooks;
    const bornAtMs = timeline.nowMs;
    this.clock = {
      nowMs: () => wall.offsetMs + timeline.nowMs,
      monotonicMs: () => timeline.nowMs - bornAtMs,
      sleep: (ms, signal) => this.#sleep(ms, signal),
    };
  }

  /** The process ends here and now, like one that got SIGKILL. */
  kill(): void {
    this.alive = false;
  }

  /** Nothing comes back to it for so long: a stopped process, a suspended machine, a swapped-out heap. */
  pause(forMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#timeline.nowMs + forMs);
  }

  get paused(): boolean {
    return this.#pausedUntilMs > this.#timeline.nowMs;
  }

  /** Resolves after `delayMs`; never, when the process has died by then. */
  after(delayMs: number, point: string): Promise<void> {
    return new Promise((resolve) => {
      this.#timeline.plan(delayMs, () => this.#comeBack(point, resolve));
    });
  }

  #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const woken = () => {
        due.cancelled = true;
        signal?.removeEventListener("abort", woken);
        resolve();
      };
      // A timer counts whole milliseconds.
      const due = this.#timeline.plan(Math.max(1, Math.ceil(ms)), () => this.#comeBack("timer", woken));
      signal?.addEventListener("abort", woken, { once: true });
    });
  }

  #comeBack(point: string, goOn: () => void): void {
    if (!this.alive) return;
    if (this.paused) {
      this.#timeline.plan(this.#pausedUntilMs - this.#timeline.nowMs, () => this.#comeBack(point, goOn));
      return;
    }
    this.points += 1;
    this.#hooks.reached(this, point);
    if (!this.alive) return;
    if (this.paused) this.#comeBack(point, goOn);
    else goOn();
  }
}
