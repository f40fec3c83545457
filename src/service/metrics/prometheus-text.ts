/**
 * Writes families as Prometheus reads them: the text format 0.0.4. Pure; what a family means is not its business.
 *
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
import { type Family, type HistogramSeries, type Labels, prometheusName } from "./model.ts";

export const prometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

/** Families in the order given; one without a series is left out, since there is nothing to say. */
export function prometheusText(families: readonly Family[]): string {
  const lines: string[] = [];
  for (const family of families) {
    if (family.series.length === 0) continue;
    const name = prometheusName(family);
    lines.push(
      `# HELP ${name} ${helpText(family.help)}`,
      `# TYPE ${name} ${family.kind === "updown" ? "gauge" : family.kind}`,
    );
    if (family.kind === "histogram") {
      for (const series of family.series) histogramLines(name, family.bounds, series, lines);
    } else {
      for (const { labels, value } of family.series) lines.push(sample(name, labelText(labels), value));
    }
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

/** Buckets hold all that is not above their bound, so each contains the ones before it; `+Inf` is the count. */
function histogramLines(
  name: string,
  bounds: readonly number[],
  { labels, counts, sum, count }: HistogramSeries,
  lines: string[],
): void {
  const text = labelText(labels);
  const before = text === "" ? "" : `${text},`;
  let below = 0;
  for (const [index, bound] of bounds.entries()) {
    below += counts[index] ?? 0;
    lines.push(sample(`${name}_bucket`, `${before}le="${numberText(bound)}"`, below));
  }
  lines.push(sample(`${name}_bucket`, `${before}le="+Inf"`, count));
  lines.push(sample(`${name}_sum`, text, sum), sample(`${name}_count`, text, count));
}

function sample(name: string, labels: string, value: number): string {
  return `${name}${labels === "" ? "" : `{${labels}}`} ${numberText(value)}`;
}

function labelText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name.replaceAll(/[^A-Za-z0-9_]/g, "_")}="${valueText(value)}"`)
    .join(",");
}

function valueText(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}

function helpText(help: string): string {
  return help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return String(value);
}
