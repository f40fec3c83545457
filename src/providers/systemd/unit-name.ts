/**
 * Names of units: which are taken, and which one a resource gets that names none.
 * Two resources never get one name by escaping; a name never leads out of its folder.
 *
 * Source: systemd.unit(5) "String escaping for inclusion in unit names"
 */

/** Kinds of units that a resource may be. */
const unitTypes = ["service", "socket", "timer", "path", "target"] as const;
export type UnitType = (typeof unitTypes)[number];

const nameCharsMax = 255;

/** Undefined unless it is a name of one of `unitTypes`. Templates and their instances are not. */
export function unitTypeOf(name: string): UnitType | undefined {
  const { type } = /^[A-Za-z0-9_\\][A-Za-z0-9:_.\\-]*\.(?<type>[a-z]+)$/.exec(name)?.groups ?? {};
  return name.length <= nameCharsMax ? unitTypes.find((known) => known === type) : undefined;
}

/** What a name may not hold is written as `\x2f`. */
export function unitNameOf(prefix: string, resourceId: string): string {
  const escaped = Array.from(new TextEncoder().encode(resourceId), (byte, index) => {
    const char = String.fromCharCode(byte);
    const plain = /[A-Za-z0-9:_.-]/.test(char) && !(prefix === "" && index === 0 && /[:.-]/.test(char));
    return plain ? char : `\\x${byte.toString(16).padStart(2, "0")}`;
  });
  return `${prefix}${escaped.join("")}.service`;
}

/** File name of a drop-in; undefined unless it is one. */
export function dropInFile(name: string): string | undefined {
  const file = name.endsWith(".conf") ? name : `${name}.conf`;
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}\.conf$/.test(file) ? file : undefined;
}
