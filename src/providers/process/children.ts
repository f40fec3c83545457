/**
 * How the children of this very akc ended: only their parent is told. Remembers so much, and forgets what is old.
 */
import { limits } from "../../limits.ts";
import type { Clock } from "../../system/clock.ts";
import type { ServiceExit } from "../../system/service-process.ts";
import type { Exit } from "./record.ts";

const rememberedMax = 4_096;

export class Children {
  readonly #clock: Clock;
  /** Until its end is told. */
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();
  readonly #ended = new Map<string, Exit>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  began(serviceId: string): void {
    this.#waiting.set(serviceId, Promise.withResolvers());
  }

  ended(serviceId: string, { exitCode, signal }: ServiceExit): void {
    this.#ended.set(serviceId, {
      at_ms: this.#clock.nowMs(),
      why: "exit",
      ...(exitCode === null ? {} : { code: exitCode }),
      ...(signal === null ? {} : { signal }),
    });
    for (const oldest of this.#ended.keys()) {
      if (this.#ended.size <= rememberedMax) break;
      this.#ended.delete(oldest);
    }
    this.#waiting.get(serviceId)?.resolve();
    this.#waiting.delete(serviceId);
  }

  /** Undefined for a process that was not ours, or still lives. */
  known(serviceId: string): Exit | undefined {
    return this.#ended.get(serviceId);
  }

  /** Of one that is dead: its end is told a moment after /proc shows it. */
  async exitOf(serviceId: string): Promise<Exit | undefined> {
    const waiting = this.#waiting.get(serviceId);
    if (waiting !== undefined) {
      const over = new AbortController();
      const patience = this.#clock.sleep(limits.processExitCodeMsMax, over.signal);
      await Promise.race([waiting.promise, patience]);
      over.abort();
    }
    return this.#ended.get(serviceId);
  }
}
