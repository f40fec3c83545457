/**
 * Placeholders in the texts of a route: `${{ steps.ID.outputs.KEY }}` stands for what a step before put out, `$${{` for the
 * three characters themselves. It parses and fills in, once over and never again in what it filled in; it takes no value from anywhere.
 *
 * Source: docs/step-files.md.
 */
import { AkcError } from "../errors.ts";
import { canonicalJson } from "../json/canonical.ts";
import { isJsonArray, isJsonObject, type JsonValue } from "../json/value.ts";
import { limits } from "../limits.ts";
import type { HttpRoute, Route, SubprocessRoute } from "./model.ts";
import { isHeaderValue } from "./route-spec.ts";

export interface Placeholder {
  readonly stepId: string;
  /** The key and, where it leads into JSON, the members on the way; at least one item. */
  readonly key: readonly string[];
}

/** How a placeholder is named in records and errors. */
export function placeholderName({ stepId, key }: Placeholder): string {
  return `steps.${stepId}.outputs.${key.join(".")}`;
}

export type Template =
  | { readonly kind: "template"; readonly parts: readonly (string | Placeholder)[] }
  | { readonly kind: "faulty"; readonly why: string };

const inner = /^steps\.(.+?)\.outputs\.([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_-]+)*)$/;

export function parseTemplate(text: string): Template {
  const parts: (string | Placeholder)[] = [];
  const mark = /\$?\$\{\{/g;
  let from = 0;
  for (let found = mark.exec(text); found !== null; found = mark.exec(text)) {
    if (found.index > from) parts.push(text.slice(from, found.index));
    if (found[0].startsWith("$$")) {
      parts.push("${{");
      from = mark.lastIndex;
      continue;
    }
    const end = text.indexOf("}}", mark.lastIndex);
    if (end < 0) return { kind: "faulty", why: 'begins a placeholder that no "}}" ends' };
    const written = text.slice(mark.lastIndex, end).trim();
    const [, stepId, key] = inner.exec(written) ?? [];
    if (stepId === undefined || key === undefined) {
      const shown = written.length > 100 ? `${written.slice(0, 100)}…` : written;
      return { kind: "faulty", why: `has "${shown}" where steps.ID.outputs.KEY is known` };
    }
    parts.push({ stepId, key: key.split(".") });
    from = end + 2;
    mark.lastIndex = from;
  }
  if (from < text.length) parts.push(text.slice(from));
  return { kind: "template", parts };
}

/** A text of a route in which placeholders count. */
export interface RouteText {
  /** Keys and indexes from the specification to the text. */
  readonly at: readonly (string | number)[];
  readonly text: string;
  readonly isUrl: boolean;
}

/** @param spec of a route that is well formed. The program itself is not among the texts. */
export function textsOf(kind: "subprocess" | "http", spec: JsonValue | undefined): readonly RouteText[] {
  if (!isJsonObject(spec)) return [];
  const { argv, stdin, env, url, headers, body } = spec;
  if (kind === "subprocess") {
    const program = programIndex(argv);
    return [
      ...leaves(argv, ["argv"]).filter(({ at }) => at[1] !== program),
      ...leaves(stdin, ["stdin"]),
      ...leaves(env, ["env"]),
    ];
  }
  const urls = leaves(url, ["url"]).map((leaf) => ({ ...leaf, isUrl: true }));
  return [...urls, ...leaves(headers, ["headers"]), ...leaves(body, ["body"])];
}

/** The program that a process runs, as written. */
export function programOf(spec: JsonValue | undefined): RouteText | undefined {
  const argv = isJsonObject(spec) ? spec["argv"] : undefined;
  const program = programIndex(argv);
  return leaves(argv, ["argv"]).find(({ at }) => at[1] === program);
}

/** Blank items are left out of an argv; -1 when it has no other. */
function programIndex(argv: JsonValue | undefined): number {
  if (!isJsonArray(argv)) return -1;
  return argv.findIndex((item) => typeof item !== "string" || item.trim() !== "");
}

function leaves(value: JsonValue | undefined, at: readonly (string | number)[]): readonly RouteText[] {
  if (typeof value === "string") return [{ at, text: value, isUrl: false }];
  if (isJsonArray(value)) return value.flatMap((item, index) => leaves(item, [...at, index]));
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => leaves(item, [...at, key]));
}

/** Why placeholders cannot stand where they do in this URL; undefined when they may: in its path and its query alone. */
export function urlTemplateFault(text: string): string | undefined {
  const [one, other] = ["x", "y"].map((value) => URL.parse(filled(text, () => value)));
  if (one == null || other == null) return "is not an absolute URL";
  const authority = ({ protocol, username, password, host }: URL) =>
    `${protocol}//${username}:${password}@${host}`;
  return authority(one) === authority(other)
    ? undefined
    : "may hold placeholders in its path and query alone";
}

export type ValueOf = (placeholder: Placeholder) => string;

/** The placeholders of a route, each once. */
export function placeholdersOf(route: SubprocessRoute | HttpRoute): readonly Placeholder[] {
  const found = new Map<string, Placeholder>();
  fillRoute(route, (text) => {
    for (const part of partsOf(text)) if (typeof part !== "string") found.set(placeholderName(part), part);
    return text;
  });
  return [...found.values()];
}

/**
 * The route with its placeholders filled in. The program stays as it is written.
 * @throws AkcError PLACEHOLDER_VALUE_REFUSED where a text has become what the route could not have been written with
 */
export function filledRoute(route: SubprocessRoute | HttpRoute, value: ValueOf): Route {
  const given = bounded(value);
  const full = fillRoute(route, (text, isUrl) => (isUrl ? filledUrl(text, given) : filled(text, given)));
  if (full.kind === "subprocess") {
    const bytes = full.argv.reduce((sum, item) => sum + byteLength(item) + 1, 0);
    if (bytes > limits.argvBytesMax)
      throw refused(`argv has become longer than ${limits.argvBytesMax} bytes`);
    if (byteLength(full.stdin ?? "") > limits.subprocessStdinBytesMax)
      throw refused(`stdin has become longer than ${limits.subprocessStdinBytesMax} bytes`);
    const env = Object.entries(full.env ?? {}).reduce(
      (sum, [name, text]) => sum + name.length + byteLength(text),
      0,
    );
    if (env > limits.argvBytesMax) throw refused(`env has become longer than ${limits.argvBytesMax} bytes`);
    return full;
  }
  for (const [name, text] of full.headers)
    if (!isHeaderValue(text)) throw refused(`the header "${name}" has got a character that cannot be sent`);
  return full;
}

/** A value counts as often as it stands there, before a text is put together: a few kilobytes of template would become gigabytes. */
function bounded(given: ValueOf): ValueOf {
  let left: number = limits.placeholdersFilledCharsMax;
  return (placeholder) => {
    const value = given(placeholder);
    left -= value.length;
    if (left < 0)
      throw refused(`more than ${limits.placeholdersFilledCharsMax} characters would be filled in`);
    return value;
  };
}

type Fill = (text: string, isUrl: boolean) => string;

function fillRoute<R extends SubprocessRoute | HttpRoute>(route: R, fill: Fill): R;
function fillRoute(route: SubprocessRoute | HttpRoute, fill: Fill): SubprocessRoute | HttpRoute {
  if (route.kind === "subprocess") {
    const { argv, stdin, env } = route;
    const variables = Object.entries(env ?? {}).map(([name, text]) => [name, fill(text, false)]);
    return {
      ...route,
      argv: argv.map((item, index) => (index === 0 ? item : fill(item, false))),
      ...(stdin === undefined ? {} : { stdin: fill(stdin, false) }),
      ...(env === undefined ? {} : { env: Object.fromEntries(variables) }),
    };
  }
  const { url, headers, body, bodyValue } = route;
  return {
    ...route,
    url: fill(url, true),
    headers: headers.map(([name, text]) => [name, fill(text, false)]),
    ...(body === undefined
      ? {}
      : { body: bodyValue === undefined ? fill(body, false) : canonicalJson(fillLeaves(bodyValue, fill)) }),
  };
}

function fillLeaves(value: JsonValue, fill: Fill): JsonValue {
  if (typeof value === "string") return fill(value, false);
  if (isJsonArray(value)) return value.map((item) => fillLeaves(item, fill));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillLeaves(item, fill)]));
}

function partsOf(text: string): readonly (string | Placeholder)[] {
  const template = parseTemplate(text);
  // Loading refused it; whoever made the route otherwise gets it back as it is.
  return template.kind === "template" ? template.parts : [text];
}

function filled(text: string, given: ValueOf): string {
  return partsOf(text)
    .map((part) => (typeof part === "string" ? part : given(part)))
    .join("");
}

/** Each value is percent-encoded, and none may lead to another folder of the path than the one it stands in. */
function filledUrl(text: string, given: ValueOf): string {
  const url = filled(text, (placeholder) => {
    const value = given(placeholder);
    if (/^\.*$/.test(value))
      throw refused(`${placeholderName(placeholder)} is empty or dots, which no URL may be given`);
    return encodeURIComponent(value);
  });
  const shape = (one: string) => {
    const { origin, pathname } = URL.parse(one) ?? { origin: "", pathname: "" };
    return `${origin} ${pathname.split("/").length}`;
  };
  if (shape(url) !== shape(filled(text, () => "x"))) throw refused("the URL would lead somewhere else");
  return url;
}

function refused(message: string): AkcError {
  return new AkcError("PLACEHOLDER_VALUE_REFUSED", { message });
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}
