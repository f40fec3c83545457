/**
 * How fast JSON is read and fingerprinted, against what the engine itself does with the same text and the same value.
 * Run it alone with `bun scripts/bench/json.ts`.
 */
import { canonicalJson } from "../../src/json/canonical.ts";
import { fingerprint } from "../../src/json/fingerprint.ts";
import { parseJson } from "../../src/json/read.ts";
import { bundleOf, measurements, prose, spans } from "./documents.ts";
import { type BenchRow, medianMs, printRows } from "./row.ts";

const turns = 7;

export async function benchJson(): Promise<BenchRow[]> {
  return [
    ...documentRows("bundle, compact", JSON.stringify(bundleOf(28_000))),
    ...documentRows("bundle, indented", JSON.stringify(bundleOf(17_000), null, 2)),
    ...documentRows("measurements", JSON.stringify(measurements(135_000))),
    ...documentRows("prose", JSON.stringify(prose(180_000))),
    ...documentRows("prose, not ASCII", JSON.stringify(prose(180_000)).replaceAll("fox", "Füchslein 狐")),
    ...documentRows("spans", spans(92_000)),
    ...documentRows("bundle of 100 000 steps", JSON.stringify(bundleOf(100_000))),
    smallValueRow(),
  ];
}

function documentRows(name: string, text: string): BenchRow[] {
  const bytes = new TextEncoder().encode(text);
  const value = parseJson(text);
  // A value with big integers cannot be handed to JSON.stringify; the plain reading of the same text can.
  const plain: unknown = JSON.parse(text);
  const ms = medianMs(turns, {
    parse: () => JSON.parse(text),
    read: () => parseJson(text),
    readBytes: () => parseJson(bytes),
    stringify: () => JSON.stringify(plain),
    fingerprint: () => fingerprint(value),
  });
  const size = `${(bytes.length / 1e6).toFixed(0)} MB`;
  const row = (what: string, work: string, baseline: string, base: string, goal: string): BenchRow => {
    const spent = ms.get(work) ?? Number.NaN;
    const ratio = spent / (ms.get(base) ?? Number.NaN);
    return { name: `${what} ${name} (${size})`, value: spent, unit: "ms", baseline, ratio, goal };
  };
  return [
    row("read text:", "read", "JSON.parse", "parse", "at most 4x"),
    row("read bytes:", "readBytes", "JSON.parse", "parse", "at most 4x"),
    row("fingerprint:", "fingerprint", "JSON.stringify", "stringify", "about 1x"),
  ];
}

/** What the kernel does once or twice a step. */
function smallValueRow(): BenchRow {
  const value = parseJson(
    '{"node_id":"lint","action_id":"coordination:lint:0","attempt":1,"inputs":{"b":[1,2,3],"a":"x"},"allow_network":false}',
  );
  const rounds = 50_000;
  const repeat = (work: () => unknown) => () => {
    for (let round = 0; round < rounds; round += 1) work();
  };
  const ms = medianMs(turns, {
    stringify: repeat(() => JSON.stringify(value)),
    canonical: repeat(() => canonicalJson(value)),
    fingerprint: repeat(() => fingerprint(value)),
  });
  const spent = ((ms.get("fingerprint") ?? Number.NaN) * 1_000) / rounds;
  const base = ((ms.get("stringify") ?? Number.NaN) * 1_000) / rounds;
  return {
    name: "fingerprint: one action (117 bytes)",
    value: spent,
    unit: "µs",
    baseline: "JSON.stringify",
    ratio: spent / base,
    goal: "a few microseconds",
  };
}

if (import.meta.main) printRows(await benchJson());
