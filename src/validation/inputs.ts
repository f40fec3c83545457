/**
 * Reads from the disk all that a run is judged by beside its evidence: the trace and metric lines, and the rollups that criteria name.
 * It judges nothing itself; whatever cannot be read is told as such, never left out.
 *
 * Source: spec reconcile §7.6, §7.8; reconcile:W-10b, reconcile:W-28.
 */
import { member } from "../bundle/member.ts";
import type { Scope } from "../bundle/model.ts";
import { schemaVersionOf } from "../bundle/validate.ts";
import { AkcError } from "../errors.ts";
import { decodeUtf8 } from "../json/utf8.ts";
import type { JsonObject } from "../json/value.ts";
import { limits } from "../limits.ts";
import { unreadableReason } from "./artifact.ts";
import type { EvidenceReading } from "./evidence-rows.ts";
import type { JudgedFiles } from "./judged-inputs.ts";
import { rollupPathsOf } from "./operational-spec/criteria.ts";
import { evaluate } from "./operational-spec/evaluate.ts";
import type { Criterion, Rollup, SpecInputs, Validity } from "./operational-spec/model.ts";
import {
  type LineScope,
  type Lines,
  otherTraceLines,
  ownTraceLines,
  readMetricLines,
  readTraceLines,
} from "./operational-spec/otel.ts";
import { loadRollup } from "./operational-spec/rollup.ts";
import { type Unreadable, unjudged } from "./unjudged.ts";

export interface InputsWanted {
  /** Absolute, links resolved. */
  readonly scopeRoot: string;
  readonly scope: Scope;
  readonly runId: string;
  /** Absent on a compile run that never ran. */
  readonly runtimeRunId: string | undefined;
  readonly evidence: EvidenceReading;
  readonly criteria: readonly Criterion[];
  readonly bundleSchemaVersion: number | null;
  readonly files: JudgedFiles;
}

export type LoadedInputs =
  | { readonly kind: "loaded"; readonly inputs: SpecInputs }
  | { readonly kind: "unreadable"; readonly unreadable: Unreadable };

/** As the evaluation is told it: the version that the bundle's schema says, else its own word. */
export function bundleSchemaVersion(bundle: JsonObject): number | null {
  const own = member(bundle, "schema_version");
  return schemaVersionOf(bundle) ?? (typeof own === "number" && Number.isInteger(own) ? own : null);
}

/** @throws AkcError INTERNAL; what is wrong with a file is an answer */
export async function loadInputs(wanted: InputsWanted): Promise<LoadedInputs> {
  const { scope, runId, runtimeRunId, evidence, bundleSchemaVersion: version, files } = wanted;
  if (evidence.kind === "failed") {
    const { reason, message } = evidence;
    return { kind: "unreadable", unreadable: { input: "runtime_evidence", reason, message } };
  }
  const whose: LineScope = { ...scope, runId, ...(runtimeRunId === undefined ? {} : { runtimeRunId }) };
  const lines = await readTraces(files, `.akc/run/${runId}.otel.jsonl`, whose);
  if (isFailed(lines)) return { kind: "unreadable", unreadable: { input: "otel", ...lines } };
  const points = await readMetrics(files, `.akc/run/${runId}.otel_metrics.jsonl`, whose);
  if (isFailed(points)) return { kind: "unreadable", unreadable: { input: "otel_metrics", ...points } };
  return {
    kind: "loaded",
    inputs: {
      evidence: evidence.records,
      ...(lines === undefined ? {} : { otel: lines.records, otelRejectedReason: lines.rejectedReason }),
      ...(points === undefined ? {} : { metrics: points }),
      bundleSchemaVersion: version,
      rollups: await loadRollups(wanted),
    },
  };
}

async function loadRollups({
  scopeRoot,
  scope,
  criteria,
  files,
}: InputsWanted): Promise<ReadonlyMap<string, Rollup>> {
  const rollups = new Map<string, Rollup>();
  for (const path of rollupPathsOf(criteria)) {
    rollups.set(path, await loadRollup(scopeRoot, path, scope, files));
  }
  return rollups;
}

/** akc's own lines stand in the file that all runs append to; those of others are kept. */
async function readTraces(
  files: JudgedFiles,
  path: string,
  whose: LineScope,
): Promise<Lines | Failed | undefined> {
  const now = await readSidecar(path, () => files.readNow(path, limits.validityEvidenceBytesMax));
  if (isFailed(now)) return now;
  if (files.isCheck) {
    const input = files.judged(path);
    const others = await readSidecar(path, () => files.read(path, limits.validityEvidenceBytesMax));
    if (isFailed(others)) return others;
    const own = input?.whole === true ? "" : ownTraceLines(now ?? "", whose);
    return now === undefined && others === undefined
      ? undefined
      : readTraceLines(own + (others ?? ""), whose);
  }
  if (now === undefined) return undefined;
  const lines = readTraceLines(now, whose);
  const refused = lines.rejectedReason !== null;
  const others = refused ? now : otherTraceLines(now, whose);
  if (others !== "") files.keep(path, new TextEncoder().encode(others), refused);
  return lines;
}

async function readMetrics(
  files: JudgedFiles,
  path: string,
  whose: LineScope,
): Promise<Lines | Failed | undefined> {
  const text = await readSidecar(path, () => files.read(path, limits.validityEvidenceBytesMax));
  if (text === undefined || isFailed(text)) return text;
  files.keep(path, new TextEncoder().encode(text), true);
  return readMetricLines(text, whose);
}

type Failed = Pick<Unreadable, "reason" | "message">;

/** Its text; undefined when there is none. */
async function readSidecar(
  path: string,
  read: () => Promise<Uint8Array>,
): Promise<string | Failed | undefined> {
  try {
    return decodeUtf8(await read());
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    const reason = cause.code === "REPLAY_TAMPERED" ? "tampered" : unreadableReason(cause);
    return reason === "missing" ? undefined : { reason, message: `${path}: ${cause.message}` };
  }
}

function isFailed(read: string | Lines | Failed | undefined): read is Failed {
  return typeof read === "object" && "message" in read;
}

export function judgeInputs(criteria: readonly Criterion[], loaded: LoadedInputs): Validity {
  return loaded.kind === "loaded" ? evaluate(criteria, loaded.inputs) : unjudged(criteria, loaded.unreadable);
}
