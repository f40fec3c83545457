/**
 * A binding without blanks around its texts, as the format has it. Leaves alone what is meant letter by letter: arguments, bodies,
 * expected values, what stands before a secret, and everything that is a plugin's own.
 *
 * Source: spec reconcile §6.2, "strings trimmed".
 */
import { ownKinds } from "./kinds/formats.ts";

/** A map as it was written: nobody has looked at its values yet. */
export type Written = Readonly<Record<string, unknown>>;

export function isMap(value: unknown): value is Written {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const verbatim: readonly string[] = ["argv", "body", "equals", "prefix"];

export function trimmed(written: unknown): unknown {
  if (!isMap(written)) return written;
  const { kind } = written;
  const word = typeof kind === "string" ? kind.trim() : kind;
  return typeof word === "string" && ownKinds.includes(word) ? inside(written) : { ...written, kind: word };
}

function inside(value: unknown): unknown {
  if (typeof value === "string") return value.trim();
  if (Array.isArray(value)) return value.map(inside);
  if (!isMap(value)) return value;
  const entries = Object.entries(value);
  return Object.fromEntries(
    entries.map(([key, item]) => [key, verbatim.includes(key) ? item : inside(item)]),
  );
}
