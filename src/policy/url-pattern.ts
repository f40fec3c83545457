/**
 * Says whether a URL is named by the patterns of an HTTP lane, after both have been normalised as a browser would.
 * Never resolves a name and never connects: what an address may be is asked with `namedLiterally` after resolving.
 *
 * Source: spec bundle §15.2, §22 (bundle:W-28); WHATWG URL.
 */
import { globMatches, type HostGlob, parseHostGlob } from "./host-glob.ts";
import type { HttpLane } from "./model.ts";

/** Every list must have a pattern that matches. */
export type UrlLists = Pick<HttpLane, "allowlist" | "narrowedBy">;

/** A pattern that was understood. One that was not matches nothing. */
type Pattern =
  /** An origin and a path: this path, or anything below it. With a query it names that one URL only. */
  | { readonly kind: "prefix"; readonly origin: Target; readonly path: string; readonly query: string }
  /** A name and its sub-domains, on any port unless one is given. */
  | { readonly kind: "name"; readonly name: string; readonly port: string | null }
  /** `localhost` or an IP literal: that host and nothing else. */
  | { readonly kind: "literal"; readonly host: string; readonly port: string | null }
  /** A shell pattern on names; never an IP literal and never `localhost`. */
  | { readonly kind: "glob"; readonly glob: HostGlob; readonly port: string | null };

/** Where a URL leads: scheme with its colon, host in WHATWG form without a trailing dot, port never empty. */
interface Target {
  readonly scheme: string;
  readonly host: string;
  readonly port: string;
}

/**
 * Whether every list of the lane has a pattern for `url`. An empty list allows nothing; `lane.enabled` is not asked.
 * Never throws: what is not an http(s) URL, or carries a user name or password, is not allowed.
 */
export function urlAllowed(lane: UrlLists, url: URL | string): boolean {
  const parsed = parseTarget(url);
  if (parsed === undefined) return false;
  return listsOf(lane).every((list) =>
    patternsOf(list).some((pattern) => matches(pattern, parsed.target, parsed.url)),
  );
}

/**
 * Whether the lane names this very address (IPv4 or IPv6 text), which alone opens one that is not public: every list
 * has the literal address for this port, or, for a URL on `localhost` and a loopback address, the word `localhost`.
 */
export function namedLiterally(lane: UrlLists, url: URL | string, address: string): boolean {
  const parsed = parseTarget(url);
  const host = parsed === undefined ? undefined : hostOfAddress(address);
  if (parsed === undefined || host === undefined) return false;
  const { scheme, port } = parsed.target;
  const asked: Target[] = [{ scheme, port, host }];
  if (parsed.target.host === "localhost" && isLoopback(host)) asked.push(parsed.target);
  return listsOf(lane).every((list) =>
    patternsOf(list).some((pattern) => asked.some((target) => namesLiterally(pattern, target))),
  );
}

function listsOf(lane: UrlLists): readonly (readonly string[])[] {
  return [lane.allowlist, ...lane.narrowedBy];
}

function matches(pattern: Pattern, target: Target, url: URL): boolean {
  switch (pattern.kind) {
    case "prefix":
      return sameOrigin(pattern.origin, target) && pathCovers(pattern, url);
    case "name":
      return (
        portFits(pattern.port, target) &&
        !isLiteralHost(target.host) &&
        (target.host === pattern.name || target.host.endsWith(`.${pattern.name}`))
      );
    case "literal":
      return portFits(pattern.port, target) && target.host === pattern.host;
    case "glob":
      return (
        portFits(pattern.port, target) &&
        !isLiteralHost(target.host) &&
        globMatches(pattern.glob, target.host)
      );
  }
}

function namesLiterally(pattern: Pattern, target: Target): boolean {
  if (pattern.kind === "literal") return portFits(pattern.port, target) && pattern.host === target.host;
  return pattern.kind === "prefix" && isLiteralHost(target.host) && sameOrigin(pattern.origin, target);
}

function sameOrigin(a: Target, b: Target): boolean {
  return a.scheme === b.scheme && a.host === b.host && a.port === b.port;
}

function portFits(port: string | null, target: Target): boolean {
  return port === null || port === target.port;
}

function pathCovers(pattern: Pattern & { readonly kind: "prefix" }, url: URL): boolean {
  if (pattern.query !== "") return url.pathname === pattern.path && url.search === pattern.query;
  if (pattern.path === "/") return true;
  const inside = url.pathname === pattern.path || url.pathname.startsWith(`${pattern.path}/`);
  return inside && !climbs(url.pathname);
}

