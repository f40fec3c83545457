/**
 * Who listens: how many TCP sockets of this host listen at a port. Only reads; no socket is touched.
 *
 * Source: proc(5), /proc/net/tcp.
 */
import { readFileSync } from "node:fs";

const LISTEN = "0A";

/** On any address, IPv4 and IPv6 together; several with SO_REUSEPORT. */
export function listenersAt(port: number): number {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  let found = 0;
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of contentOf(table).split("\n").slice(1)) {
      const [, local, , state] = line.trim().split(/\s+/);
      if (state === LISTEN && local?.endsWith(`:${wanted}`) === true) found += 1;
    }
  }
  return found;
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
