/**
 * The life of one child: started, limited, read, ended in time, with its whole process group.
 * Runs on a spawn worker; it never touches a file outside the working directory and never decides what may start.
 */
import { mkdirSync, rmdirSync, rmSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { OutputBudget, OutputReader, openChannel } from "./child-output.ts";
import { errnoOf } from "./files.ts";
import { libc } from "./libc.ts";
import { limitProcess } from "./rlimits.ts";
import type { ChildEnd, EndCause, FromWorker, SpawnOrder } from "./spawn-protocol.ts";

const SIGKILL = 9;
const SIGTERM = 15;
/** How long pipes may stay open after the child's death before somebody is asked who holds them, then before they are dropped. */
const heldAfterMs = 50;
const dropAfterMs = 1_000;

export interface Child {
  /** TERM to its group, KILL after the grace; only the first cause counts. */
  end(cause: EndCause): void;
  taken(bytes: number): void;
}

/** Starts the child and tells all that becomes of it to `send`; the last message is `ended`. */
export function startChild(order: SpawnOrder, send: (message: FromWorker) => void): Child | undefined {
  const startedAt = performance.now();
  const temporary = join(order.workdir, `.tmp-${order.id}`);
  const out = openChannel();
  const err = openChannel();
  let child: Bun.Subprocess<"ignore" | Uint8Array, number | "pipe", number | "pipe">;
  try {
    mkdirSync(temporary, 0o700);
    child = Bun.spawn([order.executable, ...order.argv.slice(1)], {
      argv0: order.argv[0] ?? order.executable,
      cwd: order.workdir,
      env: { ...order.env, TMPDIR: temporary },
      stdin: order.stdin === undefined ? "ignore" : new TextEncoder().encode(order.stdin),
      stdout: out.childEnd,
      stderr: err.childEnd,
      // A session and a process group of its own: signals reach all of it.
      detached: true,
      onExit: (_, code, signal) => exited(code, signal),
    });
  } catch (cause) {
    for (const channel of [out, err]) channel.abandon();
    removeFolder(temporary);
    send({ kind: "ended", id: order.id, end: { kind: "not-started", errno: errnoOf(cause) ?? "UNKNOWN" } });
    return undefined;
  }
  if (order.limits !== undefined) limitProcess(child.pid, order.limits);

  const host = libc();
  let cause: EndCause = "itself";
  let death: { readonly exitCode: number | null; readonly signal: string | null } | undefined;
  let kill: ReturnType<typeof setTimeout> | undefined;
  const signalGroup = (signal: number) => {
    if (host !== undefined) host.kill(-child.pid, signal);
    else if (death === undefined) child.kill(signal);
  };
  const end = (why: EndCause) => {
    if (death !== undefined || cause !== "itself") return;
    cause = why;
    // Whoever floods us has had its chance; everybody else may clean up.
    if (why === "output") return signalGroup(SIGKILL);
    signalGroup(SIGTERM);
    kill = setTimeout(() => signalGroup(SIGKILL), order.killGraceMs);
  };
  const deadline = setTimeout(() => end("timeout"), Math.min(order.timeoutMs, 2 ** 31 - 1));

  const budget = new OutputBudget(order.outputBytesMax, () => end("output"));
  const readers = [
    new OutputReader("stdout", order.id, out.open(child.stdout), budget, send),
    new OutputReader("stderr", order.id, err.open(child.stderr), budget, send),
  ] as const;
  const drained = Promise.all(readers.map((reader) => reader.run()));

  function exited(exitCode: number | null, signal: number | string | null): void {
    void finish({ exitCode, signal: signal === null ? null : nameOf(signal) });
  }

  async function finish(how: NonNullable<typeof death>): Promise<void> {
    clearTimeout(deadline);
    clearTimeout(kill);
    death = how;
    // What it left behind in its group; the pid cannot be another's while that group has members.
    signalGroup(SIGKILL);
    const held = setTimeout(() => send({ kind: "held", id: order.id }), heldAfterMs);
    const drop = setTimeout(() => {
      for (const reader of readers) reader.drop();
    }, dropAfterMs);
    await drained;
    clearTimeout(held);
    clearTimeout(drop);
    out.close();
    err.close();
    removeFolder(temporary);
    const [stdout, stderr] = readers;
    const ended: ChildEnd = {
      kind: "ran",
      ...how,
      cause,
      stdout: stdout.rest(),
      stderr: stderr.rest(),
      durationMs: Math.round(performance.now() - startedAt),
    };
    send({ kind: "ended", id: order.id, end: ended });
  }

  return { end, taken: (bytes) => budget.taken(bytes) };
}

function nameOf(signal: number | string): string {
  if (typeof signal === "string") return signal;
  const known = Object.entries(constants.signals).find(([, number]) => number === signal);
  return known?.[0] ?? `signal ${signal}`;
}

function removeFolder(path: string): void {
  try {
    rmdirSync(path);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return;
    try {
      rmSync(path, { recursive: true, force: true });
    } catch {
      // A child that forbids itself its own files keeps them; they are in its working directory.
    }
  }
}
