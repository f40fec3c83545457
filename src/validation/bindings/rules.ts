/**
 * What one field of a binding means for another: what excludes, needs or contradicts what. Looks at bindings as written, also at
 * those with other faults, so that all are told at once; what a single field may hold is in `kinds/`.
 *
 * Source: spec reconcile §6.2; anchors §4.5 (a TraceQL search is not deterministic).
 */
import { limits } from "../../limits.ts";
import { isOwned } from "../../system/http-headers.ts";
import { holdsCredential, isKnownToken, looksLikeToken, namesCredential } from "./credentials.ts";
import { durationMs } from "./duration.ts";
import { recordings } from "./kinds/devices.ts";
import { queryForm } from "./query-form.ts";
import { isMap, type Written } from "./written.ts";

/** `path` is of keys within the binding. */
export interface BindingFault {
  readonly path: readonly string[];
  readonly message: string;
  readonly at?: "value" | "key";
}

export function ruleFaults(kind: string, written: Written): readonly BindingFault[] {
  return [
    ...headerFaults(written),
    ...expectationFaults(written["expect"], ["expect"]),
    ...tlsFaults(written),
    ...rulesOf(kind, written),
  ];
}

function rulesOf(kind: string, written: Written): readonly BindingFault[] {
  switch (kind) {
    case "promql_query":
    case "logql_query":
    case "traceql_query":
      return [...queryFaults(kind, written), ...compareFaults(written)];
    case "http_json":
      return [...judgedFaults(written), ...bodyFaults(written)];
    case "command":
      return [...judgedFaults(written), ...argvFaults(written)];
    default:
      return recordingFaults(written);
  }
}

function queryFaults(kind: string, written: Written): readonly BindingFault[] {
  const { query, range } = written;
  const form = typeof query === "string" ? queryForm(kind, query) : "metrics";
  const things = form === "search" ? "a search for traces" : "a query for log lines";
  const faults: BindingFault[] = [];
  if (form === "metrics") {
    if (has(written, "limit") && kind !== "promql_query") {
      faults.push(
        key(["limit"], "`limit` has a meaning only for log lines and for a search: this is a metrics query"),
      );
    }
    if (isMap(range)) faults.push(...stepFaults(range));
  } else {
    for (const field of ["aggregate", "compare", "consecutive", "min_samples"].filter((name) =>
      has(written, name),
    )) {
      faults.push(key([field], `\`${field}\` needs a metrics query, and this is ${things}`));
    }
    if (isMap(range) && has(range, "step")) {
      faults.push(key(["range", "step"], `\`range.step\` needs a metrics query, and this is ${things}`));
    }
    if (form === "search" && isMap(written["expect"]) && !asksForAny(written["expect"])) {
      faults.push({
        path: ["expect"],
        message:
          "`expect` of a search can only ask whether there is any trace, since which and how many it finds changes from time to time: {gte: 1} or {eq: 0}. Use a metrics function such as count_over_time()",
      });
    }
  }
  if (has(written, "consecutive")) {
    if (!has(written, "range")) faults.push(key(["consecutive"], "`consecutive` needs `range`"));
    else if (kind === "traceql_query" && isMap(range) && !has(range, "step")) {
      // Without one, Tempo answers a single number for the whole window.
      faults.push(key(["consecutive"], "`consecutive` needs `range.step`"));
    }
    if (!has(written, "expect")) faults.push(key(["consecutive"], "`consecutive` needs `expect`"));
  }
  return faults;
}

/** Whether one expectation tells none from any, and nothing else. */
function asksForAny(expect: Readonly<Record<string, unknown>>): boolean {
  const forms: readonly (readonly [string, number])[] = [
    ["gte", 1],
    ["gt", 0],
    ["eq", 0],
    ["lte", 0],
    ["lt", 1],
  ];
  const [first, another] = Object.entries(expect);
  if (first === undefined || another !== undefined) return false;
  return forms.some(([name, bound]) => first[0] === name && first[1] === bound);
}

function stepFaults(range: Written): readonly BindingFault[] {
  const windowMs = durationMs(range["window"]);
  const stepMs = durationMs(range["step"]);
  if (windowMs === undefined || stepMs === undefined) return [];
  if (stepMs > windowMs)
    return [{ path: ["range", "step"], message: "`range.step` must not be longer than `window`" }];
  const points = Math.floor(windowMs / stepMs) + 1;
  if (points <= limits.rangePointsMax) return [];
  const message = `\`range\` asks for ${points} points of each series; at most ${limits.rangePointsMax} are answered`;
  return [{ path: ["range", "step"], message }];
}

