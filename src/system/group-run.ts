/**
 * Runs one program to its end in a process group of its own: bounded in time and in what is kept of its output, and gone with all
 * that it started there. Decides nothing about which program, and holds no output beyond the bound.
 */

import { spawnIdVariable } from "./process-table.ts";
import { newSpawnId, processTree } from "./process-tree.ts";

export interface GroupRun {
  /** Absolute. */
  readonly executable: string;
  /** Some programs are many in one and go by the name they are called by. */
  readonly argv0: string;
  readonly args: readonly string[];
  /** All of it. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Text for its standard input; closed when absent. */
  readonly stdin?: string;
  readonly timeoutMs: number;
  /** Of standard output and error each. */
  readonly outputBytesMax: number;
  /** What more output than that does: end the program, or be read and forgotten until there is too much even of that. */
  readonly excess: { readonly kind: "end" } | { readonly kind: "cut"; readonly readBytesMax: number };
  /** Sent to the group after so long; what it then still has to do is bounded by the timeout. */
  readonly interrupt?: { readonly afterMs: number; readonly signal: "SIGINT" | "SIGTERM" };
  /** Whether what slips out of the group is killed too; not for programs that leave a server behind on purpose. */
  readonly sweep?: boolean;
  readonly signal: AbortSignal;
}

export interface GroupEnd {
  /** Why it was ended before its time. `excess` only where output beyond the bound ends it. */
  readonly ended?: "timeout" | "cancelled" | "excess";
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** Whether it printed more than is here. */
  readonly truncated: boolean;
}

const killGraceMs = 2_000;
/** What the program has written is in the pipe when it ends. Whoever else holds the pipe is waited for while he says something. */
const pipeQuietMs = 50;
const pipeQuietLooks = 10;

/** @throws Error of the system when it cannot be started */
export async function runGroup(run: GroupRun): Promise<GroupEnd> {
  const { excess, signal } = run;
  const tree = processTree();
  const spawnId = run.sweep === true ? newSpawnId("tool") : undefined;
  if (spawnId !== undefined) tree.began(spawnId);
  const child = spawned(run, spawnId);
  const release = tree.spare(child.pid);
  let ended: GroupEnd["ended"];
  let kill: ReturnType<typeof setTimeout> | undefined;
  const stop = () => {
    killGroup(child.pid, "SIGTERM");
    kill ??= setTimeout(() => killGroup(child.pid, "SIGKILL"), killGraceMs);
  };
  const end = (why: NonNullable<GroupEnd["ended"]>) => {
    ended ??= why;
    stop();
  };
  const timer = setTimeout(() => end("timeout"), run.timeoutMs);
  const interrupt =
    run.interrupt === undefined
      ? undefined
      : setTimeout(killGroup, run.interrupt.afterMs, child.pid, run.interrupt.signal);
  const cancel = () => end("cancelled");
  signal.addEventListener("abort", cancel, { once: true });
  if (signal.aborted) cancel();
  const read = excess.kind === "cut" ? excess.readBytesMax : run.outputBytesMax;
  const tooMuch = () => (excess.kind === "cut" ? stop() : end("excess"));
  const streams = [child.stdout, child.stderr].map((stream) =>
    collect(stream, run.outputBytesMax, read, tooMuch),
  );
  try {
    await child.exited;
    killGroup(child.pid, "SIGKILL");
    if (spawnId !== undefined) await tree.ended(spawnId);
    await drained(streams, () => ended !== undefined);
    const [stdout, stderr] = streams.map(({ take }) => take());
    return {
      ...(ended === undefined ? {} : { ended }),
      exitCode: child.signalCode === null ? child.exitCode : null,
      signal: child.signalCode === null ? null : String(child.signalCode),
      stdout: stdout?.bytes ?? new Uint8Array(),
      stderr: stderr?.bytes ?? new Uint8Array(),
      truncated: stdout?.truncated === true || stderr?.truncated === true,
    };
  } finally {
    clearTimeout(timer);
    clearTimeout(interrupt);
    clearTimeout(kill);
    signal.removeEventListener("abort", cancel);
    release();
  }
}

function spawned({ executable, argv0, args, env, cwd, stdin }: GroupRun, spawnId: string | undefined) {
  try {
    return Bun.spawn([executable, ...args], {
      argv0,
      env: { ...env, ...(spawnId === undefined ? {} : { [spawnIdVariable]: spawnId }) },
      ...(cwd === undefined ? {} : { cwd }),
      stdin: stdin === undefined ? "ignore" : Buffer.from(stdin),
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
    });
  } catch (cause) {
    if (spawnId !== undefined) void processTree().ended(spawnId);
    throw cause;
  }
}

async function drained(streams: readonly Collecting[], over: () => boolean): Promise<void> {
  let closed = false;
  const whole = Promise.allSettled(streams.map(({ done }) => done)).then(() => {
    closed = true;
  });
  let seen = 0;
  for (let quiet = 0; !closed && !over() && quiet < pipeQuietLooks; quiet += 1) {
    await Promise.race([whole, Bun.sleep(pipeQuietMs)]);
    const read = streams.reduce((sum, stream) => sum + stream.read(), 0);
    if (read > seen) quiet = 0;
    seen = read;
  }
}

interface Collecting {
  /** Its other end is closed. */
  readonly done: Promise<void>;
  /** Bytes so far. */
  read(): number;
  take(): Collected;
}

interface Collected {
  readonly bytes: Uint8Array;
  readonly truncated: boolean;
}

/** @param tooMuch told once, when more than `readBytesMax` have come */
function collect(
  stream: ReadableStream<Uint8Array>,
  keptBytesMax: number,
  readBytesMax: number,
  tooMuch: () => void,
): Collecting {
  const parts: Uint8Array[] = [];
  let kept = 0;
  let read = 0;
  const reader = stream.getReader();
  const done = (async () => {
    for (;;) {
      const { done: over, value } = await reader.read();
      if (over) return;
      const room = keptBytesMax - kept;
      if (room > 0) parts.push(value.length > room ? value.subarray(0, room) : value);
      kept += Math.min(room, value.length);
      if (read <= readBytesMax && read + value.length > readBytesMax) tooMuch();
      read += value.length;
    }
  })();
  done.catch(() => undefined);
  return {
    done,
    read: () => read,
    take() {
      void reader.cancel().catch(() => undefined);
      return { bytes: Buffer.concat(parts, kept), truncated: read > kept };
    },
  };
}

/** Who is gone already is not missed. */
function killGroup(pid: number, signal: "SIGINT" | "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // ESRCH.
  }
}
