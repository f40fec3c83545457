/**
 * Starts a child that stays and is spoken with over its stdin and stdout, and sees to it that nothing of it is left.
 * The child is confined before its first instruction, by the launcher; it never decides what may be started.
 */
import type { FileSink } from "bun";
import { encodeOrder, type LaunchOrder } from "./launch-order.ts";
import { libc } from "./libc.ts";
import { spawnIdVariable } from "./process-table.ts";
import { newSpawnId, processTree } from "./process-tree.ts";

export interface Launcher {
  /** Absolute path of a Bun, or of a binary that becomes one with `env`. */
  readonly executable: string;
  /** With the launcher's own file in it. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface Launched {
  readonly pid: number;
  /** What has been written may wait in memory until `flush`. */
  readonly stdin: FileSink;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** The child itself is dead, and all that was left in its process group is being killed. */
  readonly exited: Promise<LaunchedEnd>;
  /** As `exited`, and everything that came of it is gone too. */
  readonly gone: Promise<LaunchedEnd>;
  /** To the child's whole process group. */
  signal(signal: "SIGTERM" | "SIGKILL"): void;
}

export interface LaunchedEnd {
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
}

const numbers = { SIGTERM: 15, SIGKILL: 9 } as const;
const groupPollMs = 5;
const groupPollRoundsMax = 400;

/**
 * Call it on the main thread: the child dies with the thread that started it.
 * @throws Error of the spawn; nothing is left then.
 */
export function launch(launcher: Launcher, key: string, order: Omit<LaunchOrder, "parent">): Launched {
  const tree = processTree();
  const spawnId = newSpawnId(key);
  const child = Bun.spawn([launcher.executable, ...launcher.args], {
    cwd: order.workdir,
    env: { ...launcher.env },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    // A session and a process group of its own: signals reach all of it.
    detached: true,
  });
  const release = tree.spare(child.pid);
  const env = { ...order.env, [spawnIdVariable]: spawnId };
  void give(child.stdin, encodeOrder({ ...order, env, parent: process.pid }));
  const signal = (name: keyof typeof numbers) => {
    const host = libc();
    if (host === undefined) child.kill(name);
    else host.kill(-child.pid, numbers[name]);
  };
  const exited = child.exited.then((exitCode) => {
    release();
    // What it left behind in its group. The number cannot be another's while that group has members.
    signal("SIGKILL");
    return {
      exitCode: child.signalCode === null ? exitCode : null,
      signal: child.signalCode === null ? null : String(child.signalCode),
    };
  });
  const gone = exited.then(async (end) => {
    await groupGone(child.pid);
    await tree.ended(spawnId);
    return end;
  });
  return {
    pid: child.pid,
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    exited,
    gone,
    signal,
  };
}

/** Whoever dies before he has read his order has closed the pipe: his end says so, and a promise that nobody watches would end akc. */
async function give(stdin: FileSink, order: Parameters<FileSink["write"]>[0]): Promise<void> {
  try {
    await stdin.write(order);
    await stdin.flush();
  } catch {
    // EPIPE.
  }
}

/** Orphans of the group are akc's children now: dead ones would keep the group on the table. */
async function groupGone(group: number): Promise<void> {
  const host = libc();
  for (let round = 0; host !== undefined && round < groupPollRoundsMax; round += 1) {
    host.reapGroup(group);
    if (host.kill(-group, numbers.SIGKILL) !== 0) return;
    await Bun.sleep(groupPollMs);
  }
}
