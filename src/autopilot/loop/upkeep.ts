/**
 * What the loop does beside visiting: each thing at its own pace, one at a time, never waited for by a turn. One that hangs is given
 * up after a while and begun again; one that fails is told once, and once more when it works again.
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Clock } from "../../system/clock.ts";
import type { Telling } from "../contract.ts";
import { ask } from "../visiting/bounded.ts";

export interface Chore {
  readonly name: string;
  everyMs(): number;
  /** False: not now. */
  wanted(): boolean;
  do(signal: AbortSignal): Promise<void>;
}

export class Upkeep {
  readonly #clock: Clock;
  readonly #tell: (told: Telling) => void;
  readonly #due = new Map<Chore, number>();
  readonly #busy = new Map<Chore, Promise<void>>();
  readonly #failing = new Map<Chore, string>();

  constructor(chores: readonly Chore[], clock: Clock, tell: (told: Telling) => void, nowMs: number) {
    this.#clock = clock;
    this.#tell = tell;
    for (const chore of chores) this.#due.set(chore, nowMs);
  }

  /** Begins what is due. */
  turn(nowMs: number): void {
    for (const [chore, dueMs] of this.#due) {
      if (dueMs > nowMs || this.#busy.has(chore)) continue;
      const isWanted = chore.wanted();
      // What is not wanted now may be in a moment: the first beat does not wait for the second.
      const everyMs = isWanted ? chore.everyMs() : Math.min(chore.everyMs(), limits.autopilotPollMs);
      this.#due.set(chore, nowMs + everyMs);
      if (isWanted) void this.run(chore);
    }
  }

  /** When the next one is due. */
  nextDueMs(): number {
    return Math.min(...this.#due.values());
  }

  /** Now, or once it has ended that is under way. Never throws. */
  async run(chore: Chore): Promise<void> {
    await this.#busy.get(chore);
    const running = this.#guarded(chore).finally(() => this.#busy.delete(chore));
    this.#busy.set(chore, running);
    await running;
  }

  async #guarded(chore: Chore): Promise<void> {
    try {
      await ask(chore.name, limits.autopilotAskMsMax, { clock: this.#clock, signals: [] }, (signal) =>
        chore.do(signal),
      );
      if (this.#failing.delete(chore)) this.#note("info", `${chore.name} works again`, {});
    } catch (cause) {
      const { code, message } = cause instanceof AkcError ? cause : new AkcError("INTERNAL", { cause });
      if (this.#failing.get(chore) !== code) {
        const detail = cause instanceof Error ? cause.message : message;
        this.#note("error", `${chore.name} failed`, { error_code: code, error: detail });
      }
      this.#failing.set(chore, code);
    }
  }

  #note(level: "info" | "error", message: string, keys: Readonly<Record<string, string>>): void {
    this.#tell({ kind: "note", level, message, keys, atMs: this.#clock.nowMs() });
  }
}
