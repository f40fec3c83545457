/**
 * What a packet's attestation says of the compile run's own changes, summed up for decisions and scoreboards. Pure; judges nothing.
 *
 * Source: spec bundle §10.5.
 */
import { member, objectAt, textAt } from "../../bundle/member.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import type { CompileApply } from "../offer/model.ts";

/** Undefined without a packet; all null without an attestation. */
export function compileApplyOf(packet: JsonObject | undefined): CompileApply | undefined {
  if (packet === undefined) return undefined;
  const attestation = member(packet, "compile_apply_attestation");
  if (!isJsonObject(attestation)) {
    return { realizationMode: null, applied: null, policyAllowed: null, denialReason: null };
  }
  const realizationMode = textAt(attestation, "compile_realization_mode")?.toLowerCase() ?? "scoped_apply";
  const decision = objectAt(attestation, "policy_allow_decision");
  const applied = switchAt(attestation, "applied");
  const policyAllowed = switchAt(decision, "allowed");
  const denied = textAt(decision, "reason") ?? "compile_apply_policy_denied";
  const why = applied !== true ? "compile_scoped_apply_not_applied" : policyAllowed === true ? null : denied;
  return {
    realizationMode,
    applied,
    policyAllowed,
    denialReason: realizationMode === "scoped_apply" ? why : null,
  };
}

function switchAt(object: JsonObject, key: string): boolean | null {
  const value = member(object, key);
  return typeof value === "boolean" ? value : null;
}
