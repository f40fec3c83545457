/**
 * What it takes to see a run of ten thousand steps: the binary writes its report with the check of its history, and a real headless
 * Chromium opens it. Without a Chromium only the first half is measured.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Chromium, chromiumPath } from "../../test/ui/chromium.ts";
import { writeNoopBundle } from "./noop-bundle.ts";
import { type BenchRow, median, printRows } from "./row.ts";

const steps = 10_000;
const samples = 3;
const binary = join(import.meta.dir, "../../dist/akc");

export async function benchReport(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "akc-bench-report-"));
  try {
    const bundle = await writeNoopBundle(folder, { steps, width: 64 });
    const id = "bench-report";
    await akc([
      "runtime",
      "start",
      "--bundle",
      bundle,
      "--mode",
      "enforce",
      "--runtime-run-id",
      id,
      "--quiet",
    ]);
    const page = join(folder, "report.html");
    const report = ["runtime", "report", id, "--outputs-root", folder, "-o", page];
    const written = await timed(() => akc(report));
    const unchecked = await timed(() => akc([...report, "--no-verify"]));
    const verified = await timed(() => akc(["runtime", "verify", id, "--outputs-root", folder]));
    return [
      {
        name: `akc runtime report, ${steps} steps`,
        value: written,
        unit: "ms",
        baseline: "akc runtime verify",
        ratio: written / verified,
      },
      { name: "the same with --no-verify", value: unchecked, unit: "ms" },
      { name: "size of the page", value: statSync(page).size / 1e6, unit: "MB", goal: "under 15 MB" },
      ...(await opened(page)),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** From the navigation until the page is loaded and both drawings are there. */
async function opened(page: string): Promise<BenchRow[]> {
  if (chromiumPath() === undefined) return [];
  const browser = await Chromium.start();
  try {
    const loads: number[] = [];
    const draws: number[] = [];
    for (let turn = 0; turn < samples; turn += 1) {
      const tab = await browser.tab();
      await tab.open(`file://${page}`);
      loads.push(await tab.number("performance.getEntriesByType('navigation')[0].loadEventEnd"));
      // The frame after the drawings were asked for has them; what its layout took is in it.
      draws.push(
        await tab.number(
          "new Promise((told) => requestAnimationFrame(() => setTimeout(() => told(performance.now()))))",
        ),
      );
      await tab.send("Page.navigate", { url: "about:blank" });
    }
    return [
      { name: "Chromium: until the page is loaded", value: median(loads), unit: "ms", goal: "under 2000 ms" },
      {
        name: "Chromium: until it is laid out and drawn",
        value: median(draws),
        unit: "ms",
        goal: "under 2000 ms",
      },
    ];
  } finally {
    await browser.close();
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let turn = 0; turn < samples; turn += 1) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return median(times);
}

async function akc(args: readonly string[]): Promise<void> {
  const child = Bun.spawn([binary, ...args], { stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  if ((await child.exited) !== 0) throw new Error(`akc ${args.join(" ")} failed`);
}

if (import.meta.main) printRows(await benchReport());
