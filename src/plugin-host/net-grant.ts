/**
 * What `net` grants: hosts and ports, as a manifest and the operator write them.
 * Pure; it resolves no name, so an address is granted only where it is written as an address.
 */
export interface NetGrant {
  /** Lower case; `*`, `*.` and a domain, a name, or an address without brackets. */
  readonly host: string;
  readonly port: number | "*";
}

/** Undefined for what is not `host:port`. */
export function parseNetGrant(text: string): NetGrant | undefined {
  const found = /^(\[[^\]]+\]|[^:]+):(\*|\d{1,5})$/.exec(text);
  if (found === null) return undefined;
  const [, host = "", port = ""] = found;
  return { host: bare(host), port: port === "*" ? "*" : Number(port) };
}

const portsOf: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

export function netAllows(net: readonly string[], url: string): boolean {
  const parsed = URL.parse(url);
  const known = parsed === null ? undefined : portsOf[parsed.protocol];
  if (parsed === null || known === undefined) return false;
  const host = bare(parsed.hostname);
  const port = parsed.port === "" ? known : Number(parsed.port);
  return net.some((text) => {
    const grant = parseNetGrant(text);
    if (grant === undefined || (grant.port !== "*" && grant.port !== port)) return false;
    return hostMatches(grant.host, host);
  });
}

function hostMatches(pattern: string, host: string): boolean {
  if (pattern === "*") return true;
  return pattern.startsWith("*.") ? host.endsWith(pattern.slice(1)) : host === pattern;
}

/** Whether the host must be looked up before anybody can connect to it. */
export function isName(host: string): boolean {
  return !/^[\d.]+$/.test(host) && !host.includes(":") && host !== "localhost";
}

function bare(host: string): string {
  return host
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
}
