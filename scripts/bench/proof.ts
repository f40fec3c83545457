/**
 * What it costs that a history can be proved: steps a second through the kernel and the store with the hash chain, the
 * digest over decisions and the audit trail, and with all three taken out. Each sample is a fresh process.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { AuditTrail } from "../../src/evidence/audit.ts";
import { DecisionDigest } from "../../src/kernel/decision-digest.ts";
import { startRun } from "../../src/run/start.ts";
import { EventChain } from "../../src/store/chain.ts";
import { writeNoopBundle } from "./noop-bundle.ts";
import { type BenchRow, median, printRows } from "./row.ts";

const steps = 20_000;
const width = 64;
const samples = 5;

const Sample = v.object({ stepsPerSecond: v.number() });

export async function benchProof(): Promise<BenchRow[]> {
  const withProof: number[] = [];
  const without: number[] = [];
  // In turns, so that whatever else the machine does meets both alike.
  for (let turn = 0; turn < samples; turn += 1) {
    without.push(await sampleInFreshProcess("without"));
    withProof.push(await sampleInFreshProcess("with"));
  }
  const ratios = without.map((value, at) => value / (withProof[at] ?? Number.NaN));
  return [
    {
      name: `run of ${steps} noop steps, neither chain nor audit`,
      value: Math.round(median(without)),
      unit: "steps/s",
    },
    {
      name: `run of ${steps} noop steps, chain and audit`,
      value: Math.round(median(withProof)),
      unit: "steps/s",
      baseline: "neither chain nor audit",
      ratio: median(ratios),
      goal: "at most 1.15x",
    },
  ];
}

async function sampleInFreshProcess(proof: "with" | "without"): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "akc-bench-proof-"));
  try {
    const bundlePath = await writeNoopBundle(folder, { steps, width });
    const argv = [process.execPath, import.meta.path, bundlePath, proof];
    const child = Bun.spawn(argv, { stdout: "pipe", stderr: "inherit" });
    return v.parse(Sample, JSON.parse(await new Response(child.stdout).text())).stepsPerSecond;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The whole run, its evidence included: the audit trail is written there. */
async function sample(bundlePath: string, proof: string): Promise<number> {
  if (proof === "without") takeProofOut();
  const startedMs = performance.now();
  const { outcome } = await startRun({
    bundlePath,
    mode: "enforce",
    adapter: "local_depth",
    signal: new AbortController().signal,
  });
  if (outcome !== "succeeded") throw new Error(`the run ended ${outcome}`);
  return (steps / (performance.now() - startedMs)) * 1_000;
}

function takeProofOut(): void {
  const digest = new Uint8Array(32);
  EventChain.prototype.append = () => digest;
  DecisionDigest.prototype.add = () => {};
  AuditTrail.prototype.record = () => undefined;
}

if (import.meta.main) {
  const [bundlePath, proof] = process.argv.slice(2);
  if (bundlePath === undefined || proof === undefined) printRows(await benchProof());
  else console.log(JSON.stringify({ stepsPerSecond: await sample(bundlePath, proof) }));
}
