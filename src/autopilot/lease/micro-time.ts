/**
 * Times of a Kubernetes lease: RFC 3339 in UTC with exactly six digits of a second, without which the server refuses them. Pure.
 *
 * Source: k8s.io/apimachinery meta/v1 MicroTime; cli:W-55.
 */

export function microTime(atMs: number): string {
  return new Date(atMs).toISOString().replace("Z", "000Z");
}

/** Milliseconds since the epoch; undefined for what is no such time. Any number of digits is read. */
export function readMicroTime(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/.test(text)) return undefined;
  // The engine reads three digits of a second at most everywhere.
  const atMs = Date.parse(text.replace(/(\.\d{3})\d+/, "$1"));
  return Number.isNaN(atMs) ? undefined : atMs;
}