/**
 * Whether a path that is already normalised may still climb in the hands of a server that decodes once more
 * (`%2f..%2f`, `%252e%252e`) or cuts path parameters off first (`/..;/`).
 */
function climbs(pathname: string): boolean {
  let path = pathname;
  for (let depth = 0; depth < 4; depth += 1) {
    const decoded = path.replace(/%(2e|2f|5c|25|3b)/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    if (decoded.split(/[/\\]/).some((segment) => /^\.{1,2}(;.*)?$/.test(segment))) return true;
    if (decoded === path) return false;
    path = decoded;
  }
  // Encoded deeper than any honest path.
  return true;
}

function parseTarget(url: URL | string): { readonly url: URL; readonly target: Target } | undefined {
  const parsed = typeof url === "string" ? URL.parse(url) : url;
  if (parsed === null || parsed.username !== "" || parsed.password !== "") return undefined;
  const target = targetOf(parsed);
  return target === undefined ? undefined : { url: parsed, target };
}

function targetOf(url: URL): Target | undefined {
  if (url.protocol !== "http:" && url.protocol !== "https:") return undefined;
  const host = url.hostname.endsWith(".") ? url.hostname.slice(0, -1) : url.hostname;
  if (host === "") return undefined;
  return { scheme: url.protocol, host, port: url.port || (url.protocol === "http:" ? "80" : "443") };
}

/** Lists are read-only and shared by a whole run, so each is parsed once. */
const parsedLists = new WeakMap<readonly string[], readonly Pattern[]>();

function patternsOf(list: readonly string[]): readonly Pattern[] {
  const known = parsedLists.get(list);
  if (known !== undefined) return known;
  const patterns = list.map(parsePattern).filter((pattern) => pattern !== undefined);
  parsedLists.set(list, patterns);
  return patterns;
}

function parsePattern(text: string): Pattern | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  return trimmed.includes("://")
    ? parsePrefix(trimmed)
    : parseHost(trimmed.toLowerCase().replace(/^\.+/, ""));
}

function parsePrefix(text: string): Pattern | undefined {
  const parsed = parseTarget(text);
  if (parsed === undefined || parsed.url.hash !== "") return undefined;
  const path = parsed.url.pathname.replace(/\/+$/, "") || "/";
  const query = parsed.url.search;
  return { kind: "prefix", origin: parsed.target, path: query === "" ? path : parsed.url.pathname, query };
}

function parseHost(text: string): Pattern | undefined {
  // More than one colon and no bracket is an IPv6 address as people write it.
  const written = /^[^[\]]*:[^[\]]*:/.test(text) ? `[${text}]` : text;
  const parts = /^(?<host>\[[^\]]*\]|[^:/\\@#[\]]+|[^:/\\@#]*\*[^:/\\@#]*)(?::(?<port>\d{1,5}))?$/.exec(
    written,
  );
  const hostText = parts?.groups?.["host"];
  if (hostText === undefined) return undefined;
  const port = parts?.groups?.["port"] === undefined ? null : String(Number(parts.groups["port"]));
  if (hostText.includes("*") && !hostText.startsWith("[:")) {
    return { kind: "glob", glob: parseHostGlob(hostText), port };
  }
  const host = hostOf(hostText);
  if (host === undefined) return undefined;
  return isLiteralHost(host) ? { kind: "literal", host, port } : { kind: "name", name: host, port };
}

/** `text` as WHATWG would write it as a host: punycode, lower case, numbers as dotted IPv4; undefined if it is none. */
function hostOf(text: string): string | undefined {
  const url = URL.parse(`http://${text}/`);
  if (url === null || url.pathname !== "/" || url.search !== "" || url.username !== "") return undefined;
  return targetOf(url)?.host;
}

function hostOfAddress(address: string): string | undefined {
  return hostOf(address.includes(":") ? `[${address}]` : address);
}

/** Whether a host in WHATWG form is an IP literal or under `localhost`: things that no pattern on names may reach. */
function isLiteralHost(host: string): boolean {
  return (
    host === "localhost" ||
    host.endsWith(".localhost") ||
    host.startsWith("[") ||
    /^\d+\.\d+\.\d+\.\d+$/.test(host)
  );
}

function isLoopback(host: string): boolean {
  return host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
