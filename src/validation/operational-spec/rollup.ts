/**
 * Loads a window of evidence over several runs from the disk: the window's own file, and every export that it names by digest.
 * It never looks outside the scope, and never takes bytes for evidence that are not those of their digest.
 *
 * Source: spec reconcile §0.2 (digests of raw bytes), §7.6; reconcile:W-10b, W-29b.
 */

import { isRollupPath } from "../../bundle/intent/operational-params.ts";
import { member, objectsAt, requiredText } from "../../bundle/member.ts";
import {
  all,
  anything,
  distinct,
  fault,
  filledText,
  integer,
  issuesOf,
  listOf,
  type Rule,
  record,
  sha256Text,
} from "../../bundle/shape/rule.ts";
import { AkcError, type ErrorCode } from "../../errors.ts";
import { sha256Hex } from "../../json/fingerprint.ts";
import { compareCodePoints } from "../../json/order.ts";
import { parseJson } from "../../json/read.ts";
import { asDouble, isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { readFileBounded, resolveConfined } from "../../system/files.ts";
import { JudgedFiles } from "../judged-inputs.ts";
import type { EvidenceRecord, MetricLines, Rollup } from "./model.ts";
import { type LineScope, readMetricLines } from "./otel.ts";
import { evidenceRecords } from "./records.ts";

/**
 * Records come oldest first. Never rejects for what the files are or are not.
 *
 * @param scopeRoot `<outputs_root>/<tenant>/<repo>`, absolute
 * @param relPath below it, under `.akc/verification/`
 * @param scope whose metric lines a window may name; absent: anybody's
 * @param files what reads and keeps the window and its metric lines; rows of other runs have seals of their own. Absent: the disk
 */
export async function loadRollup(
  scopeRoot: string,
  relPath: string,
  scope?: Pick<LineScope, "tenantId" | "repoId">,
  files: Pick<JudgedFiles, "read" | "keep"> = diskBelow(scopeRoot),
): Promise<Rollup> {
  try {
    if (!isRollupPath(relPath)) throw wrong("PATH_UNSAFE", `${relPath} is no file under .akc/verification/`);
    return await load({ scopeRoot, scope, files }, relPath);
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    return { kind: "failed", reason: reasonOf(cause), message: cause.message };
  }
}

function reasonOf({ code }: AkcError): Extract<Rollup, { kind: "failed" }>["reason"] {
  switch (code) {
    case "FILE_NOT_FOUND":
      return "missing";
    case "PATH_UNSAFE":
      return "path";
    case "REPLAY_TAMPERED":
      return "tampered";
    default:
      return "malformed";
  }
}

/** Names the file: what is told of a window has no details. */
function wrong(code: ErrorCode, message: string): AkcError {
  return new AkcError(code, { message });
}

const moment = integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const bounded: Rule = (value, report) => {
  if (Array.isArray(value) && value.length > limits.rollupExportsMax) {
    fault(report, `may have at most ${limits.rollupExportsMax} items`);
  }
};
const exported = all(
  bounded,
  listOf(record({ path: filledText, sha256: sha256Text }, {}, { closed: true }), { min: 1 }),
  // Counted twice, a run would weigh twice.
  distinct("path"),
);
const window: Rule = all(
  record(
    { window_start_ms: moment, window_end_ms: moment, runtime_evidence_exports: exported },
    {
      otel_metric_exports: exported,
      notes: anything,
      schema_version: integer({ min: 1, max: 1 }),
      schema_id: filledText,
      schema_kind: filledText,
    },
    { closed: true },
  ),
  (value, report) => {
    if (!isJsonObject(value)) return;
    const [start, end] = [
      asDouble(member(value, "window_start_ms")),
      asDouble(member(value, "window_end_ms")),
    ];
    if (start !== undefined && end !== undefined && end < start) fault(report, "ends before it begins");
  },
);

interface Loading {
  readonly scopeRoot: string;
  readonly scope: Pick<LineScope, "tenantId" | "repoId"> | undefined;
  readonly files: Pick<JudgedFiles, "read" | "keep">;
}

function diskBelow(scopeRoot: string): Loading["files"] {
  return new JudgedFiles(scopeRoot, "");
}

async function load(loading: Loading, relPath: string): Promise<Rollup> {
  const { scopeRoot } = loading;
  const document = parsed(await readKept(loading, relPath, limits.jsonTextBytesMax), relPath);
  const [issue] = issuesOf(document, window);
  if (issue !== undefined || !isJsonObject(document)) {
    throw wrong("JSON_SYNTAX", `${relPath}${issue?.path ?? ""} ${issue?.message ?? "is no object"}`);
  }
  const exports = exportsOf(document, "runtime_evidence_exports");
  const metricExports = exportsOf(document, "otel_metric_exports");
  const budget = { bytesLeft: limits.rollupBytesMax };
  const records: EvidenceRecord[] = [];
  const readRows = (path: string, bytesMax: number) => read(scopeRoot, path, bytesMax);
  for (const one of exports) {
    const rows = evidenceRecords(parsed(await readPinned(one, budget, readRows), one.path));
    if (typeof rows === "string") throw wrong("JSON_SYNTAX", `${one.path}: ${rows}`);
    for (const row of rows) records.push(row);
  }
  records.sort(
    (left, right) =>
      left.timestamp - right.timestamp || compareCodePoints(left.runtime_run_id, right.runtime_run_id),
  );
  const metrics = await metricsOf(loading, metricExports, budget);
  return {
    kind: "loaded",
    windowStartMs: asDouble(member(document, "window_start_ms")) ?? 0,
    windowEndMs: asDouble(member(document, "window_end_ms")) ?? 0,
    exports,
    records,
    ...(metrics === undefined ? {} : { metricExports, metrics }),
  };
}

interface Pin {
  readonly path: string;
  readonly sha256: string;
}

interface Budget {
  bytesLeft: number;
}

function exportsOf(document: JsonObject, key: string): readonly Pin[] {
  return objectsAt(document, key).map((item) => ({
    path: requiredText(item, "path"),
    sha256: requiredText(item, "sha256"),
  }));
}

/** One that is refused refuses all: a sum over the rest would be too small. */
async function metricsOf(
  loading: Loading,
  exports: readonly Pin[],
  budget: Budget,
): Promise<MetricLines | undefined> {
  if (exports.length === 0) return undefined;
  const records: JsonObject[] = [];
  const readLines = (path: string, bytesMax: number) => readKept(loading, path, bytesMax);
  for (const one of exports) {
    const text = decoded(await readPinned(one, budget, readLines), one.path);
    const lines = readMetricLines(text, loading.scope);
    if (lines.rejectedReason !== null) return lines;
    for (const line of lines.records) records.push(line);
  }
  return records.length > limits.metricRecordsMax
    ? { records: [], rejectedReason: "too_many_records" }
    : { records, rejectedReason: null };
}

async function readPinned(
  { path, sha256 }: Pin,
  budget: Budget,
  readFile: (path: string, bytesMax: number) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const bytes = await readFile(path, Math.min(limits.validityEvidenceBytesMax, budget.bytesLeft));
  budget.bytesLeft -= bytes.length;
  if (sha256Hex(bytes) !== sha256) {
    throw wrong("REPLAY_TAMPERED", `${path} has not the bytes that the window names`);
  }
  return bytes;
}

async function readKept({ files }: Loading, path: string, bytesMax: number): Promise<Uint8Array> {
  const bytes = await files.read(path, bytesMax).catch((cause: unknown) => {
    throw cause instanceof AkcError ? wrong(cause.code, `${path}: ${cause.message}`) : cause;
  });
  files.keep(path, bytes, true);
  return bytes;
}

async function read(scopeRoot: string, path: string, bytesMax: number): Promise<Uint8Array> {
  const place = await resolveConfined(scopeRoot, path).catch((cause: unknown) => {
    // Without the scope's own folder nothing is below it.
    const code = cause instanceof AkcError ? cause.code : "FILE_NOT_FOUND";
    throw wrong(code, `${path} does not lie below the scope`);
  });
  return await readFileBounded(place, bytesMax).catch((cause: unknown) => {
    throw cause instanceof AkcError ? wrong(cause.code, `${path}: ${cause.message}`) : cause;
  });
}

function parsed(bytes: Uint8Array, path: string): JsonValue {
  try {
    return parseJson(bytes, { textBytesMax: limits.validityEvidenceBytesMax });
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    throw wrong("JSON_SYNTAX", `${path} is not JSON: ${cause.message}`);
  }
}

function decoded(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw wrong("JSON_SYNTAX", `${path} is not UTF-8`);
  }
}
