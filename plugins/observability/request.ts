/**
 * Makes the request of a query: where it goes, with which parameters, in the URL or as a form. It keeps every parameter that the
 * binding's URL has, as written and in order; only one of the same name as its own gives way.
 *
 * Source: https://prometheus.io/docs/prometheus/latest/querying/api, spec reconcile §6.4 (W-26).
 */
import type { QueryBinding } from "./binding.ts";

/** What is asked, and of which time. */
export interface Moment {
  readonly query: string;
  /** Milliseconds since the epoch: an instant query's time, a range's end. */
  readonly atMs: number;
}

export type Parameters = readonly (readonly [name: string, value: string])[];

export interface QueryRequest {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For evidence: without query, user and password. */
  readonly endpoint: string;
  /** For evidence: what was set beside the query. */
  readonly parameters: Parameters;
}

export function queryRequest(
  binding: QueryBinding,
  endpoint: string,
  query: Parameters,
  parameters: Parameters,
): QueryRequest {
  const own = [...query, ...parameters];
  const { origin, pathname } = new URL(endpoint);
  const told = { endpoint: `${origin}${pathname}`, parameters };
  const accept = withDefault(binding.headers, "accept", "application/json");
  if (binding.method === "GET") {
    return { url: withParameters(endpoint, own), method: "GET", headers: accept, ...told };
  }
  return {
    // What the form says must not be said by the URL as well: which of them counts is the server's choice.
    url: withoutParameters(endpoint, own),
    method: "POST",
    headers: withDefault(accept, "content-type", "application/x-www-form-urlencoded"),
    body: new URLSearchParams(own.map(([name, value]): [string, string] => [name, value])).toString(),
    ...told,
  };
}

/** A range is asked of `query_range` where the binding names `query`. */
export function rangeEndpoint(url: string): string {
  const [path = "", ...rest] = url.split(/(?=[?#])/);
  return [path.endsWith("/query") ? `${path}_range` : path, ...rest].join("");
}

/** The last part of the path, e.g. `query_range`. */
export function endpointName(url: string): string {
  return new URL(url).pathname.split("/").findLast((part) => part !== "") ?? "";
}

/** The value of a parameter that the URL has itself, the first one of its name. */
export function parameterOf(url: string, name: string): string | undefined {
  return new URL(url).searchParams.get(name) ?? undefined;
}

/** About sixty points, not closer than a second. */
export function stepMsOf({ windowMs, stepMs }: NonNullable<QueryBinding["range"]>): number {
  return stepMs ?? Math.max(1_000, Math.round(windowMs / 60));
}

/** Seconds as decimal number, never with an exponent. */
export function seconds(ms: number): string {
  return String(Math.round(ms) / 1_000);
}

function withParameters(endpoint: string, parameters: Parameters): string {
  const url = withoutParameters(endpoint, parameters);
  // A half of a surrogate pair cannot be written at all.
  const written = parameters.map((parameter) =>
    parameter.map((text) => encodeURIComponent(text.toWellFormed())).join("="),
  );
  if (!url.includes("?")) return `${url}?${written.join("&")}`;
  return `${url}${/[?&]$/.test(url) ? "" : "&"}${written.join("&")}`;
}

/** By hand: the web's URL would write the others anew, in its own spelling. */
function withoutParameters(endpoint: string, parameters: Parameters): string {
  const url = endpoint.replace(/#.*$/s, "");
  const at = url.indexOf("?");
  if (at < 0) return url;
  const names = new Set(parameters.map(([name]) => name));
  const kept = url
    .slice(at + 1)
    .split("&")
    .filter((part) => !names.has(nameOf(part)));
  return kept.length === 0 ? url.slice(0, at) : `${url.slice(0, at)}?${kept.join("&")}`;
}

function nameOf(part: string): string {
  const [[name] = [""]] = new URLSearchParams(part);
  return name ?? "";
}

function withDefault(
  headers: Readonly<Record<string, string>>,
  name: string,
  value: string,
): Readonly<Record<string, string>> {
  const isThere = Object.keys(headers).some((given) => given.toLowerCase() === name);
  return isThere ? headers : { ...headers, [name]: value };
}
