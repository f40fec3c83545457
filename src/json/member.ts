/**
 * Objects while they are being built.
 * A key is data whatever it is called: no key reaches the prototype.
 */
import type { JsonValue } from "./value.ts";

export interface MutableJsonObject {
  [key: string]: JsonValue;
}

/** Plain assignment would let a key called `__proto__` change what the object inherits. */
export function setMember(members: MutableJsonObject, key: string, value: JsonValue): void {
  if (key === "__proto__") {
    Object.defineProperty(members, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    members[key] = value;
  }
}
