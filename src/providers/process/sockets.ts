/**
 * The listening sockets of services that hand them on: bound once, kept open while akc runs, fetched back from a running copy
 * after akc was restarted. Never closes one that a running copy still needs: a copy has its own descriptors.
 */
import { AkcError } from "../../errors.ts";
import { libc } from "../../system/libc.ts";
import { fetchListening, listenTcp, portTaken, type SocketAddress } from "../../system/listen-socket.ts";
import { isAlive } from "../../system/process-identity.ts";
import { identityOf, type ReplicaRecord } from "./record.ts";
import type { ListenPort, ServiceSettings } from "./settings.ts";

export interface OpenSocket {
  readonly name: string;
  readonly fd: number;
}

export type Obtained =
  | { readonly kind: "open"; readonly sockets: readonly OpenSocket[] }
  /** A running copy has it and it cannot be fetched: that copy has to end first. */
  | { readonly kind: "held"; readonly why: string };

const firstInherited = 3;

export class SocketKeeper {
  readonly #held = new Map<string, Map<string, number>>();

  /**
   * Open sockets for all ports, in their order.
   * @param copies of the service, as recorded
   * @throws AkcError PROVIDER_FAILED naming the port, when somebody else listens there
   */
  obtain(resourceId: string, ports: readonly ListenPort[], copies: readonly ReplicaRecord[]): Obtained {
    const held = this.#held.get(resourceId) ?? new Map<string, number>();
    this.#held.set(resourceId, held);
    const sockets: OpenSocket[] = [];
    for (const port of ports) {
      const key = keyOf(port);
      const known = held.get(key);
      const found = known === undefined ? fetched(port, copies) : { fd: known };
      if ("fd" in found) {
        held.set(key, found.fd);
        sockets.push({ name: port.name, fd: found.fd });
        continue;
      }
      const bound = listenTcp(port);
      switch (bound.kind) {
        case "listening":
          held.set(key, bound.fd);
          sockets.push({ name: port.name, fd: bound.fd });
          break;
        case "taken":
          if (found.copyHasIt) return { kind: "held", why: `${key}: ${found.why}` };
          throw takenError(resourceId, port);
        case "refused":
          throw new AkcError("PROVIDER_FAILED", {
            message: `cannot listen at ${key} for port "${port.name}": errno ${bound.errno}`,
            details: { resourceId, port: port.port, host: port.host, errno: bound.errno, retryable: true },
          });
      }
    }
    this.#drop(held, new Set(ports.map(keyOf)));
    return { kind: "open", sockets };
  }

  /** akc's own descriptors; running copies keep theirs. */
  release(resourceId: string): void {
    const held = this.#held.get(resourceId);
    if (held !== undefined) this.#drop(held, new Set());
    this.#held.delete(resourceId);
  }

  close(): void {
    for (const resourceId of [...this.#held.keys()]) this.release(resourceId);
  }

  #drop(held: Map<string, number>, wanted: ReadonlySet<string>): void {
    for (const [key, fd] of held) {
      if (wanted.has(key)) continue;
      libc()?.close(fd);
      held.delete(key);
    }
  }
}

/** @throws AkcError PROVIDER_FAILED naming the port, when the program could not listen there */
export function refuseTaken(resourceId: string, { ports }: ServiceSettings): void {
  if (ports.handover === "listen_fds") return;
  const taken = ports.listen.find((port) => portTaken(port, ports.handover === "reuse_port"));
  if (taken !== undefined) throw takenError(resourceId, taken);
}

function takenError(resourceId: string, port: ListenPort): AkcError {
  return new AkcError("PROVIDER_FAILED", {
    message: `port ${port.port} ("${port.name}", ${keyOf(port)}) is taken by another process`,
    hint: "End what listens there, or give the service another port.",
    details: { resourceId, port: port.port, host: port.host, retryable: true },
  });
}

type Fetched = { readonly fd: number } | { readonly copyHasIt: boolean; readonly why: string };

function fetched(wanted: ListenPort, copies: readonly ReplicaRecord[]): Fetched {
  let why = "no running copy has it";
  let copyHasIt = false;
  for (const copy of copies) {
    const identity = identityOf(copy);
    const { listen, handover } = copy.settings.ports;
    const at = listen.findIndex((port) => keyOf(port) === keyOf(wanted));
    if (at < 0 || identity === undefined || !isAlive(identity)) continue;
    copyHasIt = true;
    if (handover !== "listen_fds") {
      why = "the running copy bound the port itself";
      continue;
    }
    const found = fetchListening(identity, firstInherited + at, wanted);
    if ("fd" in found) return found;
    why = found.errno === 0 ? "the running copy has closed or moved it" : `errno ${found.errno}`;
  }
  return { copyHasIt, why };
}

function keyOf({ host, port }: SocketAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
