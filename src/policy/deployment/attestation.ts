/**
 * The statement of a compile run about the patch it made: was it applied, and who allowed it. Judges and hashes it; whose it is and
 * where it came from is not its affair.
 *
 * Source: spec bundle §10.1, §10.3.
 */
import * as v from "valibot";
import { member, objectAt, textAt } from "../../bundle/member.ts";
import type { Issue } from "../../errors.ts";
import { fingerprint } from "../../json/fingerprint.ts";
import { sortedByCodePoint } from "../../json/order.ts";
import { isJsonArray, type JsonObject, type JsonValue } from "../../json/value.ts";
import { readPart } from "../border.ts";
import { Allowed, Hex64, hexAt, membersOf, Word, Yes } from "./words.ts";

const Mode = v.pipe(
  Word,
  v.toLowerCase(),
  v.picklist(["artifact_only", "scoped_apply"], "must be artifact_only or scoped_apply"),
);
const common = { patch_fingerprint_sha256: Hex64, compile_realization_mode: v.nullish(Mode) };
const Artifact = membersOf(common);
const Scoped = membersOf({ ...common, applied: Yes, policy_allow_decision: Allowed });

/** Every point that the packet's `compile_apply_attestation` leaves open. */
export function attestationIssues(packet: JsonObject): readonly Issue[] {
  const issues: Issue[] = [];
  const at = "packet:/compile_apply_attestation";
  const attestation = objectAt(packet, "compile_apply_attestation");
  // Whatever does not say `artifact_only` claims that it was applied.
  const artifactOnly = textAt(attestation, "compile_realization_mode")?.toLowerCase() === "artifact_only";
  readPart(artifactOnly ? Artifact : Scoped, member(packet, "compile_apply_attestation"), at, issues);
  const patch = hexAt(attestation, "patch_fingerprint_sha256");
  if (patch !== undefined && patch !== hexAt(packet, "patch_hash_sha256")) {
    issues.push({ path: `${at}/patch_fingerprint_sha256`, message: "is not the packet's patch_hash_sha256" });
  }
  return issues;
}

const hashedKeys = [
  "compile_realization_mode",
  "applied",
  "apply_decision_token_id",
  "policy_allow_decision",
  "patch_fingerprint_sha256",
  "scope_root",
  "touched_paths",
];

/** Over the documented members that are there; `touched_paths` in order. */
export function attestationFingerprint(attestation: JsonObject): string {
  const hashed = hashedKeys.flatMap((key): [string, JsonValue][] => {
    const value = member(attestation, key);
    if (value === undefined) return [];
    return [[key, key === "touched_paths" ? inOrder(value) : value]];
  });
  return fingerprint(Object.fromEntries(hashed));
}

function inOrder(paths: JsonValue): JsonValue {
  if (!isJsonArray(paths)) return paths;
  const texts = paths.filter((path) => typeof path === "string");
  return texts.length === paths.length ? sortedByCodePoint(texts) : paths;
}
