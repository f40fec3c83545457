/**
 * A collector of the tests' own, since no OpenTelemetry collector can be had here: it takes OTLP/HTTP in JSON and holds every body against
 * the published shape, key by key. What does not fit is kept as a fault.
 *
 * Source: opentelemetry-proto 1.x (trace/v1, metrics/v1, common/v1), OTLP "JSON Protobuf Encoding".
 */
import * as v from "valibot";

const Nano = v.pipe(v.string(), v.regex(/^[1-9]\d{18}$/));
const Whole = v.pipe(v.string(), v.regex(/^-?\d{1,19}$/));
const Double = v.union([v.number(), v.picklist(["NaN", "Infinity", "-Infinity"])]);
const Value = v.union([
  v.strictObject({ stringValue: v.string() }),
  v.strictObject({ boolValue: v.boolean() }),
  v.strictObject({ intValue: Whole }),
  v.strictObject({ doubleValue: Double }),
]);
const Attributes = v.pipe(
  v.array(v.strictObject({ key: v.pipe(v.string(), v.nonEmpty()), value: Value })),
  v.check((list) => new Set(list.map(({ key }) => key)).size === list.length, "a key stands twice"),
);
const Resource = v.strictObject({ attributes: Attributes });
const Scope = v.strictObject({ name: v.string(), version: v.string() });

const Span = v.pipe(
  v.strictObject({
    traceId: v.pipe(v.string(), v.regex(/^(?!0{32})[0-9a-f]{32}$/)),
    spanId: v.pipe(v.string(), v.regex(/^(?!0{16})[0-9a-f]{16}$/)),
    parentSpanId: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/))),
    name: v.pipe(v.string(), v.nonEmpty()),
    kind: v.picklist([1, 2]),
    startTimeUnixNano: Nano,
    endTimeUnixNano: Nano,
    attributes: Attributes,
    status: v.strictObject({ code: v.picklist([0, 1, 2]), message: v.optional(v.string()) }),
  }),
  v.check(
    ({ startTimeUnixNano, endTimeUnixNano }) => BigInt(startTimeUnixNano) <= BigInt(endTimeUnixNano),
    "it ends before it begins",
  ),
);
export type ReceivedSpan = v.InferOutput<typeof Span>;
const Traces = v.strictObject({
  resourceSpans: v.tuple([
    v.strictObject({
      resource: Resource,
      scopeSpans: v.tuple([v.strictObject({ scope: Scope, spans: v.array(Span) })]),
    }),
  ]),
});

const times = { startTimeUnixNano: Nano, timeUnixNano: Nano };
const NumberPoint = v.union([
  v.strictObject({ attributes: Attributes, ...times, asInt: Whole }),
  v.strictObject({ attributes: Attributes, ...times, asDouble: Double }),
]);
const HistogramPoint = v.pipe(
  v.strictObject({
    attributes: Attributes,
    ...times,
    count: Whole,
    sum: Double,
    bucketCounts: v.array(Whole),
    explicitBounds: v.array(v.number()),
  }),
  v.check(({ bucketCounts, explicitBounds }) => bucketCounts.length === explicitBounds.length + 1, "buckets"),
  v.check(
    ({ explicitBounds }) =>
      explicitBounds.every((bound, index) => index === 0 || bound > (explicitBounds[index - 1] ?? 0)),
    "bounds do not ascend",
  ),
  v.check(
    ({ bucketCounts, count }) => bucketCounts.reduce((sum, one) => sum + Number(one), 0) === Number(count),
    "buckets do not add up to the count",
  ),
);
const about = { name: v.string(), description: v.pipe(v.string(), v.nonEmpty()), unit: v.string() };
const Metric = v.union([
  v.strictObject({ ...about, gauge: v.strictObject({ dataPoints: v.array(NumberPoint) }) }),
  v.strictObject({
    ...about,
    sum: v.strictObject({
      dataPoints: v.array(NumberPoint),
      aggregationTemporality: v.literal(2),
      isMonotonic: v.boolean(),
    }),
  }),
  v.strictObject({
    ...about,
    histogram: v.strictObject({ dataPoints: v.array(HistogramPoint), aggregationTemporality: v.literal(2) }),
  }),
]);
export type ReceivedMetric = v.InferOutput<typeof Metric>;
const Metrics = v.strictObject({
  resourceMetrics: v.tuple([
    v.strictObject({
      resource: Resource,
      scopeMetrics: v.tuple([
        v.strictObject({
          scope: Scope,
          metrics: v.pipe(
            v.array(Metric),
            v.check(
              (list) => new Set(list.map(({ name }) => name)).size === list.length,
              "a name stands twice",
            ),
          ),
        }),
      ]),
    }),
  ]),
});

/** What the collector answers; undefined takes it. */
export type Answering = (
  path: string,
  request: number,
) => Response | undefined | Promise<Response | undefined>;

export class Collector {
  readonly spans: ReceivedSpan[] = [];
  /** Of the last request for metrics that was taken. */
  metrics: readonly ReceivedMetric[] = [];
  readonly faults: string[] = [];
  readonly requests: { readonly path: string; readonly headers: Headers; readonly atMs: number }[] = [];
  answer: Answering = () => undefined;
  readonly #server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => this.#take(request),
  });

  get endpoint(): string {
    return `http://127.0.0.1:${this.#server.port}/otlp/`;
  }

  async stop(): Promise<void> {
    await this.#server.stop(true);
  }

  async #take(request: Request): Promise<Response> {
    const path = new URL(request.url).pathname;
    const body: unknown = await request.json();
    this.requests.push({ path, headers: request.headers, atMs: performance.now() });
    const refusal = await this.answer(path, this.requests.length);
    if (refusal !== undefined) return refusal;
    if (request.headers.get("content-type") !== "application/json") this.faults.push("content type");
    if (path === "/otlp/v1/traces") {
      const parsed = v.safeParse(Traces, body);
      if (parsed.success) this.spans.push(...parsed.output.resourceSpans[0].scopeSpans[0].spans);
      else this.faults.push(...parsed.issues.map((issue) => `${v.getDotPath(issue)}: ${issue.message}`));
    } else if (path === "/otlp/v1/metrics") {
      const parsed = v.safeParse(Metrics, body);
      if (parsed.success) this.metrics = parsed.output.resourceMetrics[0].scopeMetrics[0].metrics;
      else this.faults.push(...parsed.issues.map((issue) => `${v.getDotPath(issue)}: ${issue.message}`));
    } else this.faults.push(`nobody posts to ${path}`);
    return Response.json({});
  }
}
