/**
 * What a record says of its own making: whether somebody measured, and whether what was measured is as it should be. Pure.
 * A record of an error, of a failure or of not knowing never stands for a success, whatever a criterion looks for in it.
 *
 * Source: spec reconcile §6.5, §6.6, Appendix C; reconcile:W-04b.
 */
import { member, objectAt, textAt } from "../../bundle/member.ts";
import { asDouble, type JsonObject } from "../../json/value.ts";
import { preparations } from "../bindings/model.ts";
import type { EvidenceRecord } from "./model.ts";
import { broken, failed, type Outcome, passed, unknown } from "./verdict.ts";

export interface Standing {
  readonly outcome: Outcome;
  /** Measured, and gates nothing. */
  readonly dryRun: boolean;
}

export function standingOf({ evidence_type, payload }: EvidenceRecord): Standing {
  const artifact = artifacts.get(evidence_type.replace(/^akc_/, ""));
  // A verdict says more than a status, which is `error` for whatever was not measured. A pass must be borne out by the status.
  const verdict = saidByVerdict(payload, artifact !== undefined);
  const status = (artifact ?? saidByStatus)(payload);
  return {
    outcome: verdict.verdict === "pass" ? status : verdict,
    dryRun: member(payload, "dry_run") === true,
  };
}

/** By kind of artifact, which must say how it came about. */
const artifacts: ReadonlyMap<string, (payload: JsonObject) => Outcome> = new Map([
  ["observability_query_result", (payload) => artifactStatus(payload, "ok")],
  ["mobile_journey_result", journey],
  ["device_capture_result", capture],
]);

function artifactStatus(payload: JsonObject, success: string): Outcome {
  const status = textAt(payload, "status");
  if (status === success) return passed;
  const said = saidByStatus(payload);
  if (said.verdict !== "pass") return said;
  return broken("malformed", `its status is ${status === undefined ? "missing" : `"${status}"`}`);
}

function journey(payload: JsonObject): Outcome {
  const outcome = artifactStatus(payload, "passed");
  const assertionsFailed = asDouble(member(payload, "assertions_failed")) ?? 0;
  if (outcome.verdict !== "pass" || assertionsFailed === 0) return outcome;
  return failed(reasonOf(payload) ?? "failed", `${assertionsFailed} assertions failed`);
}

function capture(payload: JsonObject): Outcome {
  const outcome = artifactStatus(payload, "ok");
  if (outcome.verdict !== "pass" || preparations.has(textAt(payload, "capture_kind") ?? "")) return outcome;
  if (textAt(payload, "artifact_path") !== undefined) return outcome;
  return unknown(reasonOf(payload) ?? "no-data", "nothing was captured");
}

/** Rows of the old runtime have no verdict; in an artifact an unknown one is a fault. */
function saidByVerdict(payload: JsonObject, isArtifact: boolean): Outcome {
  const verdict = textAt(payload, "verdict");
  switch (verdict) {
    case undefined:
    case "pass":
      return passed;
    case "fail":
      return failed(reasonOf(payload) ?? "failed", messageOf(payload) ?? "the binding fails");
    case "inconclusive":
      return unknown(reasonOf(payload) ?? "no-data", messageOf(payload) ?? "the binding could not tell");
    case "error":
      return broken(reasonOf(payload) ?? "error", messageOf(payload) ?? "the binding could not be judged");
    default:
      return isArtifact ? broken("malformed", `its verdict is "${verdict}"`) : passed;
  }
}

const failures: ReadonlySet<string> = new Set(["failed", "fail", "failure"]);
const errors: ReadonlySet<string> = new Set(
  "error errored blocked denied timeout timed_out cancelled canceled aborted".split(" "),
);
const doubts: ReadonlySet<string> = new Set(["inconclusive", "unknown", "missing", "skipped", "stale"]);

/** Words for what did not succeed; types of evidence that akc does not know have words of their own for success. */
function saidByStatus(payload: JsonObject): Outcome {
  const status = textAt(payload, "status");
  if (status === undefined) return passed;
  const word = status.toLowerCase();
  const reason = reasonOf(payload) ?? word;
  const message = messageOf(payload) ?? `its status is "${status}"`;
  if (failures.has(word)) return failed(reason, message);
  if (errors.has(word)) return broken(reason, message);
  return doubts.has(word) ? unknown(reason, message) : passed;
}

function reasonOf(payload: JsonObject): string | undefined {
  return textAt(payload, "reason");
}

/** Where the artifacts put what went wrong. */
function messageOf(payload: JsonObject): string | undefined {
  return (
    textAt(payload, "message") ??
    textAt(objectAt(payload, "summary"), "error") ??
    textAt(objectAt(payload, "metadata"), "error")
  );
}
