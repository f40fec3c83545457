/**
 * What a measurement is, before anybody says how it is written: families of series, named as OpenTelemetry names them. Types and
 * plain lists only; the same families become Prometheus text and OTLP.
 *
 * Source: OpenTelemetry metrics data model; Prometheus exposition format 0.0.4.
 */

export type Labels = Readonly<Record<string, string>>;

export interface Series {
  readonly labels: Labels;
  readonly value: number;
}

export interface HistogramSeries {
  readonly labels: Labels;
  /** One more than there are bounds: how many fell into each bucket alone, the last one being without a bound. */
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
}

interface Named {
  /** With dots, without unit and without `total`: `akc.visit.duration`. */
  readonly name: string;
  /** One sentence. */
  readonly help: string;
  /** UCUM: seconds, bytes, a bare number, or a number of something. */
  readonly unit: "s" | "By" | "1" | "{run}" | "{error}";
}

export type Family = Named &
  (
    | {
        /** `updown` is a sum that also goes down; Prometheus knows it as a gauge. */
        readonly kind: "counter" | "gauge" | "updown";
        readonly series: readonly Series[];
      }
    | {
        readonly kind: "histogram";
        /** Upper bounds, ascending, each inclusive; without infinity. */
        readonly bounds: readonly number[];
        readonly series: readonly HistogramSeries[];
      }
  );

const unitWords: Readonly<Partial<Record<Family["unit"], string>>> = { s: "_seconds", By: "_bytes" };

/** `akc.visit.duration` in seconds is `akc_visit_duration_seconds`; a counter ends in `_total`. */
export function prometheusName({ name, unit, kind }: Pick<Family, "name" | "unit" | "kind">): string {
  return `${name.replaceAll(".", "_")}${unitWords[unit] ?? ""}${kind === "counter" ? "_total" : ""}`;
}
