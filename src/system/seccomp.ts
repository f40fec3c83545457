/**
 * A system call filter for what Landlock does not watch over: sockets other than TCP, signals and limits aimed at akc.
 * Never stands in for Landlock, and lets every call through that it does not name.
 *
 * Source: seccomp(2), linux/seccomp.h, linux/filter.h.
 */

import { ptr } from "bun:ffi";
import { readFileSync } from "node:fs";
import type { Libc } from "./libc.ts";

/** One refusal: the call fails with `errno` when every condition holds. */
interface Refusal {
  readonly call: number;
  readonly errno: number;
  readonly when?: readonly Condition[];
}

/** The low half of an argument, numbered from 0, is (or is not) one of these. */
type Condition =
  | { readonly argument: number; readonly among: readonly number[] }
  | { readonly argument: number; readonly except: readonly number[] }
  | { readonly argument: number; readonly anyBit: number };

const errno = { EPERM: 1, EACCES: 13, ENOSYS: 38 } as const;
const domain = { unix: 1, inet: 2, inet6: 10, netlink: 16 } as const;
/** What JavaScriptCore stops its own threads with for a garbage collection (SIGPWR), and the null signal. */
const harmlessSignals = [0, 30];

/** The same on both architectures, as all calls added since 2011. */
const common = { ioUringSetup: 425, pidfdSendSignal: 424 } as const;
/** SOCK_STREAM, alone or with SOCK_CLOEXEC and SOCK_NONBLOCK. */
const streamTypes = [0, 0x80000, 0x800, 0x80800].map((flags) => 1 | flags);
/** Any, TCP, UDP. MPTCP and SCTP would connect where Landlock does not look. */
const watchedProtocols = [0, 6, 17];
const MSG_FASTOPEN = 0x20000000;

export interface FilterInput {
  readonly numbers: Libc["numbers"];
  readonly network: boolean;
  /** What of the network there is beside it, where TCP is watched over by port. */
  readonly sockets?: SocketKinds;
  /** Our process, and the thread that will be filtered: no signal and no limit of the child's may be aimed at them. */
  readonly protectedIds: readonly number[];
}

export interface SocketKinds {
  /** UDP, to any port: nothing watches over it. */
  readonly datagrams: boolean;
  /** Unix sockets, to any that the user may write to. */
  readonly unix: boolean;
}

/**
 * What a contained child may not do. It shares its Landlock domain with the thread that starts it, so that signal
 * scoping does not keep it from that thread: without the rules on signals, `kill -9 <thread>` would end akc.
 * Threads that the runtime starts later have ids that no filter can know; a child that tries ids one by one can still
 * end this process, never reach into it. Recovery after a crash covers that.
 */
export function refusalsFor(input: FilterInput): readonly Refusal[] {
  const { numbers, network, sockets, protectedIds: us } = input;
  // Without network not even unix sockets: through one, a service outside would do what the child may not.
  const domains: number[] = [domain.netlink, ...(network ? [domain.inet, domain.inet6] : [])];
  if (sockets?.unix ?? network) domains.push(domain.unix);
  return [
    { call: numbers.socket, errno: errno.EACCES, when: [{ argument: 0, except: domains }] },
    ...(network && sockets !== undefined ? refusedKinds(numbers, sockets) : []),
    // io_uring makes sockets without the call above.
    { call: common.ioUringSetup, errno: errno.ENOSYS },
    ...(us.length === 0 ? [] : aimedAt(us, numbers)),
    { call: common.pidfdSendSignal, errno: errno.ENOSYS },
  ];
}

function aimedAt(us: readonly number[], numbers: Libc["numbers"]): readonly Refusal[] {
  return [
    { call: numbers.kill, errno: errno.EPERM, when: [{ argument: 0, among: us }] },
    {
      call: numbers.tkill,
      errno: errno.EPERM,
      when: [
        { argument: 0, among: us },
        { argument: 1, except: harmlessSignals },
      ],
    },
    {
      call: numbers.tgkill,
      errno: errno.EPERM,
      when: [
        { argument: 0, among: us },
        { argument: 2, except: harmlessSignals },
      ],
    },
    { call: numbers.rtSigqueueinfo, errno: errno.EPERM, when: [{ argument: 0, among: us }] },
    { call: numbers.rtTgsigqueueinfo, errno: errno.EPERM, when: [{ argument: 0, among: us }] },
    { call: numbers.prlimit64, errno: errno.EPERM, when: [{ argument: 0, among: us }] },
  ];
}

/** Where TCP is watched over by port, nothing else may lead past that. */
function refusedKinds(numbers: Libc["numbers"], { datagrams }: SocketKinds): readonly Refusal[] {
  const inet = { argument: 0, among: [domain.inet, domain.inet6] };
  const refused = { call: numbers.socket, errno: errno.EACCES };
  // Connecting in the moment of sending is not asked about.
  const fastOpen = (call: number, argument: number) => ({
    call,
    errno: errno.EACCES,
    when: [{ argument, anyBit: MSG_FASTOPEN }],
  });
  return [
    { ...refused, when: [inet, { argument: 2, except: watchedProtocols }] },
    ...(datagrams ? [] : [{ ...refused, when: [inet, { argument: 1, except: streamTypes }] }]),
    fastOpen(numbers.sendto, 3),
    fastOpen(numbers.sendmsg, 2),
    fastOpen(numbers.sendmmsg, 3),
  ];
}

