/**
 * The form of a URL that may be shown and stored. Never lets a user name, password, query or fragment through.
 *
 * Source: spec bundle §15.4 (bundle:W-27).
 */

/** `scheme://host[:port]/path`, or `***` when `url` is no URL with a host. */
export function redactedUrl(url: URL | string): string {
  const parsed = typeof url === "string" ? URL.parse(url) : url;
  return parsed === null || parsed.host === ""
    ? "***"
    : `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
}
