/**
 * Tells the service manager how akc stands: datagrams to the socket that NOTIFY_SOCKET names, as sd_notify(3) sends them.
 * Never waits, never throws and never keeps a descriptor open; without that variable it does nothing.
 *
 * Source: sd_notify(3) of systemd 252 to 257; unix(7), socket(7), clock_gettime(2).
 */
import { type Libc, libc } from "../system/libc.ts";

/** What is told in one datagram. Times are microseconds, as the protocol has them. */
export interface NotifyState {
  /** Start-up, or a reload, is over. */
  readonly ready?: true;
  /** A reload has begun, at this moment of CLOCK_MONOTONIC (`monotonicUsec`). */
  readonly reloadingSinceUsec?: bigint;
  readonly stopping?: true;
  /** One line for people; line breaks become blanks. */
  readonly status?: string;
  readonly watchdog?: true;
  /** What is under way (start, stop) gets so much more from now on, before it counts as hanging. */
  readonly extendTimeoutUsec?: number;
  readonly mainPid?: number;
}

/** `absent`: there is nobody to tell. `refused`: not taken, now or ever; what matters is worth another try. */
export type Told = "sent" | "absent" | "refused";

export interface Notifier {
  /** Whether a service manager asked to be told. */
  readonly listens: boolean;
  notify(state: NotifyState): Told;
}

export type MutableEnvironment = Record<string, string | undefined>;

/** Reads where to tell, and takes the variable out of `env`: a child that has it would speak in our name. */
export function openNotifier(env: MutableEnvironment): Notifier {
  const address = socketAddress(env["NOTIFY_SOCKET"] ?? "");
  delete env["NOTIFY_SOCKET"];
  const system = libc();
  const connect = connectNumbers[process.arch];
  if (address === undefined || system === undefined || connect === undefined)
    return { listens: false, notify: () => "absent" };
  return {
    listens: true,
    notify: (state) => send(system, connect, address, Buffer.from(notifyText(state))),
  };
}

/** The lines of a datagram, in the order of the manual page. */
export function notifyText(state: NotifyState): string {
  const lines = [
    state.ready === true ? "READY=1" : "",
    state.reloadingSinceUsec === undefined
      ? ""
      : `RELOADING=1\nMONOTONIC_USEC=${String(state.reloadingSinceUsec)}`,
    state.stopping === true ? "STOPPING=1" : "",
    state.status === undefined ? "" : `STATUS=${oneLine(state.status)}`,
    state.mainPid === undefined ? "" : `MAINPID=${state.mainPid}`,
    state.watchdog === true ? "WATCHDOG=1" : "",
    state.extendTimeoutUsec === undefined
      ? ""
      : `EXTEND_TIMEOUT_USEC=${Math.max(1, Math.floor(state.extendTimeoutUsec))}`,
  ];
  return lines.filter((line) => line !== "").join("\n");
}

/** CLOCK_MONOTONIC in microseconds, which a reload is told by; Bun's own clocks begin with the process. Undefined off Linux. */
export function monotonicUsec(): bigint | undefined {
  const number = clockNumbers[process.arch];
  const time = new BigUint64Array(2);
  const result = number === undefined ? undefined : libc()?.syscall(number, CLOCK_MONOTONIC, time);
  if (result !== 0) return undefined;
  const [seconds = 0n, nanoseconds = 0n] = time;
  return seconds * 1_000_000n + nanoseconds / 1_000n;
}

const AF_UNIX = 1;
/** SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC */
const SOCKET_TYPE = 2 | 0o4000 | 0o2000000;
/** MSG_DONTWAIT | MSG_NOSIGNAL */
const SEND_FLAGS = 0x40 | 0x4000;
const CLOCK_MONOTONIC = 1;
/** connect(2) and clock_gettime(2) of each architecture. */
const connectNumbers: Readonly<Record<string, number>> = { x64: 42, arm64: 203 };
const clockNumbers: Readonly<Record<string, number>> = { x64: 228, arm64: 113 };
/** sun_path of struct sockaddr_un; a path ends with a NUL in it. */
const pathBytesMax = 108;

/** struct sockaddr_un: a path, or a name of the abstract name space where it begins with `@`. Undefined for anything else. */
function socketAddress(place: string): Uint8Array | undefined {
  if (place.length < 2 || !/^[/@]/.test(place)) return undefined;
  const path = Buffer.from(place.startsWith("@") ? `\0${place.slice(1)}` : `${place}\0`);
  if (path.length > pathBytesMax) return undefined;
  const bytes = Buffer.alloc(2 + path.length);
  bytes.writeUInt16LE(AF_UNIX, 0);
  bytes.set(path, 2);
  return bytes;
}

/** A socket for each datagram: what listens may be another one after the manager was executed anew. */
function send(system: Libc, connect: number, address: Uint8Array, text: Uint8Array): Told {
  if (text.length === 0) return "sent";
  const fd = system.syscall(system.numbers.socket, AF_UNIX, SOCKET_TYPE, 0);
  if (fd < 0) return "refused";
  try {
    if (system.syscall(connect, fd, address, address.length) < 0) return "refused";
    // Connected, so that no address is given: the kernel then looks at neither of the last two arguments.
    return system.syscall(system.numbers.sendto, fd, text, text.length, SEND_FLAGS, 0) === text.length
      ? "sent"
      : "refused";
  } finally {
    system.close(fd);
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out.
const controls = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

function oneLine(text: string): string {
  return text.replaceAll(controls, " ").trim();
}
