/** JSON pointers. It only writes them; nothing here follows one. Source: RFC 6901. */

/** The JSON pointer of a path of keys; empty for the whole document. */
export function pointer(...keys: readonly (string | number)[]): string {
  return keys.map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
