/**
 * The few calls of the C library that Bun has no function for, each with its errno kept.
 * Opens no file and starts no process; what a call means is the business of the room that makes it.
 */
import { dlopen, ptr, read } from "bun:ffi";

/** System call numbers that differ between the two architectures (asm/unistd.h of each). */
export interface SyscallNumbers {
  readonly capget: number;
  readonly capset: number;
  readonly gettid: number;
  readonly prlimit64: number;
  readonly socket: number;
  readonly sendto: number;
  readonly sendmsg: number;
  readonly sendmmsg: number;
  readonly kill: number;
  readonly tkill: number;
  readonly tgkill: number;
  readonly rtSigqueueinfo: number;
  readonly rtTgsigqueueinfo: number;
}

const numbersOf: Readonly<Record<string, SyscallNumbers>> = {
  x64: {
    capget: 125,
    capset: 126,
    gettid: 186,
    prlimit64: 302,
    socket: 41,
    sendto: 44,
    sendmsg: 46,
    sendmmsg: 307,
    kill: 62,
    tkill: 200,
    tgkill: 234,
    rtSigqueueinfo: 129,
    rtTgsigqueueinfo: 297,
  },
  arm64: {
    capget: 90,
    capset: 91,
    gettid: 178,
    prlimit64: 261,
    socket: 198,
    sendto: 206,
    sendmsg: 211,
    sendmmsg: 269,
    kill: 129,
    tkill: 130,
    tgkill: 131,
    rtSigqueueinfo: 138,
    rtTgsigqueueinfo: 240,
  },
};

const names = ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];

export type Argument = number | bigint | BigUint64Array | Int32Array | Uint32Array | Uint8Array;

export interface Libc {
  readonly numbers: SyscallNumbers;
  /** What the kernel answers, or minus errno. An array stands for its address. */
  syscall(number: number, ...args: readonly Argument[]): number;
  /** As `syscall`, for prctl(2). */
  prctl(option: number, ...args: readonly Argument[]): number;
  /** 0, or minus errno. Unlike `process.kill` it throws nothing, and costs next to nothing. */
  kill(pid: number, signal: number): number;
  /** Takes a dead child off the process table if it is one of ours and dead; never waits. True if it was. */
  reap(pid: number): boolean;
  /** As `reap`, for all of our dead children in a process group. */
  reapGroup(group: number): void;
  /** Both ends of a pipe that no other child inherits: read first, then write. */
  pipe(): readonly [number, number] | undefined;
  close(fd: number): void;
  /**
   * Ready to be called once: it becomes the program, or returns minus errno. Calling it needs next to no memory.
   */
  execution(path: string, argv: readonly string[], env: readonly string[]): () => number;
  /** The descriptor `to` becomes what `from` is, and lives over an exec. */
  duplicate(from: number, to: number): void;
  /** The signal does again what it does to a new program. */
  restoreSignal(signal: number): void;
  /** Reads what is there, without waiting: how many bytes, 0 at the end, undefined when nothing has come yet. */
  readNow(fd: number, buffer: Uint8Array): number | undefined;
}

let opened: Libc | false | undefined;

/** The C library of a Linux host; undefined where there is none that we know. */
export function libc(): Libc | undefined {
  opened ??= open() ?? false;
  return opened === false ? undefined : opened;
}

function open(): Libc | undefined {
  const numbers = numbersOf[process.arch];
  if (process.platform !== "linux" || numbers === undefined) return undefined;
  for (const name of names) {
    try {
      return wrap(load(name), numbers);
    } catch {
      // Another C library; the next name may be the one.
    }
  }
  return undefined;
}

function load(name: string) {
  return dlopen(name, {
    syscall: { args: ["i64", "u64", "u64", "u64", "u64", "u64"], returns: "i64" },
    prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
    kill: { args: ["i32", "i32"], returns: "i32" },
    waitpid: { args: ["i32", "ptr", "i32"], returns: "i32" },
    pipe2: { args: ["ptr", "i32"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
    poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
    read: { args: ["i32", "ptr", "u64"], returns: "i64" },
    execve: { args: ["ptr", "ptr", "ptr"], returns: "i32" },
    dup2: { args: ["i32", "i32"], returns: "i32" },
    signal: { args: ["i32", "u64"], returns: "u64" },
    __errno_location: { args: [], returns: "ptr" },
  }).symbols;
}

const WNOHANG = 1;
const POLLIN = 1;
const O_CLOEXEC = 0o2000000;

function wrap(symbols: ReturnType<typeof load>, numbers: SyscallNumbers): Libc {
  const errno = (): number => {
    const place = symbols.__errno_location();
    return typeof place === "number" ? read.i32(place, 0) : 1;
  };
  const ends = new Int32Array(2);
  const watched = new Int32Array(2);
  return {
    numbers,
    syscall(number, ...args) {
      const [a, b, c, d, e] = padded(args);
      const result = Number(symbols.syscall(number, a, b, c, d, e));
      return result < 0 ? -errno() : result;
    },
    prctl(option, ...args) {
      const [a, b, c, d] = padded(args);
      const result = symbols.prctl(option, a, b, c, d);
      return result < 0 ? -errno() : result;
    },
    kill: (pid, signal) => (symbols.kill(pid, signal) < 0 ? -errno() : 0),
    reap: (pid) => symbols.waitpid(pid, null, WNOHANG) === pid,
    reapGroup(group) {
      while (symbols.waitpid(-group, null, WNOHANG) > 0);
    },
    pipe() {
      if (symbols.pipe2(ptr(ends), O_CLOEXEC) < 0) return undefined;
      const [readEnd = -1, writeEnd = -1] = ends;
      return [readEnd, writeEnd];
    },
    close: (fd) => void symbols.close(fd),
    execution(path, argv, env) {
      const held: Uint8Array[] = [];
      const text = (value: string) => {
        const bytes = Buffer.from(`${value}\0`);
        held.push(bytes);
        return ptr(bytes);
      };
      const list = (values: readonly string[]) =>
        new BigUint64Array([...values.map((value) => BigInt(text(value))), 0n]);
      const arrays = [list(argv), list(env)] as const;
      const places = [text(path), ptr(arrays[0]), ptr(arrays[1])] as const;
      return () => (held.length > 0 && symbols.execve(...places) < 0 ? -errno() : 0);
    },
    duplicate: (from, to) => void symbols.dup2(from, to),
    restoreSignal: (signal) => void symbols.signal(signal, 0n),
    readNow(fd, buffer) {
      // struct pollfd: s32 fd, s16 events, s16 revents.
      watched[0] = fd;
      watched[1] = POLLIN;
      if (symbols.poll(ptr(watched), 1, 0) <= 0) return undefined;
      return Math.max(0, Number(symbols.read(fd, ptr(buffer), buffer.length)));
    },
  };
}

type Five = readonly [bigint, bigint, bigint, bigint, bigint];

/** Arrays whose addresses are in the kernel's hands: they must not be collected before the call returns. */
let lent: readonly Argument[] = [];

/** Negative numbers in two's complement, as the kernel takes them. */
function padded(args: readonly Argument[]): Five {
  lent = args;
  const at = (index: number) => {
    const value = lent[index] ?? 0;
    return BigInt.asUintN(64, BigInt(typeof value === "object" ? ptr(value) : value));
  };
  return [at(0), at(1), at(2), at(3), at(4)];
}
