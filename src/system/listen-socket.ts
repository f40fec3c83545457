/**
 * Listening TCP sockets as bare descriptors: made here, inherited by services, fetched back from one that runs.
 * Accepts no connection and reads no byte: that is for whoever inherits the socket.
 *
 * Source: socket(7), ip(7), ipv6(7), pidfd_getfd(2).
 */
import { limits } from "../limits.ts";
import { parseAddress } from "./address.ts";
import { type Libc, libc } from "./libc.ts";
import { openProcess, type ProcessIdentity } from "./process-identity.ts";

interface SocketNumbers {
  readonly bind: number;
  readonly listen: number;
  readonly setsockopt: number;
  readonly getsockopt: number;
  readonly getsockname: number;
}

const numbersOf: Readonly<Record<string, SocketNumbers>> = {
  x64: { bind: 49, listen: 50, setsockopt: 54, getsockopt: 55, getsockname: 51 },
  arm64: { bind: 200, listen: 201, setsockopt: 208, getsockopt: 209, getsockname: 204 },
};

const PIDFD_GETFD = 438;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM_CLOEXEC = 0x80001;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_REUSEPORT = 15;
const SO_ACCEPTCONN = 30;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const EADDRINUSE = 98;

export interface SocketAddress {
  /** An address, not a name. */
  readonly host: string;
  readonly port: number;
}

export type Listening =
  | { readonly kind: "listening"; readonly fd: number }
  | { readonly kind: "taken" }
  | { readonly kind: "refused"; readonly errno: number };

/** Binds and listens. The caller closes the descriptor. */
export function listenTcp(address: SocketAddress): Listening {
  return withSocket(address, { reusePort: false, listen: true });
}

/**
 * Whether somebody listens there already, so that another could not; also a port that may not be had at all.
 * @param reusePort whether the other would share the port with those who also would
 */
export function portTaken(address: SocketAddress, reusePort: boolean): boolean {
  // Bound only: a socket that listened, even for a moment, would be given connections.
  const tried = withSocket(address, { reusePort, listen: false });
  if (tried.kind === "listening") libc()?.close(tried.fd);
  return tried.kind === "taken";
}

function withSocket(
  { host, port }: SocketAddress,
  { reusePort, listen }: { readonly reusePort: boolean; readonly listen: boolean },
): Listening {
  const system = libc();
  const numbers = numbersOf[process.arch];
  const address = socketAddress(host, port);
  if (system === undefined || numbers === undefined || address === undefined)
    return { kind: "refused", errno: 0 };
  const family = address.length === inetBytes ? AF_INET : AF_INET6;
  const fd = system.syscall(system.numbers.socket, family, SOCK_STREAM_CLOEXEC, 0);
  if (fd < 0) return { kind: "refused", errno: -fd };
  const on = new Int32Array([1]);
  const option = (level: number, name: number) => system.syscall(numbers.setsockopt, fd, level, name, on, 4);
  option(SOL_SOCKET, SO_REUSEADDR);
  if (reusePort) option(SOL_SOCKET, SO_REUSEPORT);
  if (family === AF_INET6) option(IPPROTO_IPV6, IPV6_V6ONLY);
  let result = system.syscall(numbers.bind, fd, address, address.length);
  if (result >= 0 && listen) result = system.syscall(numbers.listen, fd, limits.processListenBacklog);
  if (result >= 0) return { kind: "listening", fd };
  system.close(fd);
  return result === -EADDRINUSE ? { kind: "taken" } : { kind: "refused", errno: -result };
}

/**
 * A copy of another process's descriptor, if that is a socket that listens at this address.
 * @returns minus errno where it is not to be had; 0 when the descriptor is something else
 */
export function fetchListening(
  identity: ProcessIdentity,
  descriptor: number,
  wanted: SocketAddress,
): { readonly fd: number } | { readonly errno: number } {
  const system = libc();
  const process = openProcess(identity);
  if (system === undefined || process === undefined) return { errno: 3 };
  const fd = system.syscall(PIDFD_GETFD, process, descriptor, 0);
  system.close(process);
  if (fd < 0) return { errno: -fd };
  if (listensAt(system, fd, wanted)) return { fd };
  system.close(fd);
  return { errno: 0 };
}

function listensAt(system: Libc, fd: number, { host, port }: SocketAddress): boolean {
  const numbers = numbersOf[process.arch];
  const wanted = socketAddress(host, port);
  if (numbers === undefined || wanted === undefined) return false;
  const flag = new Int32Array(1);
  const length = new Uint32Array([4]);
  const accepts = system.syscall(numbers.getsockopt, fd, SOL_SOCKET, SO_ACCEPTCONN, flag, length) >= 0;
  if (!accepts || flag[0] !== 1) return false;
  const bound = new Uint8Array(128);
  const size = new Uint32Array([bound.length]);
  if (system.syscall(numbers.getsockname, fd, bound, size) < 0) return false;
  return size[0] === wanted.length && wanted.every((byte, index) => bound[index] === byte);
}

const inetBytes = 16;
const inet6Bytes = 28;

/** struct sockaddr_in or sockaddr_in6; the family in the host's order, which is little endian on both architectures. */
function socketAddress(host: string, port: number): Uint8Array | undefined {
  const address = parseAddress(host);
  if (address === undefined) return undefined;
  const four = address.length === 4;
  const bytes = Buffer.alloc(four ? inetBytes : inet6Bytes);
  bytes.writeUInt16LE(four ? AF_INET : AF_INET6, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(address, four ? 4 : 8);
  return bytes;
}
