/**
 * akc's mark in a unit file: whose it is, of which resource and revision, and which change wrote it last. It stands in a section
 * of its own whose name begins with X-, which systemd skips; it never says what the unit does.
 *
 * Source: systemd.unit(5) "Description"
 */
import { sha256Hex } from "../../json/fingerprint.ts";
import type { Mark } from "../contract.ts";
import { lastValue, type UnitText } from "./unit-text.ts";

export const markSection = "X-Akc";

export interface UnitMark extends Mark {
  readonly resourceClass: string;
  /** Digest of the idempotency key. */
  readonly change: string;
}

const keys = {
  scope: "X-Akc-Scope",
  resource: "X-Akc-Resource",
  class: "X-Akc-Class",
  hash: "X-Akc-Desired-Hash",
  change: "X-Akc-Change",
} as const;

export function changeDigest(idempotencyKey: string): string {
  return sha256Hex(idempotencyKey).slice(0, 32);
}

/** The unit's text with the mark at its end. */
export function markedText(text: string, mark: UnitMark): string {
  const lines = [
    `[${markSection}]`,
    `# Written by akc, and written anew when it changes: change the bundle instead.`,
    `${keys.scope}=${encodeURIComponent(mark.scope)}`,
    `${keys.resource}=${encodeURIComponent(mark.resourceId)}`,
    `${keys.class}=${encodeURIComponent(mark.resourceClass)}`,
    `${keys.hash}=${encodeURIComponent(mark.desiredHash)}`,
    `${keys.change}=${encodeURIComponent(mark.change)}`,
  ];
  return `${text.replace(/\n*$/, "\n\n")}${lines.join("\n")}\n`;
}

/** Undefined where there is none, or one that is not whole. */
export function readMark(unit: UnitText): UnitMark | undefined {
  const value = (key: string) => decoded(lastValue(unit, markSection, key));
  const scope = value(keys.scope);
  const resourceId = value(keys.resource);
  const desiredHash = value(keys.hash);
  if (scope === undefined || resourceId === undefined || desiredHash === undefined) return undefined;
  const resourceClass = value(keys.class) ?? "service";
  return { scope, resourceId, resourceClass, desiredHash, change: value(keys.change) ?? "" };
}

function decoded(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
