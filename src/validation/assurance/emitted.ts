/**
 * What a compiler left beside a scope's runs: results of tests, and of its verifier. Only files of those kinds are looked at; rollups,
 * reports and earlier verifications, which lie in the same folder, are no results.
 *
 * Source: spec reconcile §9 "Sequence"; reconcile:W-25.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { listAt, member, objectsAt, textAt } from "../../bundle/member.ts";
import { compareCodePoints } from "../../json/order.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { errnoOf, resolveConfined } from "../../system/files.ts";
import { readArtifact } from "../artifact.ts";

export interface EmittedResult {
  /** Name of its file. */
  readonly name: string;
  readonly outcome: "passed" | "failed" | "unreadable" | "unknown";
  /** For people: what it was, or why it cannot be read. */
  readonly says: string;
  /** Of a verifier. */
  readonly findings: readonly JsonObject[];
}

export interface Emitted {
  readonly tests: readonly EmittedResult[];
  readonly verifier: readonly EmittedResult[];
  /** Neither failed nor unreadable. */
  readonly passed: boolean;
}

/** @throws AkcError PATH_UNSAFE; and what the system throws for a folder that cannot be listed */
export async function readEmitted(scopeRoot: string): Promise<Emitted> {
  const tests = await resultsIn(scopeRoot, ".akc/tests", () => false, testResult);
  const verifier = await resultsIn(scopeRoot, ".akc/verification", isOtherKind, verifierResult);
  const bad = [...tests, ...verifier].some(({ outcome }) => outcome === "failed" || outcome === "unreadable");
  return { tests, verifier, passed: !bad };
}

/** By name: what lies in `.akc/verification` and is no verifier's result. */
function isOtherKind(name: string): boolean {
  return (
    name === "verify_developer_context.v1.json" ||
    /\.(operational_assurance|operational_evidence_window|operational_validity_report)(\.v\d+)?\.json$/.test(
      name,
    )
  );
}

async function resultsIn(
  scopeRoot: string,
  folder: string,
  skip: (name: string) => boolean,
  read: (name: string, document: JsonObject) => EmittedResult | undefined,
): Promise<readonly EmittedResult[]> {
  const results: EmittedResult[] = [];
  for (const name of await jsonFilesIn(scopeRoot, folder)) {
    if (skip(name)) continue;
    const artifact = await readArtifact(scopeRoot, join(folder, name), { bytesMax: limits.jsonTextBytesMax });
    if (artifact.kind === "failed") {
      results.push({ name, outcome: "unreadable", says: artifact.message, findings: [] });
      continue;
    }
    const result = isJsonObject(artifact.value) ? read(name, artifact.value) : undefined;
    if (result !== undefined) results.push(result);
  }
  return results;
}

async function jsonFilesIn(scopeRoot: string, folder: string): Promise<readonly string[]> {
  try {
    const names = await readdir(await resolveConfined(scopeRoot, folder));
    return names
      .filter((name) => name.endsWith(".json") && !name.startsWith("."))
      .toSorted(compareCodePoints);
  } catch (cause) {
    const errno = errnoOf(cause);
    if (errno === "ENOENT" || errno === "ENOTDIR") return [];
    throw cause;
  }
}

function testResult(name: string, document: JsonObject): EmittedResult {
  const exitCode = member(document, "exit_code");
  const command = listAt(document, "command").filter((word) => typeof word === "string");
  const stage = textAt(document, "stage") ?? "unknown stage";
  const what = [stage, ...(command.length === 0 ? [] : [command.join(" ")])].join(": ");
  if (exitCode === undefined || exitCode === null) {
    return { name, outcome: "unknown", says: `${what}, no exit code`, findings: [] };
  }
  const outcome = exitCode === 0 ? "passed" : "failed";
  return { name, outcome, says: `${what}, exit code ${String(exitCode)}`, findings: [] };
}

/** Undefined for a document of another kind. */
function verifierResult(name: string, document: JsonObject): EmittedResult | undefined {
  const schema = textAt(document, "schema_id");
  const passed = member(document, "passed");
  const ofVerifier = schema === undefined || schema.startsWith("akc:verifier_result:");
  if (!ofVerifier || typeof passed !== "boolean") return undefined;
  const findings = objectsAt(document, "findings");
  const says = `${findings.length} ${findings.length === 1 ? "finding" : "findings"}`;
  return { name, outcome: passed ? "passed" : "failed", says, findings };
}
