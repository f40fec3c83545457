/** What is told of series as evidence: a few, cut, and as JSON. Never what a verdict is made of. */
import type { Json, JsonMap, Series } from "akc/sdk";
import { bounds } from "./bounds.ts";
import { bounded } from "./reading.ts";

/** The first series with their newest sample. */
export function seriesTold(series: readonly Series[]): readonly JsonMap[] {
  return series.slice(0, bounds.seriesToldMax).map(({ labels, samples }) => {
    const newest = samples.reduce(
      (latest, sample) => (latest === undefined || sample.atMs > latest.atMs ? sample : latest),
      samples[0],
    );
    return {
      labels: Object.fromEntries(
        Object.entries(labels)
          .slice(0, bounds.labelsToldMax)
          .map(([name, value]) => [
            bounded(name, bounds.labelCharsMax),
            bounded(value, bounds.labelCharsMax),
          ]),
      ),
      samples: samples.length,
      ...(newest === undefined ? {} : { newest: numberJson(newest.value) }),
    };
  });
}

/** JSON knows neither infinities nor NaN. */
export function numberJson(value: number): Json {
  if (Number.isFinite(value)) return value + 0;
  if (Number.isNaN(value)) return "NaN";
  return value > 0 ? "+Inf" : "-Inf";
}
