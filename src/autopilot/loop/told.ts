/**
 * Tells listeners what happens, each from a queue of its own: who is slow or throws loses what is oldest, and never holds up the one
 * who tells.
 */
import { limits } from "../../limits.ts";
import type { Telling } from "../contract.ts";

export interface Told {
  tell(told: Telling): void;
  /** Returns how to stop it. */
  listen(listener: (told: Telling) => void): () => void;
  /** Hands out what was told and not heard yet. */
  flush(): void;
}

export function createTold(): Told {
  const queues = new Set<Queue>();
  return {
    tell(told) {
      for (const queue of queues) add(queue, told);
    },
    listen(listener) {
      const queue: Queue = { listener, waiting: [], scheduled: false };
      queues.add(queue);
      return () => {
        queues.delete(queue);
        queue.waiting.length = 0;
      };
    },
    flush() {
      for (const queue of queues) handOut(queue);
    },
  };
}

interface Queue {
  readonly listener: (told: Telling) => void;
  readonly waiting: Telling[];
  scheduled: boolean;
}

function add(queue: Queue, told: Telling): void {
  if (queue.waiting.length >= limits.autopilotToldMax) queue.waiting.shift();
  queue.waiting.push(told);
  if (queue.scheduled) return;
  queue.scheduled = true;
  queueMicrotask(() => handOut(queue));
}

function handOut(queue: Queue): void {
  queue.scheduled = false;
  for (const told of queue.waiting.splice(0)) {
    try {
      queue.listener(told);
    } catch {
      // It is the listener's own fault, and nobody else's loss.
    }
  }
}
