/**
 * Starts children on worker threads, one thread a profile, and follows each to its end.
 * The main thread is never confined and never forks; a profile that cannot be had starts nothing.
 */
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import { libc } from "./libc.ts";
import { closeToDebuggers } from "./privileges.ts";
import { processTree } from "./process-tree.ts";
import { type Profile, profileKey } from "./sandbox.ts";
import type { ChildEnd, FromWorker, OutputStream, SpawnOrder, ToWorker } from "./spawn-protocol.ts";
import { workerUrl } from "./worker-entries.ts";

export interface Running {
  /** Never rejects for what the child does. @throws AkcError CONTAINMENT_UNAVAILABLE, INTERNAL */
  readonly ended: Promise<ChildEnd>;
  /** Ends the child and all that came of it; `ended` resolves soon after. */
  stop(): void;
}

/** Takes the bytes before it returns: more come only then. */
export type TakeOutput = (stream: OutputStream, bytes: Uint8Array) => void;

export interface SpawnPool {
  start(profile: Profile, order: SpawnOrder, take: TakeOutput): Running;
  /** Ends all children, then the threads. */
  close(): Promise<void>;
}

export function createSpawnPool(): SpawnPool {
  const threads = new Map<string, SpawnThread>();
  let closed = false;
  const retireIdle = () => {
    const idle = [...threads].filter(([, thread]) => thread.idle);
    for (const [key, thread] of idle.slice(0, Math.max(0, idle.length - limits.spawnWorkersIdleMax))) {
      threads.delete(key);
      thread.close();
    }
  };
  return {
    start(profile, order, take) {
      if (closed) throw new AkcError("INTERNAL", { message: "the spawn pool is closed" });
      const key = profileKey(profile);
      let thread = threads.get(key);
      // Last used, last in the map: the first idle ones go when there are too many.
      if (thread !== undefined) threads.delete(key);
      if (thread === undefined || thread.broken) thread = new SpawnThread(profile);
      threads.set(key, thread);
      if (threads.size > limits.spawnWorkersIdleMax) retireIdle();
      return thread.start(order, take);
    },
    async close() {
      closed = true;
      await Promise.all([...threads.values()].map((thread) => thread.drain()));
      for (const thread of threads.values()) thread.close();
      threads.clear();
    },
  };
}

interface Pending {
  readonly take: TakeOutput;
  readonly resolve: (end: ChildEnd) => void;
  readonly reject: (cause: unknown) => void;
  readonly promise: Promise<ChildEnd>;
}

class SpawnThread {
  readonly #worker: Worker;
  readonly #pending = new Map<string, Pending>();
  #failure: AkcError | undefined;

  constructor(profile: Profile) {
    if (profile.level === "landlock") protectThisProcess();
    this.#worker = new Worker(workerUrl("system/spawn-worker.ts"));
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#receive(data);
    this.#worker.onerror = (event) => {
      this.#fail(new AkcError("INTERNAL", { message: `a spawn worker failed: ${event.message}` }));
    };
    this.#worker.unref();
    this.#post({ kind: "confine", profile, processId: process.pid });
  }

  get idle(): boolean {
    return this.#pending.size === 0;
  }

  get broken(): boolean {
    return this.#failure !== undefined;
  }

  start(order: SpawnOrder, take: TakeOutput): Running {
    const { promise, resolve, reject } = Promise.withResolvers<ChildEnd>();
    if (this.#pending.size === 0) this.#worker.ref();
    this.#pending.set(order.id, { take, resolve, reject, promise });
    processTree().began(order.id);
    this.#post({ kind: "start", order });
    return { ended: promise, stop: () => this.#post({ kind: "stop", id: order.id }) };
  }

  async drain(): Promise<void> {
    const ends = [...this.#pending].map(([id, { promise }]) => {
      this.#post({ kind: "stop", id });
      return promise;
    });
    await Promise.allSettled(ends);
  }

  close(): void {
    this.#post({ kind: "close" });
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case "confined":
        return;
      case "refused":
        this.#fail(new AkcError("CONTAINMENT_UNAVAILABLE", { details: { why: message.why } }));
        return;
      case "output":
        this.#take(message.id, message.stream, message.bytes);
        return;
      case "held":
        processTree().sweep(message.id);
        return;
      case "ended":
        this.#settle(message.id, message.end);
    }
  }

  #take(id: string, stream: OutputStream, bytes: Uint8Array): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    try {
      pending.take(stream, bytes);
    } catch (cause) {
      // Whoever was to keep the output cannot: the child has nobody to work for any more.
      pending.reject(cause);
      this.#post({ kind: "stop", id });
    }
    this.#post({ kind: "taken", id, bytes: bytes.length });
  }

  #settle(id: string, end: ChildEnd): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#worker.unref();
    const sweeping = processTree().ended(id);
    if (sweeping === undefined) pending?.resolve(end);
    else void sweeping.then(() => pending?.resolve(end));
  }

  #fail(cause: AkcError): void {
    this.#failure ??= cause;
    for (const [id, pending] of this.#pending) {
      pending.reject(cause);
      void processTree().ended(id);
    }
    this.#pending.clear();
    this.#worker.unref();
  }
}

let isProtected = false;

/** Children share their Landlock domain with the thread that starts them: without this they could look into its memory. */
function protectThisProcess(): void {
  const host = libc();
  if (isProtected || host === undefined) return;
  try {
    closeToDebuggers(host);
  } catch (cause) {
    throw new AkcError("CONTAINMENT_UNAVAILABLE", { cause });
  }
  isProtected = true;
}
