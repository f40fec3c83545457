/**
 * Reads what a step waits for: `{ "signal": NAME, "approval"?, "timeout_ms"? }`, `{ "duration_ms": N }` or
 * `{ "until": TIME }`. Every key is known and each has its type; anything else is malformed and never waits for ever.
 */
import { asDouble, isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import { limits } from "../limits.ts";
import { isIdentifier } from "./identifier.ts";
import { member } from "./member.ts";
import type { Route, WaitRoute } from "./model.ts";

type Malformed = Extract<Route, { readonly kind: "malformed" }>;

export function readWait(value: JsonValue | undefined): WaitRoute | Malformed {
  if (!isJsonObject(value)) return malformed("there is no wait specification that is an object");
  const kinds = ["signal", "duration_ms", "until"].filter((key) => member(value, key) !== undefined);
  if (kinds.length !== 1) return malformed("a wait names exactly one of signal, duration_ms and until");
  const [kind = ""] = kinds;
  const known = kind === "signal" ? ["signal", "approval", "timeout_ms"] : [kind];
  const unknown = Object.keys(value).filter((key) => !known.includes(key));
  if (unknown.length > 0) return malformed(`a wait for ${kind} has no key ${unknown.join(", ")}`);
  switch (kind) {
    case "signal":
      return signalWait(value);
    case "duration_ms":
      return durationWait(member(value, "duration_ms"));
    default:
      return instantWait(member(value, "until"));
  }
}

function signalWait(value: JsonObject): WaitRoute | Malformed {
  const name = member(value, "signal");
  if (typeof name !== "string" || !isIdentifier(name)) return malformed("wait.signal is not an identifier");
  const approval = member(value, "approval") ?? false;
  if (typeof approval !== "boolean") return malformed("wait.approval must be true or false");
  const written = member(value, "timeout_ms");
  if (written === undefined || written === null)
    return { kind: "wait", for: { kind: "signal", name, approval } };
  const timeoutMs = wholeMs(written);
  if (timeoutMs === undefined) return malformed(`wait.timeout_ms ${msRule}`);
  return { kind: "wait", for: { kind: "signal", name, approval, timeoutMs } };
}

function durationWait(written: JsonValue | undefined): WaitRoute | Malformed {
  const durationMs = wholeMs(written);
  if (durationMs === undefined) return malformed(`wait.duration_ms ${msRule}`);
  return { kind: "wait", for: { kind: "duration", durationMs } };
}

/** RFC 3339 with a zone: a local time would mean another instant on another host. */
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

function instantWait(written: JsonValue | undefined): WaitRoute | Malformed {
  const atMs = typeof written === "string" && instant.test(written) ? Date.parse(written) : Number.NaN;
  if (Number.isNaN(atMs)) return malformed("wait.until must be a time like 2030-01-31T12:00:00Z");
  return { kind: "wait", for: { kind: "instant", atMs } };
}

const msRule = `must be a whole number of milliseconds from 1 to ${limits.waitMsMax}`;

function wholeMs(value: JsonValue | undefined): number | undefined {
  const ms = asDouble(value);
  return ms !== undefined && Number.isSafeInteger(ms) && ms >= 1 && ms <= limits.waitMsMax ? ms : undefined;
}

function malformed(why: string): Malformed {
  return { kind: "malformed", wanted: "wait", why };
}
