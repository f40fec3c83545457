/**
 * What a response means for where the request goes next. Never decides whether the target is allowed.
 *
 * Source: spec bundle §15.4 (bundle:W-4); RFC 9110 §15.4.
 */

export type NextHop =
  | { readonly kind: "final" }
  /** Without the body when `method` is not the one that was sent. */
  | { readonly kind: "follow"; readonly url: URL; readonly method: string }
  | { readonly kind: "refused"; readonly why: string; readonly target?: URL };

const redirects = new Set([301, 302, 303, 307, 308]);

/** `location` is the header's text, null when absent; `url` is the one that was asked for. */
export function nextHop(status: number, location: string | null, method: string, url: URL): NextHop {
  if (status < 300 || status > 399 || status === 304) return { kind: "final" };
  if (location === null || location === "") {
    return redirects.has(status)
      ? { kind: "refused", why: "the redirect names no target" }
      : { kind: "final" };
  }
  const target = URL.parse(location, url.href);
  if (target === null) return { kind: "refused", why: "the redirect's target is no URL" };
  target.hash = "";
  const followed = methodAfter(status, method);
  return followed === undefined
    ? { kind: "refused", why: `a ${method} is not sent again on ${status}`, target }
    : { kind: "follow", url: target, method: followed };
}

function methodAfter(status: number, method: string): string | undefined {
  if (method === "GET" || method === "HEAD") return redirects.has(status) ? method : undefined;
  return method === "POST" && status >= 301 && status <= 303 ? "GET" : undefined;
}
