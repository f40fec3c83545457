/**
 * Turns the headers that a bundle asks for into those that go on the wire.
 * Never lets one end a line, frame the message, or choose another host than the one that was checked.
 *
 * Source: RFC 9110 §5, RFC 9112 §2; spec bundle §15.4 (bundle:W-28).
 */
import { AkcError } from "../errors.ts";
import { AKC_VERSION } from "../version.ts";

export type HeaderList = readonly (readonly [name: string, value: string])[];

/** Those that frame the message or choose its way: akc sets them itself, and a bundle's own are ignored. */
const owned = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "upgrade",
  "expect",
  "http2-settings",
  "accept-encoding",
]);

/** The only ones that follow to another origin: any other may carry a credential, whatever it is called. */
const harmless = new Set([
  "accept",
  "accept-language",
  "cache-control",
  "idempotency-key",
  "range",
  "user-agent",
]);

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// Latin-1 without control characters; a tab may stand inside.
const fieldValue = /^(?:[\t\x20-\x7e\x80-\xff])*$/;

export function isOwned(name: string): boolean {
  const lower = name.toLowerCase();
  return owned.has(lower) || lower.startsWith("proxy-");
}

/** @throws AkcError ROUTE_MALFORMED for a name or value that HTTP cannot carry. */
export function wireHeaders(list: HeaderList, host: string): Headers {
  const headers = new Headers();
  for (const [name, value] of list) {
    checkHeader(name, value);
    if (!isOwned(name)) headers.append(name, value.trim());
  }
  if (!headers.has("user-agent")) headers.set("user-agent", `akc/${AKC_VERSION}`);
  headers.set("host", host);
  // What is counted against the response's limit is what crosses the wire: nothing is ever unpacked.
  headers.set("accept-encoding", "identity");
  return headers;
}

export function headersForOtherOrigin(list: HeaderList): HeaderList {
  return list.filter(([name]) => harmless.has(name.toLowerCase()));
}

export function headersWithoutBody(list: HeaderList): HeaderList {
  return list.filter(([name]) => !name.toLowerCase().startsWith("content-"));
}

function checkHeader(name: string, value: string): void {
  if (token.test(name) && fieldValue.test(value)) return;
  throw new AkcError("ROUTE_MALFORMED", {
    message: "a header has a name or a value that HTTP cannot carry",
    hint: "Names are letters, digits and -; values are one line of Latin-1 text.",
    // Its value may be a secret.
    details: { header: JSON.stringify(name.slice(0, 64)) },
  });
}
