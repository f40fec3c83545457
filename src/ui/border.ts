/**
 * Which requests are looked at at all: those that name this host, and that no other page has made. Pure; it knows headers and nothing
 * of who asks. What it refuses is refused before anything is read.
 *
 * Source: https://www.w3.org/TR/fetch-metadata/, https://fetch.spec.whatwg.org/#origin-header; DNS rebinding.
 */
import { isLoopbackName } from "../service/outside/loopback.ts";

export interface Refusal {
  readonly status: number;
  readonly error: string;
}

/** Undefined where it may go on. @param allowsPost whether anything may be said here */
export function refusalOf(
  request: Pick<Request, "method" | "headers" | "url">,
  allowsPost: boolean,
): Refusal | undefined {
  const { method, headers, url } = request;
  const host = headers.get("host");
  if (!isLoopbackName(host)) return { status: 421, error: "host_not_loopback" };
  if (url.length > urlCharsMax) return { status: 414, error: "url_too_long" };
  const isRead = method === "GET" || method === "HEAD";
  if (!isRead && !(method === "POST" && allowsPost)) return { status: 405, error: "method_not_allowed" };
  const origin = headers.get("origin");
  const own = origin?.toLowerCase() === `http://${host?.toLowerCase()}`;
  // A browser names the origin of every form that is sent; who is no browser has to as well.
  if (!own && (origin !== null || !isRead)) return { status: 403, error: "origin_refused" };
  if (!isOurOwn(headers, isRead)) return { status: 403, error: "made_by_another_page" };
  return undefined;
}

const urlCharsMax = 4_096;

/** A link of another page may lead here, as no cookie comes with it; nothing else of another page may. Old browsers say nothing. */
function isOurOwn(headers: Headers, isRead: boolean): boolean {
  const site = headers.get("sec-fetch-site");
  if (site === null || site === "same-origin") return true;
  if (!isRead) return false;
  return (
    site === "none" ||
    (headers.get("sec-fetch-mode") === "navigate" && headers.get("sec-fetch-dest") === "document")
  );
}