const AUDIT_ARCH: Readonly<Record<string, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 };
const X32_CALL = 0x40000000;

const LOAD = 0x20;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_SET = 0x45;
const RETURN = 0x06;
const ALLOW = 0x7fff0000;
const FAIL_WITH = 0x00050000;

const offsetOf = { call: 0, arch: 4, argument: (index: number) => 16 + 8 * index } as const;

interface Instruction {
  readonly code: number;
  readonly jumpTrue: number;
  readonly jumpFalse: number;
  readonly k: number;
}

const plain = (code: number, k: number): Instruction => ({ code, jumpTrue: 0, jumpFalse: 0, k });

/** The filter as classic BPF. Calls of a foreign architecture are refused whole: their numbers mean other things. */
export function compileFilter(refusals: readonly Refusal[], arch: string): readonly Instruction[] {
  const native = AUDIT_ARCH[arch];
  if (native === undefined) throw new Error(`no system call filter for ${arch}`);
  const program: Instruction[] = [
    plain(LOAD, offsetOf.arch),
    { code: JUMP_IF_EQUAL, jumpTrue: 1, jumpFalse: 0, k: native },
    plain(RETURN, FAIL_WITH | errno.ENOSYS),
  ];
  if (arch === "x64") {
    program.push(
      plain(LOAD, offsetOf.call),
      { code: JUMP_IF_SET, jumpTrue: 0, jumpFalse: 1, k: X32_CALL },
      plain(RETURN, FAIL_WITH | errno.ENOSYS),
    );
  }
  for (const refusal of refusals) program.push(...block(refusal));
  program.push(plain(RETURN, ALLOW));
  return program;
}

/** Falls through to its last instruction, the refusal, or jumps past it. */
function block({ call, errno: code, when = [] }: Refusal): readonly Instruction[] {
  const length = 3 + when.reduce((sum, one) => sum + 1 + valuesOf(one).length, 0);
  const out: Instruction[] = [plain(LOAD, offsetOf.call)];
  /** Distance from the instruction about to be added to the end of the block. */
  const toEnd = () => length - out.length - 1;
  out.push({ code: JUMP_IF_EQUAL, jumpTrue: 0, jumpFalse: toEnd(), k: call });
  for (const condition of when) {
    out.push(plain(LOAD, offsetOf.argument(condition.argument)));
    if ("anyBit" in condition) {
      out.push({ code: JUMP_IF_SET, jumpTrue: 0, jumpFalse: toEnd(), k: condition.anyBit });
      continue;
    }
    const values = valuesOf(condition);
    for (const [index, value] of values.entries()) {
      const left = values.length - index - 1;
      out.push(
        "among" in condition
          ? { code: JUMP_IF_EQUAL, jumpTrue: left, jumpFalse: left === 0 ? toEnd() : 0, k: value }
          : { code: JUMP_IF_EQUAL, jumpTrue: toEnd(), jumpFalse: 0, k: value },
      );
    }
  }
  out.push(plain(RETURN, FAIL_WITH | code));
  return out;
}

function valuesOf(condition: Condition): readonly number[] {
  if ("anyBit" in condition) return [condition.anyBit];
  return "among" in condition ? condition.among : condition.except;
}

const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2;

/** Filters the calling thread and all that it starts, for good. `no_new_privs` must be set. @throws Error */
export function filterThisThread(host: Libc, program: readonly Instruction[]): void {
  const code = Buffer.alloc(program.length * 8);
  for (const [index, { code: operation, jumpTrue, jumpFalse, k }] of program.entries()) {
    code.writeUInt16LE(operation, index * 8);
    code.writeUInt8(jumpTrue, index * 8 + 2);
    code.writeUInt8(jumpFalse, index * 8 + 3);
    code.writeUInt32LE(k >>> 0, index * 8 + 4);
  }
  // struct sock_fprog: u16 length, padding, pointer.
  const header = new BigUint64Array([BigInt(program.length), BigInt(ptr(code))]);
  const result = host.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header);
  if (result < 0) throw new Error(`prctl(PR_SET_SECCOMP) failed with errno ${-result}`);
  // Read once more, so that the program is alive until the kernel has copied it.
  if (code.length !== program.length * 8) throw new Error("the filter changed while it was installed");
}

/** Whether this kernel takes filters that refuse calls with an error. */
export function offersSeccompFilters(): boolean {
  try {
    return readFileSync("/proc/sys/kernel/seccomp/actions_avail", "utf8").includes("errno");
  } catch {
    return false;
  }
}
