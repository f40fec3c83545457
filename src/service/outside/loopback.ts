/**
 * Listening on loopback and nowhere else, and knowing a request that means to come here: other hosts cannot ask, and no name that another
 * page's browser resolves counts as ours.
 */
import { AkcError } from "../../errors.ts";
import { classifyAddress } from "../../system/address.ts";
import { errnoOf } from "../../system/files.ts";

export interface LoopbackPlace {
  /** An address, or `localhost`; never in brackets. */
  readonly host: string;
  readonly port: number;
}

/** What is said where it cannot be. */
export interface LoopbackWords {
  /** The address is another host's to ask. */
  readonly elsewhere: { readonly message: string; readonly hint: string };
  /** Nobody can listen there; absent: what the code says. */
  readonly taken?: { readonly message: string; readonly hint: string };
}

/**
 * @param bind listens there
 * @throws AkcError LISTEN_REFUSED when it is no loopback address, or taken
 */
export function atLoopback<Bound>(
  { host, port }: LoopbackPlace,
  { elsewhere, taken }: LoopbackWords,
  bind: () => Bound,
): Bound {
  // A name would be resolved by somebody else: `localhost` alone is one.
  if (host !== "localhost" && classifyAddress(host) !== "loopback") {
    throw new AkcError("LISTEN_REFUSED", { ...elsewhere, details: { host, port } });
  }
  try {
    return bind();
  } catch (cause) {
    throw new AkcError("LISTEN_REFUSED", { ...taken, cause, details: { host, port, errno: errnoOf(cause) } });
  }
}

/** `http://127.0.0.1:9464`, `http://[::1]:9464`. */
export function originOf({ host, port }: LoopbackPlace): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/**
 * Whether the header `Host` names this host, with or without a port: a forwarded one is another. A page of another site sends its own
 * name, whatever that resolves to.
 */
export function isLoopbackName(host: string | null): boolean {
  const name = (host ?? "").toLowerCase().replace(/:\d{1,5}$/, "");
  return name === "localhost" || name === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name);
}
