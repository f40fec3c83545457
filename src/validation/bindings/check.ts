/**
 * Says everything that is wrong with one binding as it was written: its kind, keys that nobody knows, values, and what one field
 * means for another. Never stops at the first fault, and shows no value that could be a secret.
 *
 * Source: spec reconcile §6.2; reconcile:W-28.
 */
import * as v from "valibot";
import { AkcError } from "../../errors.ts";
import { fromPlain } from "../../json/plain.ts";
import { JsonFloat, type JsonValue } from "../../json/value.ts";
import { unknownKey } from "../../json/yaml-places.ts";
import { impossibleKeys } from "../../json/yaml-shape.ts";
import { nearestWord } from "../../spelling.ts";
import {
  type BindingFormat,
  CommonFields,
  everyField,
  formatOf,
  operationsOf,
  ownKinds,
} from "./kinds/formats.ts";
import { type BindingFault, ruleFaults } from "./rules.ts";
import { isMap, trimmed, type Written } from "./written.ts";

/** @param pluginKinds kinds beside akc's own that a binding may have */
export function bindingFaults(written: unknown, pluginKinds: readonly string[]): readonly BindingFault[] {
  const binding = trimmed(written);
  if (!isMap(binding)) return [{ path: [], message: "must be a map with `kind`" }];
  const { kind, operation } = binding;
  if (kind === undefined) return [{ path: [], message: "`kind` is missing" }];
  if (typeof kind !== "string") return [{ path: ["kind"], message: "`kind` must be text" }];
  const format = formatOf(kind, operation);
  if (format !== undefined) {
    return [
      ...keyFaults(binding, format, kind, []),
      ...valueFaults(binding, format.schema),
      ...jsonFaults(binding, ["equals", "body"]),
      ...ruleFaults(kind, binding),
    ];
  }
  if (operationsOf(kind) !== undefined) return [operationFault(kind, operation)];
  if (pluginKinds.includes(kind)) {
    const own = Object.keys(binding).filter(
      (name) => !["kind", "timeout_ms", "tries", "dry_run"].includes(name),
    );
    return [...valueFaults(binding, CommonFields), ...jsonFaults(binding, own)];
  }
  return [{ path: ["kind"], message: unknownKind(kind, [...new Set([...ownKinds, ...pluginKinds])]) }];
}

function unknownKind(kind: string, known: readonly string[]): string {
  const near = nearestWord(kind, known);
  return near === undefined
    ? `nothing judges bindings of the kind \`${kind}\`; known: ${known.join(", ")}, and those of plugins (--plugins-dir)`
    : `nothing judges bindings of the kind \`${kind}\`; did you mean \`${near}\`?`;
}

function operationFault(kind: string, operation: unknown): BindingFault {
  const known = [...(operationsOf(kind)?.keys() ?? [])];
  if (operation === undefined) {
    return { path: [], message: `\`operation\` is missing: one of ${known.join(", ")}` };
  }
  const near = typeof operation === "string" ? nearestWord(operation, known) : undefined;
  const hint = near === undefined ? `must be one of ${known.join(", ")}` : `did you mean \`${near}\`?`;
  return { path: ["operation"], message: `\`operation\` is none of \`${kind}\`; ${hint}` };
}

/** Keys that nobody knows, at every depth. */
function keyFaults(
  holder: Written,
  { shape }: BindingFormat,
  kind: string,
  path: readonly string[],
): readonly BindingFault[] {
  if (!shape.isMapAt(path)) return [];
  const known = shape.keysAt(path);
  return Object.entries(holder).flatMap(([name, value]): readonly BindingFault[] => {
    const here = [...path, name];
    if (known === undefined ? impossibleKeys.includes(name) : !known.includes(name)) {
      const message =
        known === undefined ? `\`${name}\` cannot be a key` : keyMessage(name, known, kind, path);
      return [{ path: here, message, at: "key" }];
    }
    return isMap(value) ? keyFaults(value, { shape, schema: v.any() }, kind, here) : [];
  });
}

function keyMessage(name: string, known: readonly string[], kind: string, path: readonly string[]): string {
  // What another kind knows is no slip of the pen.
  if (path.length === 0 && everyField().has(name)) {
    return `\`${name}\` has no meaning for this ${kind}; known: ${known.join(", ")}, and those of plugins (--plugins-dir)`;
  }
  return unknownKey(name, known);
}

function valueFaults(binding: Written, schema: v.GenericSchema): readonly BindingFault[] {
  const result = v.safeParse(schema, binding);
  return (result.issues ?? [])
    .filter((issue) => issue.expected !== "never")
    .map((issue): BindingFault => {
      const path = (issue.path ?? []).map((item) => String(item.key));
      const ofKey = issue.path?.at(-1)?.origin === "key";
      const message =
        issue.type === "strict_object" && issue.input === undefined
          ? `\`${path.join(".")}\` is missing`
          : `\`${path.join(".")}\` ${issue.message}`;
      return { path, message, ...(ofKey ? { at: "key" } : {}) };
    });
}

/** What YAML can write and JSON cannot, and numbers that lose digits on the way. */
function jsonFaults(binding: Written, fields: readonly string[]): readonly BindingFault[] {
  return fields.flatMap((name): readonly BindingFault[] => {
    if (binding[name] === undefined) return [];
    const value = jsonOf(binding[name]);
    if (value === undefined) {
      return [{ path: [name], message: `\`${name}\` must hold values that JSON can write` }];
    }
    if (!losesDigits(value)) return [];
    const message = `\`${name}\` holds a number of more digits than are kept: write it as text`;
    return [{ path: [name], message }];
  });
}

function jsonOf(value: unknown): JsonValue | undefined {
  try {
    return fromPlain(value);
  } catch (cause) {
    if (cause instanceof AkcError) return undefined;
    throw cause;
  }
}

/** A whole number beyond 2^53 was rounded when it was read, unless it was written with an exponent; nobody can tell any more. */
function losesDigits(value: JsonValue): boolean {
  if (value instanceof JsonFloat) return true;
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some(losesDigits);
}
