import { expect, test } from "bun:test";
import fc from "fast-check";
import { compileFilter, refusalsFor } from "./seccomp.ts";

const x64 = {
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
};
const numbers = { ...x64, rtSigqueueinfo: 129, rtTgsigqueueinfo: 297 };
const archOf = { x64: 0xc000003e, i386: 0x40000003 };
const us = { processId: 4_000, threadId: 4_007 };
const protectedIds = [us.processId, us.threadId];

interface Call {
  readonly arch: number;
  readonly call: number;
  readonly args: readonly number[];
}

const compiled = (network: boolean) => compileFilter(refusalsFor({ numbers, network, protectedIds }), "x64");

/** Classic BPF as the kernel runs it: what the call answers with, 0 for "allowed". */
function verdict(program: ReturnType<typeof compileFilter>, { arch, call, args }: Call): number {
  let accumulator = 0;
  for (let at = 0; ; at++) {
    const step = program[at];
    if (step === undefined) throw new Error("the program runs past its end");
    switch (step.code) {
      case 0x20:
        accumulator = step.k === 0 ? call : step.k === 4 ? arch : (args[(step.k - 16) / 8] ?? 0);
        break;
      case 0x15:
        at += accumulator === step.k ? step.jumpTrue : step.jumpFalse;
        break;
      case 0x45:
        at += (accumulator & step.k) === 0 ? step.jumpFalse : step.jumpTrue;
        break;
      case 0x06:
        return step.k === 0x7fff0000 ? 0 : step.k & 0xffff;
      default:
        throw new Error(`unknown instruction ${step.code}`);
    }
  }
}

const native = (call: number, ...args: number[]): Call => ({ arch: archOf.x64, call, args });

test("calls that no rule names are allowed, whatever their arguments", () => {
  const named = new Set([...Object.values(numbers), 424, 425]);
  fc.assert(
    fc.property(fc.nat(1_000), fc.array(fc.nat(), { maxLength: 6 }), fc.boolean(), (call, args, network) => {
      fc.pre(!named.has(call));
      expect(verdict(compiled(network), native(call, ...args))).toBe(0);
    }),
  );
});

test("sockets are of the listed kinds only, and of next to none without network", () => {
  fc.assert(
    fc.property(fc.nat(45), fc.boolean(), (domain, network) => {
      const allowed = (network ? [1, 2, 10, 16] : [16]).includes(domain);
      expect(verdict(compiled(network), native(numbers.socket, domain, 1, 0))).toBe(allowed ? 0 : 13);
    }),
  );
});

test("where TCP is opened by port, nothing else leads past the ports", () => {
  const kinds = (datagrams: boolean, unix: boolean) =>
    compileFilter(refusalsFor({ numbers, network: true, sockets: { datagrams, unix }, protectedIds }), "x64");
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.boolean(),
      fc.constantFrom(2, 10),
      fc.constantFrom(0, 0x800, 0x80000, 0x80800),
      (datagrams, unix, domain, flags) => {
        const program = kinds(datagrams, unix);
        const socket = (family: number, type: number, protocol: number) =>
          verdict(program, native(numbers.socket, family, type | flags, protocol));
        expect(socket(1, 1, 0)).toBe(unix ? 0 : 13);
        for (const protocol of [0, 6]) expect(socket(domain, 1, protocol)).toBe(0);
        expect(socket(domain, 2, 17)).toBe(datagrams ? 0 : 13);
        // Multipath TCP, SCTP, and a raw socket.
        expect(socket(domain, 1, 262)).toBe(13);
        expect(socket(domain, 1, 132)).toBe(13);
        expect(socket(domain, 3, 255)).toBe(13);
        // MSG_FASTOPEN, with MSG_NOSIGNAL beside it.
        expect(verdict(program, native(numbers.sendto, 3, 0, 0, 0x20004000))).toBe(13);
        expect(verdict(program, native(numbers.sendmsg, 3, 0, 0x20000000))).toBe(13);
        expect(verdict(program, native(numbers.sendmmsg, 3, 0, 0, 0x20000000))).toBe(13);
        expect(verdict(program, native(numbers.sendto, 3, 0, 0, 0x4000))).toBe(0);
      },
    ),
  );
});

test("signals reach everybody but us, and us only those that the runtime sends itself", () => {
  const target = fc.oneof(fc.constantFrom(us.processId, us.threadId), fc.nat(100_000));
  fc.assert(
    fc.property(target, fc.nat(64), (pid, signal) => {
      const ours = pid === us.processId || pid === us.threadId;
      const program = compiled(true);
      const harmless = signal === 0 || signal === 30;
      expect(verdict(program, native(numbers.kill, pid, signal))).toBe(ours ? 1 : 0);
      expect(verdict(program, native(numbers.tkill, pid, signal))).toBe(ours && !harmless ? 1 : 0);
      expect(verdict(program, native(numbers.tgkill, pid, 1, signal))).toBe(ours && !harmless ? 1 : 0);
      expect(verdict(program, native(numbers.prlimit64, pid, 7, 0, 0))).toBe(ours ? 1 : 0);
    }),
  );
});

test("what goes around the rules is refused: io_uring, pidfds, calls of another architecture", () => {
  const program = compiled(true);
  expect(verdict(program, native(425))).toBe(38);
  expect(verdict(program, native(424))).toBe(38);
  expect(verdict(program, native(0x40000000 + 41, 2))).toBe(38);
  expect(verdict(program, { arch: archOf.i386, call: 102, args: [] })).toBe(38);
});
