/**
 * JSON pointers, by which an issue says where in a document it stands.
 * It only writes them; nothing here reads a document.
 *
 * Source: RFC 6901.
 */
export function pointer(...segments: readonly (string | number)[]): string {
  return segments
    .map((segment) => `/${String(segment).replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("");
}
