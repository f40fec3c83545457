/**
 * The program that stands between akc and a child that stays: it takes everything away from itself, then becomes the child.
 * A process of its own, so nothing of it can stay behind; it executes nothing when any part of that fails.
 *
 * Source: sd_listen_fds(3) for what a program is told of the sockets it inherits.
 * Landlock and seccomp bind the calling thread and what it executes; the exec ends all other threads.
 */
import { openSync, readSync } from "node:fs";
import { decodeOrder, type LaunchOrder, launcherExit } from "./launch-order.ts";
import { type Libc, libc } from "./libc.ts";
import { limitProcess } from "./rlimits.ts";
import { confineThisThreadTo } from "./sandbox.ts";

const PR_SET_PDEATHSIG = 1;
const CLOSE_RANGE = 436;
const CLOSE_RANGE_CLOEXEC = 4;
const SIGKILL = 9;
const SIGPIPE = 13;

function launch(): never {
  const order = decodeOrder(readStdin);
  const host = libc();
  if (host === undefined) return refuse("the C library of this host is not known");
  try {
    const empty = order.parent === null ? openSync("/dev/null", "r") : undefined;
    process.chdir(order.workdir);
    process.umask(0o077);
    if (order.confinement !== undefined) confineThisThreadTo(order.confinement, order.parent);
    if (order.parent !== null) dieWith(host, order.parent);
    if (empty !== undefined) host.duplicate(empty, 0);
  } catch (cause) {
    return refuse(cause instanceof Error ? cause.message : String(cause));
  }
  return execute(host, order);
}

function execute(host: Libc, order: LaunchOrder): never {
  const { executable, argv, output, limits, listen = [] } = order;
  const env = { ...order.env, ...listenVariables(listen) };
  host.restoreSignal(SIGPIPE);
  const first = output === "descriptor3" ? 4 : 3 + listen.length;
  if (output === "descriptor3") {
    host.duplicate(1, 3);
    host.duplicate(2, 1);
  }
  host.syscall(CLOSE_RANGE, first, 0xffff_ffff, CLOSE_RANGE_CLOEXEC);
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const becomeIt = host.execution(executable, argv, variables);
  // Last: this engine has more memory in hand than the limits of many a program allow.
  if (limits !== undefined) limitProcess(process.pid, limits);
  const result = becomeIt();
  console.error(`cannot execute ${executable}: errno ${-result}`);
  process.exit(launcherExit.notExecuted);
}

/** The process keeps its number over the exec, so it can be told here. */
function listenVariables(names: readonly string[]): Readonly<Record<string, string>> {
  if (names.length === 0) return {};
  return {
    LISTEN_PID: String(process.pid),
    LISTEN_FDS: String(names.length),
    LISTEN_FDNAMES: names.join(":"),
  };
}

/** When akc is killed the kernel kills us, and what we become. */
function dieWith(host: Libc, parent: number): void {
  host.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (process.ppid !== parent) process.exit(launcherExit.notExecuted);
}

function refuse(why: string): never {
  console.error(why);
  process.exit(launcherExit.confinementRefused);
}

/** Not a byte more: what follows belongs to the child. */
function readStdin(bytes: number): Buffer {
  const whole = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; ) {
    const length = readSync(0, whole, at, bytes - at, null);
    if (length === 0) process.exit(launcherExit.notExecuted);
    at += length;
  }
  return whole;
}

launch();
