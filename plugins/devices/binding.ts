/**
 * Reads what a binding says, once, before any program is started: names that are none of a package, a permission or a device
 * never reach a command line. Knows neither the programs nor the devices.
 *
 * Source: spec reconcile §6.2.
 */
import type { Json, JsonMap } from "akc/sdk";

/** The binding cannot be meant; answered as `error(malformed)`. */
export class BindingFault extends Error {}

export interface Form {
  readonly matches: RegExp;
  /** Finishes "… must be". */
  readonly says: string;
}

const controls = "\\u0000-\\u001f\\u007f";

export const forms = {
  /** A serial number, a UDID, a name. Not an option of the program that it is handed to. */
  device: {
    matches: new RegExp(`^(?!-)[^${controls}]{1,256}$`),
    says: "the serial number, UDID or name of a device",
  },
  /** Absolute, so that it is never taken for an option. */
  path: { matches: new RegExp(`^/[^${controls}]{1,4095}$`), says: "an absolute path" },
  packageName: {
    matches: /^[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*){0,31}$/,
    says: "the name of an Android package",
  },
  permission: {
    matches: /^[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+){0,31}$/,
    says: "the name of an Android permission",
  },
  activity: {
    matches: /^[A-Za-z][A-Za-z0-9_.]{0,255}\/\.?[A-Za-z][A-Za-z0-9_.$]{0,255}$/,
    says: "a component such as com.acme.pay/.MainActivity",
  },
  bundleId: { matches: /^[A-Za-z0-9][A-Za-z0-9.-]{0,254}$/, says: "the identifier of an app bundle" },
  fileName: { matches: new RegExp(`^(?!\\.{1,2}$)[^/\\\\${controls}]{1,128}$`), says: "a file name" },
  line: { matches: new RegExp(`^[^${controls}]{1,1024}$`), says: "one line of text" },
} as const satisfies Readonly<Record<string, Form>>;

/** @throws BindingFault */
export function textAt(binding: JsonMap, field: string, form: Form): string {
  const text = optionalTextAt(binding, field, form);
  if (text === undefined) throw new BindingFault(`the binding needs ${field}`);
  return text;
}

/** @throws BindingFault when it is there and is not of that form */
export function optionalTextAt(binding: JsonMap, field: string, form: Form): string | undefined {
  const value = binding[field];
  if (value === undefined || value === null) return undefined;
  return formed(value, field, form);
}

/** @throws BindingFault */
export function textsAt(binding: JsonMap, field: string, form: Form): readonly string[] {
  const value = binding[field];
  if (!Array.isArray(value) || value.length === 0) throw new BindingFault(`the binding needs ${field}`);
  return value.map((item: Json) => formed(item, field, form));
}

/** @throws BindingFault */
export function wholeNumberAt(
  binding: JsonMap,
  field: string,
  { least, most, otherwise }: { readonly least: number; readonly most: number; readonly otherwise: number },
): number {
  const value = binding[field];
  if (value === undefined || value === null) return otherwise;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most)
    return value;
  throw new BindingFault(`${field} must be a whole number from ${least} to ${most}`);
}

/** @throws BindingFault */
export function oneOf<const Name extends string>(
  binding: JsonMap,
  field: string,
  names: readonly Name[],
): Name {
  const found = names.find((name) => name === binding[field]);
  if (found === undefined) throw new BindingFault(`${field} must be one of ${names.join(", ")}`);
  return found;
}

/** For names on a device; the documented slug (spec reconcile §6.4). */
export function slugOf(text: string): string {
  const slug = text.replaceAll(/[^A-Za-z0-9_.-]+/g, "_").replaceAll(/^[._-]+|[._-]+$/g, "");
  return slug === "" ? "binding" : slug.slice(0, 100);
}

function formed(value: Json, field: string, { matches, says }: Form): string {
  if (typeof value !== "string" || !matches.test(value)) throw new BindingFault(`${field} must be ${says}`);
  return value;
}
