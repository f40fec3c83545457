/**
 * What came of the outside systems that criteria ask: for each stub, whether it was bound, whether it was asked, and what it said.
 * Pure; "ok" means that something was measured, and nothing less.
 *
 * Source: spec reconcile §9 step 3, 4; reconcile:W-27.
 */
import { member, textAt } from "../../bundle/member.ts";
import { sortedByCodePoint } from "../../json/order.ts";
import type { JsonObject } from "../../json/value.ts";
import type { BindingRegistry } from "../bindings/model.ts";
import type { EvidenceRecord } from "../operational-spec/model.ts";
import { type Finding, finding } from "./finding.ts";
import type { Governance } from "./governance.ts";

export interface ProviderResult {
  readonly stubId: string;
  /** Kind of the binding; `none` where there is none. */
  readonly provider: string;
  /** `ok`: something was measured. `error`: it was asked, and nothing was. `missing`: there is no answer. */
  readonly status: "ok" | "error" | "missing";
  readonly details: JsonObject;
}

export interface ProviderInput {
  readonly stubs: readonly string[];
  readonly registry: BindingRegistry;
  readonly evidence: readonly EvidenceRecord[];
  readonly governance: Pick<Governance, "providerAllowlist">;
}

export function providerResults(input: ProviderInput): {
  readonly results: readonly ProviderResult[];
  readonly findings: readonly Finding[];
} {
  const stubs = sortedByCodePoint([...new Set(input.stubs)]);
  const results = stubs.map((stub) => resultOf(stub, input));
  return { results, findings: stubs.flatMap((stub) => findingsOf(stub, input)) };
}

function resultOf(stub: string, { registry, evidence }: ProviderInput): ProviderResult {
  const binding = registry.bindings.get(stub);
  const answer = answerOf(stub, evidence);
  const kind = answeredKind(answer) ?? binding?.kind ?? "none";
  const bound = binding !== undefined;
  if (answer === undefined) {
    return { stubId: stub, provider: kind, status: "missing", details: { bound, execution: "none" } };
  }
  const { payload, timestamp } = answer;
  const measured = isMeasured(payload);
  return {
    stubId: stub,
    provider: kind,
    status: measured ? "ok" : isMissing(payload) ? "missing" : "error",
    details: {
      bound,
      execution: isMissing(payload) ? "none" : measured ? "measured" : "failed",
      observed_at_ms: timestamp,
      ...taken(payload, ["verdict", "reason", "status", "message", "fingerprint_sha256", "dry_run"]),
    },
  };
}

function findingsOf(stub: string, { registry, evidence, governance }: ProviderInput): readonly Finding[] {
  const findings: Finding[] = [];
  const binding = registry.bindings.get(stub);
  if (binding === undefined) {
    const message = `${stub} is bound to nothing in the registry of validator bindings`;
    findings.push(finding("operational.stub_binding_missing", message, { evidence: { stub_id: stub } }));
  }
  const kinds = new Set([binding?.kind, answeredKind(answerOf(stub, evidence))]);
  for (const kind of kinds) {
    const allowed = governance.providerAllowlist;
    if (kind === undefined || allowed.length === 0 || allowed.includes(kind)) continue;
    const message = `${stub} is bound to ${kind}, which the governance profile does not allow`;
    const details = { stub_id: stub, provider: kind, provider_allowlist: allowed };
    findings.push(finding("operational.provider_not_allowlisted", message, { evidence: details }));
  }
  return findings;
}

/** The latest row of the binding. */
function answerOf(stub: string, evidence: readonly EvidenceRecord[]): EvidenceRecord | undefined {
  let latest: EvidenceRecord | undefined;
  for (const record of evidence) {
    if (!record.evidence_type.startsWith("akc_") || textAt(record.payload, "binding_id") !== stub) continue;
    if (latest === undefined || record.timestamp >= latest.timestamp) latest = record;
  }
  return latest;
}

/** Of what was asked; `missing` where nobody was. */
function answeredKind(answer: EvidenceRecord | undefined): string | undefined {
  if (answer === undefined) return undefined;
  const kind = textAt(answer.payload, "binding_kind") ?? textAt(answer.payload, "query_kind");
  return kind === "missing" ? undefined : kind;
}

function isMissing(payload: JsonObject): boolean {
  return textAt(payload, "binding_kind") === "missing" || textAt(payload, "query_kind") === "missing";
}

/** Rows of the old runtime have no verdict: there the status says whether something was seen. */
function isMeasured(payload: JsonObject): boolean {
  const verdict = textAt(payload, "verdict");
  if (verdict !== undefined) return verdict === "pass" || verdict === "fail";
  return ["ok", "passed", "failed"].includes(textAt(payload, "status") ?? "");
}

function taken(payload: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(
    keys.flatMap((key) => {
      const value = member(payload, key);
      return value === undefined || value === null ? [] : [[key, value] as const];
    }),
  );
}

export function providerResultJson({ stubId, provider, status, details }: ProviderResult): JsonObject {
  return { stub_id: stubId, provider, status, details };
}
