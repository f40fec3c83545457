/**
 * The life of one hook as a process: shut in before its first instruction, bounded in time and output, gone with all that it started,
 * and dead with akc. It decides neither what is started nor what the answer means.
 *
 * Source: spec kernel §12.9; docs/autopilot.md "The recompile hook".
 */
import { availableParallelism } from "node:os";
import { limits } from "../../limits.ts";
import { type Launched, type Launcher, launch } from "../../system/launch.ts";
import type { ResourceLimits } from "../../system/rlimits.ts";
import type { Confinement } from "../../system/sandbox.ts";

export interface HookOrder {
  /** The same for all hooks of a scope: what an earlier process left is known by it. */
  readonly key: string;
  /** Absolute. */
  readonly executable: string;
  readonly argv: readonly string[];
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  readonly timeoutMs: number;
  /** Of stdout and stderr together. */
  readonly outputBytesMax: number;
  /** Absent where the operator asks for less than Landlock. */
  readonly confinement?: Confinement;
}

export interface HookEnd {
  /** Why it was ended before its time. */
  readonly ended?: "timeout" | "cancelled" | "output";
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: Uint8Array;
  /** The end of it. */
  readonly stderr: Uint8Array;
}

/** Nothing of it is left when it resolves. @throws Error of the system when it cannot be started */
export async function runHook(launcher: Launcher, order: HookOrder, signal: AbortSignal): Promise<HookEnd> {
  const { confinement } = order;
  const child = launch(launcher, order.key, {
    executable: order.executable,
    argv: order.argv,
    workdir: order.workdir,
    env: order.env,
    output: "stdout",
    limits: resourcesFor(order.timeoutMs),
    ...(confinement === undefined ? {} : { confinement }),
  });
  let ended: HookEnd["ended"];
  let kill: ReturnType<typeof setTimeout> | undefined;
  const end = (why: NonNullable<HookEnd["ended"]>) => {
    if (ended !== undefined) return;
    ended = why;
    // Whoever floods us would go on while it cleans up; everybody else may.
    child.signal(why === "output" ? "SIGKILL" : "SIGTERM");
    kill = setTimeout(() => child.signal("SIGKILL"), limits.killGraceMs);
  };
  const timer = setTimeout(() => end("timeout"), order.timeoutMs);
  const cancel = () => end("cancelled");
  signal.addEventListener("abort", cancel, { once: true });
  if (signal.aborted) cancel();
  let left = order.outputBytesMax;
  const spend = (bytes: number) => {
    left -= bytes;
    if (left < 0) end("output");
    return left >= 0;
  };
  const stdout = new Kept(order.outputBytesMax, spend);
  const stderr = new Kept(limits.recompileLastWordsBytes, spend);
  const reading = Promise.all([stdout.follow(child.stdout), stderr.follow(child.stderr)]);
  try {
    void feed(child, order.stdin);
    const { exitCode, signal: ender } = await child.gone;
    // What it wrote is in the pipes. Who slipped away with them is gone as well, or was never seen.
    await Promise.race([reading, Bun.sleep(drainMs)]);
    return {
      ...(ended === undefined ? {} : { ended }),
      exitCode,
      signal: ender,
      stdout: stdout.take(),
      stderr: stderr.take(),
    };
  } finally {
    clearTimeout(timer);
    clearTimeout(kill);
    signal.removeEventListener("abort", cancel);
  }
}

const drainMs = 1_000;

/** Who does not read its request has closed the pipe: no fault of akc's. */
async function feed({ stdin }: Launched, text: string): Promise<void> {
  try {
    // What it answers is a promise where the pipe takes no more: one that nobody watches would end akc.
    await stdin.write(text);
    await stdin.end();
  } catch {
    // EPIPE.
  }
}

/** The last bytes of a stream, at most so many. */
class Kept {
  readonly #bytesMax: number;
  readonly #spend: (bytes: number) => boolean;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #cancel: () => Promise<void> = async () => undefined;

  constructor(bytesMax: number, spend: (bytes: number) => boolean) {
    this.#bytesMax = bytesMax;
    this.#spend = spend;
  }

  async follow(stream: ReadableStream<Uint8Array>): Promise<void> {
    const reader = stream.getReader();
    this.#cancel = () => reader.cancel();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      // Read and forgotten once it is too much, so that nobody waits at a full pipe.
      if (this.#spend(value.length)) this.#keep(value);
    }
  }

  take(): Uint8Array {
    void this.#cancel().catch(() => undefined);
    const all = Buffer.concat(this.#parts, this.#bytes);
    return all.subarray(Math.max(0, all.length - this.#bytesMax));
  }

  #keep(part: Uint8Array): void {
    this.#parts.push(part);
    this.#bytes += part.length;
    for (let first = this.#parts[0]; first !== undefined; first = this.#parts[0]) {
      if (this.#bytes - first.length < this.#bytesMax) return;
      this.#parts.shift();
      this.#bytes -= first.length;
    }
  }
}

function resourcesFor(timeoutMs: number): ResourceLimits {
  return {
    openFiles: limits.rlimitOpenFiles,
    processes: limits.rlimitProcesses,
    fileBytes: limits.rlimitFileBytes,
    // All processors for the whole of its time, and some: reached only when nobody enforces the deadline any more.
    cpuSeconds: Math.ceil((timeoutMs / 1_000) * availableParallelism()) + 10,
  };
}
