/**
 * Counters and histograms of this process, each with as many series as it may have and no more: what comes beyond is counted
 * together. Never forgets what it counted, and never looks at a clock.
 */
import { limits } from "../../limits.ts";
import type { Family, HistogramSeries, Labels, Series } from "./model.ts";

interface About<Name extends string> {
  readonly name: string;
  readonly help: string;
  readonly unit?: Family["unit"];
  readonly labels: readonly Name[];
  /** Default `limits.metricSeriesMax`. */
  readonly seriesMax?: number;
}

export interface Counter<Name extends string> {
  add(labels: Readonly<Record<Name, string>>, by?: number): void;
  family(): Family;
}

export interface Histogram<Name extends string> {
  observe(labels: Readonly<Record<Name, string>>, value: number): void;
  family(): Family;
}

/** In the place of every label of what is counted together. */
export const beyond = "other";

/** @param known series that are there from the start, at 0: one that first appears at 1 has never increased for whoever scrapes it */
export function counter<const Name extends string>(
  about: About<Name>,
  known: readonly Readonly<Record<Name, string>>[] = [],
): Counter<Name> {
  const all = seriesOf(about, () => ({ value: 0 }));
  for (const labels of known) all.at(labels);
  return {
    add(labels, by = 1) {
      // A counter that goes back would be taken for a restart.
      if (by > 0 && Number.isFinite(by)) all.at(labels).value += by;
    },
    family: () => ({
      ...said(about),
      kind: "counter",
      series: all.list((labels, { value }): Series => ({ labels, value })),
    }),
  };
}

/** @param bounds upper bounds of the buckets, ascending */
export function histogram<const Name extends string>(
  about: About<Name>,
  bounds: readonly number[],
): Histogram<Name> {
  const all = seriesOf(about, () => ({
    counts: new Array<number>(bounds.length + 1).fill(0),
    sum: 0,
    count: 0,
  }));
  return {
    observe(labels, value) {
      if (!Number.isFinite(value)) return;
      const series = all.at(labels);
      const found = bounds.findIndex((bound) => value <= bound);
      const place = found < 0 ? bounds.length : found;
      series.counts[place] = (series.counts[place] ?? 0) + 1;
      series.sum += value;
      series.count += 1;
    },
    family: () => ({
      ...said(about),
      kind: "histogram",
      bounds,
      series: all.list(
        (labels, { counts, sum, count }): HistogramSeries => ({ labels, counts: [...counts], sum, count }),
      ),
    }),
  };
}

/** A family of what is read off and not counted. */
export function gauge(about: Omit<About<string>, "labels" | "seriesMax">, series: readonly Series[]): Family {
  return { ...said(about), kind: "gauge", series };
}

function said({ name, help, unit = "1" }: Omit<About<string>, "labels">) {
  return { name, help, unit };
}

function seriesOf<Name extends string, Kept>(about: About<Name>, fresh: () => Kept) {
  const kept = new Map<string, { readonly labels: Labels; readonly value: Kept }>();
  const seriesMax = about.seriesMax ?? limits.metricSeriesMax;
  const together = Object.fromEntries(about.labels.map((name) => [name, beyond]));
  const slot = (labels: Labels): Kept | undefined => {
    const key = JSON.stringify(about.labels.map((name) => labels[name] ?? ""));
    const known = kept.get(key);
    if (known !== undefined) return known.value;
    if (kept.size >= seriesMax && labels !== together) return undefined;
    const value = fresh();
    kept.set(key, {
      labels: Object.fromEntries(about.labels.map((name) => [name, labels[name] ?? ""])),
      value,
    });
    return value;
  };
  return {
    at(labels: Labels): Kept {
      return slot(labels) ?? slot(together) ?? fresh();
    },
    list: <Out>(each: (labels: Labels, value: Kept) => Out): readonly Out[] =>
      [...kept.values()].map(({ labels, value }) => each(labels, value)),
  };
}
