/**
 * Exports spans and measurements to a collector: gathered, bounded, sent again where that may help. It runs beside the controller and
 * never holds it up; what there is no room for is dropped, and counted.
 *
 * Source: cli:W-36, W-38.
 */
import { limits } from "../../limits.ts";
import type { Clock } from "../../system/clock.ts";
import type { Family } from "../metrics/model.ts";
import { type OtlpTarget, type Sent, sendOtlp } from "./otlp-sender.ts";
import { metricsBody, type OtlpResource, tracesBody } from "./otlp-shape.ts";
import type { OtelSpan } from "./spans.ts";

type Signal = "traces" | "metrics";

export interface OtlpDeps {
  readonly target: OtlpTarget;
  readonly intervalMs: number;
  readonly resource: OtlpResource;
  readonly clock: Clock;
  families(): readonly Family[];
  count(signal: Signal, result: "sent" | "rejected" | "dropped", items: number): void;
  /** Said when it begins to fail, and when it works again. */
  note(level: "info" | "warn", message: string, why: string): void;
}

export interface OtlpExporter {
  add(spans: readonly OtelSpan[]): void;
  /** Sends what is left, once, and for so long at most. */
  close(): Promise<void>;
}

export function openOtlpExporter(deps: OtlpDeps): OtlpExporter {
  const { clock, target, resource, intervalMs } = deps;
  const startedMs = clock.nowMs();
  const ending = new AbortController();
  const last = new AbortController();
  let queue: OtelSpan[] = [];
  const failing = new Set<string>();
  let wake: () => void = () => undefined;

  const tell = (signal: Signal, sent: Sent) => {
    if (sent.kind !== "sent") {
      if (!failing.has(signal)) deps.note("warn", `${signal} are not taken by the collector`, sent.why);
      failing.add(signal);
      return;
    }
    if (failing.delete(signal))
      deps.note("info", `${signal} are taken by the collector again`, target.endpoint);
    if (sent.rejected > 0) {
      deps.note("warn", `${signal} were rejected by the collector`, sent.message ?? "no reason");
    }
  };

  /** Tries until it is taken, refused, or tried often enough; the end cuts the waiting short. */
  const deliver = async (body: string): Promise<Sent> => {
    for (let tries = 1; ; tries += 1) {
      const sent = await sendOtlp(target, "/v1/traces", body, clock.nowMs(), last.signal);
      tell("traces", sent);
      if (sent.kind !== "later" || tries >= limits.otlpTriesMax || ending.signal.aborted) return sent;
      await clock.sleep(waitMs(sent.afterMs, tries), ending.signal);
    }
  };

  const sendSpans = async () => {
    while (queue.length > 0) {
      const batch = queue.splice(0, limits.otlpSpansPerRequestMax);
      const sent = await deliver(JSON.stringify(tracesBody(batch, resource)));
      const rejected = sent.kind === "sent" ? Math.min(sent.rejected, batch.length) : 0;
      if (rejected > 0) deps.count("traces", "rejected", rejected);
      if (sent.kind === "sent") deps.count("traces", "sent", batch.length - rejected);
      else deps.count("traces", sent.kind === "refused" ? "rejected" : "dropped", batch.length);
      if (ending.signal.aborted && sent.kind !== "sent") {
        deps.count("traces", "dropped", queue.length);
        queue = [];
      }
    }
  };

  /** They are totals: one that is not taken is replaced by the next, so it is tried once. */
  const sendMetrics = async (): Promise<number> => {
    const families = deps.families();
    const body = JSON.stringify(metricsBody(families, startedMs, clock.nowMs(), resource));
    const sent = await sendOtlp(target, "/v1/metrics", body, clock.nowMs(), last.signal);
    tell("metrics", sent);
    deps.count(
      "metrics",
      sent.kind === "sent" ? "sent" : sent.kind === "refused" ? "rejected" : "dropped",
      families.length,
    );
    return sent.kind === "later" ? Math.min(sent.afterMs ?? 0, limits.otlpRetryAfterMsMax) : 0;
  };

  /** Whatever happens in one turn, there is a next one. */
  const safely = async <T>(signal: Signal, work: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      tell(signal, { kind: "later", why: cause instanceof Error ? cause.message : "unknown" });
      return otherwise;
    }
  };
  /** Spans sooner when there are many. */
  const spanLoop = async () => {
    while (!ending.signal.aborted) {
      const pause = new AbortController();
      wake = () => pause.abort();
      await clock.sleep(intervalMs, pause.signal);
      await safely("traces", sendSpans, undefined);
    }
  };
  const metricLoop = async () => {
    let waitedForMs = 0;
    while (!ending.signal.aborted) {
      await clock.sleep(Math.max(intervalMs, waitedForMs), ending.signal);
      waitedForMs = await safely("metrics", sendMetrics, 0);
    }
  };
  const loops = Promise.all([spanLoop(), metricLoop()]);

  return {
    add(spans) {
      queue.push(...spans);
      const over = queue.length - limits.otlpSpansQueuedMax;
      if (over > 0) {
        queue.splice(0, over);
        deps.count("traces", "dropped", over);
      }
      if (queue.length >= limits.otlpSpansPerRequestMax) wake();
    },
    async close() {
      ending.abort();
      wake();
      const timer = setTimeout(() => last.abort(), limits.otlpFlushMs);
      await loops;
      clearTimeout(timer);
    },
  };
}

/** As long as it said, else twice as long each time with a random part: many controllers must not come back together. */
function waitMs(afterMs: number | undefined, tries: number): number {
  if (afterMs !== undefined) return Math.min(afterMs, limits.otlpRetryAfterMsMax);
  const fullMs = Math.min(limits.otlpBackoffMs * 2 ** (tries - 1), limits.otlpBackoffMsMax);
  return fullMs / 2 + Math.random() * (fullMs / 2);
}
