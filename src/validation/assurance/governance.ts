/**
 * How strictly a scope is verified: its governance profile, out of the policy bundle that a control plane keeps in the scope.
 * A profile that cannot be read never makes a verification milder.
 *
 * Source: spec reconcile §9 step 4.
 */
import { listAt, member, objectAt, textAt, textsAt } from "../../bundle/member.ts";
import { asDouble, isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { readArtifact } from "../artifact.ts";
import { type Finding, finding } from "./finding.ts";

const policyBundlePath = ".akc/control/policy_bundle.json";
/** Written by a control plane; only ever linked. */
export const resolvedProfilePath = ".akc/control/governance_profile.resolved.json";

export type Enforcement = "blocking" | "advisory";

export interface Governance {
  readonly enforcement: Enforcement;
  readonly source: "policy_bundle" | "default";
  readonly rolloutStage?: string;
  /** Kinds of bindings; empty: all of them. */
  readonly providerAllowlist: readonly string[];
  /** Absent without a profile: every error counts for itself. */
  readonly errorsMax?: number;
  readonly findings: readonly Finding[];
}

const errorsMaxDefault = 1;

export async function readGovernance(scopeRoot: string): Promise<Governance> {
  const artifact = await readArtifact(scopeRoot, policyBundlePath, { bytesMax: limits.yamlTextBytesMax });
  if (artifact.kind === "read") return governanceOf(artifact.value);
  if (artifact.reason === "missing") return byDefault([]);
  return byDefault([invalid(artifact.message)]);
}

/** Out of a policy bundle; pure. */
function governanceOf(bundle: JsonValue): Governance {
  if (!isJsonObject(bundle)) return byDefault([invalid(`${policyBundlePath} is not a JSON object`)]);
  const given = member(bundle, "governance_profile");
  if (given !== undefined && given !== null && !isJsonObject(given)) {
    return byDefault([invalid("governance_profile is not an object")]);
  }
  const profile = objectAt(bundle, "governance_profile");
  const findings: Finding[] = [];
  const word = wordAt(profile, "verifier_enforcement") ?? "auto";
  const stage = textAt(bundle, "rollout_stage");
  const errorsMax = errorsMaxOf(profile);
  if (!["auto", "advisory", "blocking"].includes(word)) {
    findings.push(invalid("verifier_enforcement is none of auto, advisory, blocking"));
  }
  if (errorsMax === undefined) {
    findings.push(invalid("escalation_thresholds.max_errors_before_block is no whole number of at least 0"));
  }
  const allowlist = textsAt(profile, "provider_allowlist");
  if (allowlist.length !== allowedLength(profile)) {
    findings.push(invalid("provider_allowlist is no list of kinds of bindings"));
  }
  return {
    enforcement: findings.length > 0 ? "blocking" : enforcementOf(word, stage),
    source: "policy_bundle",
    ...(stage === undefined ? {} : { rolloutStage: stage }),
    providerAllowlist: allowlist,
    errorsMax: errorsMax ?? errorsMaxDefault,
    findings,
  };
}

function enforcementOf(word: string, stage: string | undefined): Enforcement {
  if (word === "advisory" || word === "blocking") return word;
  return stage?.toLowerCase() === "observe" ? "advisory" : "blocking";
}

function byDefault(findings: readonly Finding[]): Governance {
  return { enforcement: "blocking", source: "default", providerAllowlist: [], findings };
}

function invalid(why: string): Finding {
  return finding("operational.governance_invalid", `the governance profile cannot be followed: ${why}`);
}

function errorsMaxOf(profile: JsonObject): number | undefined {
  const value = member(objectAt(profile, "escalation_thresholds"), "max_errors_before_block");
  if (value === undefined || value === null) return errorsMaxDefault;
  const count = asDouble(value);
  return count !== undefined && Number.isInteger(count) && count >= 0 ? count : undefined;
}

/** Of what stands there, so that an item that is no kind is missed. */
function allowedLength(profile: JsonObject): number {
  const value = member(profile, "provider_allowlist");
  if (value === undefined || value === null) return 0;
  return Array.isArray(value) ? listAt(profile, "provider_allowlist").length : -1;
}

function wordAt(profile: JsonObject, key: string): string | undefined {
  const value = member(profile, key);
  if (value === undefined || value === null) return undefined;
  return typeof value === "string" ? value.trim() : "";
}
