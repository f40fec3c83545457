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
  /** Ends all children, then the threads; nothing of either is left when it resolves. */
  close(): Promise<void>;
}

export function createSpawnPool(): SpawnPool {
  const crews = new Map<string, SpawnCrew>();
  let closed = false;
  const retireIdle = () => {
    const idle = [...crews].filter(([, crew]) => crew.idle);
    for (const [key, crew] of idle.slice(0, Math.max(0, idle.length - limits.spawnProfilesIdleMax))) {
      crews.delete(key);
      void crew.close();
    }
  };
  return {
    start(profile, order, take) {
      if (closed) throw new AkcError("INTERNAL", { message: "the spawn pool is closed" });
      const key = profileKey(profile);
      const crew = crews.get(key) ?? new SpawnCrew(profile);
      // Last used, last in the map: the first idle ones go when there are too many.
      crews.delete(key);
      crews.set(key, crew);
      if (crews.size > limits.spawnProfilesIdleMax) retireIdle();
      return crew.start(order, take);
    },
    async close() {
      closed = true;
      await Promise.all([...crews.values()].map((crew) => crew.drain()));
      await Promise.all([...crews.values()].map((crew) => crew.close()));
      crews.clear();
    },
  };
}

/**
 * The threads of one profile: one, or a few while children are started in quick succession. A thread stands still until the
 * child that it starts has reached its exec, so one alone bounds the rate.
 */
class SpawnCrew {
  readonly #profile: Profile;
  #threads: SpawnThread[] = [];
  #windowStartMs = 0;
  #startsInWindow = 0;

  constructor(profile: Profile) {
    this.#profile = profile;
  }

  get idle(): boolean {
    return this.#threads.every((thread) => thread.inFlight === 0);
  }

  start(order: SpawnOrder, take: TakeOutput): Running {
    return this.#next().start(order, take);
  }

  async drain(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.drain()));
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.splice(0).map((thread) => thread.close()));
  }

  #next(): SpawnThread {
    this.#threads = this.#threads.filter((thread) => !thread.broken);
    const [first] = this.#threads;
    if (first === undefined || (this.#rushed() && this.#threads.length < limits.spawnThreadsPerProfileMax)) {
      const thread = new SpawnThread(this.#profile);
      this.#threads.push(thread);
      return thread;
    }
    return this.#threads.reduce(
      (least, thread) => (thread.inFlight < least.inFlight ? thread : least),
      first,
    );
  }

  /** Whether each thread has started so many in a tenth of a second that another one helps. */
  #rushed(): boolean {
    const now = performance.now();
    if (now - this.#windowStartMs > rushWindowMs) {
      this.#windowStartMs = now;
      this.#startsInWindow = 0;
    }
    this.#startsInWindow += 1;
    return this.#startsInWindow > rushStarts * this.#threads.length;
  }
}

const rushWindowMs = 100;
const rushStarts = 16;

interface Pending {
  readonly take: TakeOutput;
  readonly resolve: (end: ChildEnd) => void;
  readonly reject: (cause: unknown) => void;
  readonly promise: Promise<ChildEnd>;
  /** Why its output could not be kept; told once it has ended, since until then it is still at work. */
  failure?: unknown;
}

class SpawnThread {
  readonly #worker: Worker;
  readonly #pending = new Map<string, Pending>();
  readonly #gone = Promise.withResolvers<void>();
  #failure: AkcError | undefined;

  constructor(profile: Profile) {
    if (profile.level === "landlock") protectThisProcess();
    this.#worker = new Worker(workerUrl("system/spawn-worker.ts"));
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#receive(data);
    this.#worker.onerror = (event) => {
      this.#fail(new AkcError("INTERNAL", { message: `a spawn worker failed: ${event.message}` }));
    };
    this.#worker.addEventListener("close", () => this.#gone.resolve());
    this.#worker.unref();
    this.#post({ kind: "confine", profile, processId: process.pid });
  }

  get inFlight(): number {
    return this.#pending.size;
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

  /** Resolves when the thread has ended: the folders that it kept for its children are gone then. */
  close(): Promise<void> {
    // Without this the process could end before the thread has.
    this.#worker.ref();
    this.#post({ kind: "close" });
    return this.#gone.promise;
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
      if (pending.failure === undefined) pending.take(stream, bytes);
    } catch (cause) {
      // Whoever was to keep the output cannot: the child has nobody to work for any more.
      pending.failure = cause;
      this.#post({ kind: "stop", id });
    }
    this.#post({ kind: "taken", id, bytes: bytes.length });
  }

  #settle(id: string, end: ChildEnd): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#worker.unref();
    const settle = () => {
      if (pending?.failure === undefined) pending?.resolve(end);
      else pending.reject(pending.failure);
    };
    const sweeping = processTree().ended(id);
    if (sweeping === undefined) settle();
    else void sweeping.then(settle);
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
