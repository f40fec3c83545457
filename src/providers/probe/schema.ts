/**
 * How a probe is written in a bundle: what is asked, how often, and how many answers in a row make a verdict.
 * Parses only; it asks nobody.
 */
import * as v from "valibot";
import { limits } from "../../limits.ts";

const whole = (min: number, max: number) => v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));

const timing = {
  /** After the start of what is probed. */
  initial_delay_ms: v.optional(whole(0, limits.probeInitialDelayMsMax), 0),
  interval_ms: v.optional(
    whole(limits.probeIntervalMsMin, limits.probeIntervalMsMax),
    limits.probeIntervalMsDefault,
  ),
  timeout_ms: v.optional(whole(1, limits.probeTimeoutMsMax), limits.probeTimeoutMsDefault),
  success_threshold: v.optional(whole(1, limits.probeThresholdMax), 1),
  failure_threshold: v.optional(whole(1, limits.probeThresholdMax), 3),
};

const Status = whole(100, 599);

const Word = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(limits.argvBytesMax),
  v.check((text) => !text.includes("\0"), "must not hold a NUL"),
);

const HttpProbeSchema = v.pipe(
  v.strictObject({
    kind: v.literal("http"),
    url: v.pipe(
      v.string(),
      v.check((text) => probeUrl(text) !== undefined, "must be http or https with a host"),
    ),
    expected_status_min: v.optional(Status, 200),
    expected_status_max: v.optional(Status, 299),
    ...timing,
  }),
  v.check(
    ({ expected_status_min: min, expected_status_max: max }) => min <= max,
    "expected_status_min is above expected_status_max",
  ),
);

const TcpProbeSchema = v.strictObject({
  kind: v.literal("tcp"),
  host: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(253)), "127.0.0.1"),
  port: whole(1, 65_535),
  ...timing,
});

/** Passes with exit code 0. An argv list; there is no shell. */
const ExecProbeSchema = v.strictObject({
  kind: v.literal("exec"),
  command: v.pipe(v.array(Word), v.minLength(1), v.maxLength(limits.processArgvItemsMax)),
  ...timing,
});

export const ProbeSchema = v.variant("kind", [HttpProbeSchema, TcpProbeSchema, ExecProbeSchema]);

/** With every default filled in; the same object is what is compared when somebody asks what has changed. */
export type Probe = v.InferOutput<typeof ProbeSchema>;

/** Undefined for what is not http or https with a host. */
export function probeUrl(text: string): URL | undefined {
  const url = URL.parse(text);
  const known = url?.protocol === "http:" || url?.protocol === "https:";
  return url !== null && known && url.hostname !== "" ? url : undefined;
}