function compareFaults({ compare }: Written): readonly BindingFault[] {
  if (!isMap(compare)) return [];
  const { baseline, ratio, absolute } = compare;
  const faults: BindingFault[] = [];
  if (ratio === undefined && absolute === undefined) {
    faults.push({ path: ["compare"], message: "`compare` needs `ratio` or `absolute`" });
  }
  if (isMap(baseline) && has(baseline, "offset") && has(baseline, "query")) {
    faults.push({
      path: ["compare", "baseline"],
      message: "`compare.baseline` is either `offset` or `query`",
    });
  }
  return [
    ...faults,
    ...expectationFaults(ratio, ["compare", "ratio"]),
    ...expectationFaults(absolute, ["compare", "absolute"]),
  ];
}

/** An expectation that nothing can meet would fail for ever without a word about itself. */
function expectationFaults(expect: unknown, path: readonly string[]): readonly BindingFault[] {
  if (!isMap(expect)) return [];
  const { gte, gt, lte, lt, eq } = expect;
  const least = Math.max(...[gte, gt, eq].filter(isNumber));
  const most = Math.min(...[lte, lt, eq].filter(isNumber));
  const open = [gt, lt].some((bound) => bound === least || bound === most);
  if (
    least < most ||
    (least === most && !open) ||
    Math.abs(least) === Infinity ||
    Math.abs(most) === Infinity
  ) {
    return [];
  }
  return [{ path, message: `no number meets all of \`${path.join(".")}\`` }];
}

function headerFaults({ headers, secret_headers: secret }: Written): readonly BindingFault[] {
  const seen = new Set<string>();
  const faults: BindingFault[] = [];
  for (const [field, map] of [
    ["headers", headers],
    ["secret_headers", secret],
  ] as const) {
    if (!isMap(map)) continue;
    for (const [name, value] of Object.entries(map)) {
      const path = [field, name];
      const lower = name.toLowerCase();
      if (seen.has(lower))
        faults.push(key(path, `the header \`${name}\` is there already; case does not count`));
      seen.add(lower);
      if (isOwned(name)) faults.push(key(path, `the header \`${name}\` is set by akc itself`));
      if (
        field === "headers" &&
        (namesCredential(name) || (typeof value === "string" && isCredential(value)))
      ) {
        faults.push(key(path, `the header \`${name}\` holds a credential: name it under \`secret_headers\``));
      }
    }
  }
  return faults;
}

function isCredential(value: string): boolean {
  return looksLikeToken(value) || holdsCredential(value) || /^(?:basic|bearer|digest)\s/i.test(value);
}

function tlsFaults({ tls_ca_file: file, url }: Written): readonly BindingFault[] {
  if (file === undefined || typeof url !== "string" || !/^http:/i.test(url)) return [];
  return [key(["tls_ca_file"], "`tls_ca_file` has a meaning only for https://")];
}

function judgedFaults(written: Written): readonly BindingFault[] {
  if (!has(written, "expect") || !has(written, "equals")) return [];
  return [key(["equals"], "`expect` and `equals` exclude each other")];
}

function bodyFaults(written: Written): readonly BindingFault[] {
  if (!has(written, "body")) return [];
  const { body, method } = written;
  const faults: BindingFault[] = [];
  if (typeof method !== "string" || method.toUpperCase() !== "POST") {
    faults.push(key(["body"], "`body` needs `method: POST`"));
  }
  const text = typeof body === "string" ? body : (JSON.stringify(body) ?? "");
  if (holdsCredential(text)) {
    faults.push({ path: ["body"], message: "`body` must not hold a credential: use `secret_headers`" });
  }
  return faults;
}

function argvFaults({ argv }: Written): readonly BindingFault[] {
  if (!Array.isArray(argv)) return [];
  return argv.flatMap((item: unknown, index): readonly BindingFault[] => {
    if (typeof item !== "string" || !(holdsCredential(item) || isKnownToken(item))) return [];
    const message = `\`argv.${index}\` must not hold a credential: every user of the host sees the arguments of a process`;
    return [{ path: ["argv", String(index)], message }];
  });
}

function recordingFaults(written: Written): readonly BindingFault[] {
  const { operation, timeout_ms: timeoutMs, duration_s: seconds } = written;
  if (!recordings.some((name) => name === operation) || !isNumber(timeoutMs)) return [];
  const recordedMs = (isNumber(seconds) ? seconds : limits.recordingSecondsDefault) * 1_000;
  if (timeoutMs > recordedMs) return [];
  return [
    { path: ["timeout_ms"], message: "`timeout_ms` must be longer than what is recorded (`duration_s`)" },
  ];
}

function key(path: readonly string[], message: string): BindingFault {
  return { path, message, at: "key" };
}

function has(map: Written, name: string): boolean {
  return map[name] !== undefined;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}
