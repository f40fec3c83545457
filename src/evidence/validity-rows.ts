/**
 * What judging a run by outside evidence came to, folded from its events: the latest answer of each binding as a row, and the last
 * attestation. Pure; answers are few, however long the run was.
 *
 * Source: spec reconcile §6.7, §8.
 */
import type { ArtifactRef } from "../adapters/contract.ts";
import { member, objectAt, objectsAt, textAt } from "../bundle/member.ts";
import { asDouble, type JsonObject } from "../json/value.ts";
import { type Outcome, outcomes } from "../store/contract.ts";
import type { NamedFile } from "./beside.ts";
import type { ProjectedEvent } from "./project.ts";

export interface ObservedRow {
  readonly type: string;
  readonly atMs: number;
  readonly payload: JsonObject;
}

export interface Attested {
  readonly passed: boolean;
  readonly verdict: string;
  readonly fingerprintSha256: string;
  readonly report: ArtifactRef;
}

/** How a run stood before it was failed for its validity: its evidence tells that, since by it the run was judged. */
export interface StoodBefore {
  readonly status: string;
  readonly outcome: Outcome;
}

export type ValidityEvent = Pick<ProjectedEvent, "type" | "atMs" | "payload">;

export class ValidityRows {
  readonly #rows = new Map<string, ObservedRow>();
  readonly #answers = new Map<string, readonly NamedFile[]>();
  #inputs: readonly NamedFile[] = [];
  #attested: Attested | undefined;
  #before: StoodBefore | undefined;

  /** Call it with every event, in order. */
  event({ type: eventType, atMs, payload }: ValidityEvent): void {
    switch (eventType) {
      case "runtime.validation.observed": {
        const type = textAt(payload, "evidence_type") ?? "";
        const binding = textAt(payload, "binding_id") ?? "";
        // Replaced and moved to the end, as the documented merge does, and also where its kind is another one now: what it said as
        // the old kind is no answer of today's.
        this.#rows.delete(binding);
        this.#rows.set(binding, { type, atMs, payload: objectAt(payload, "artifact") });
        this.#answers.set(binding, namedFiles(payload, "files"));
        return;
      }
      case "runtime.operational_validity.attested":
        this.#attest(payload);
        return;
      case "runtime.kernel.loop_finished":
      case "runtime.kernel.failed":
        this.#before = undefined;
        return;
    }
  }

  /** The latest of each binding, in the order in which they were asked. */
  get rows(): readonly ObservedRow[] {
    return [...this.#rows.values()];
  }

  /** What bindings left with their latest answers, and what the last judgement was made by. */
  get files(): readonly NamedFile[] {
    return [...[...this.#answers.values()].flat(), ...this.#inputs];
  }

  get attested(): Attested | undefined {
    return this.#attested;
  }

  /** Undefined on a run that was not failed for its validity. */
  get before(): StoodBefore | undefined {
    return this.#before;
  }

  #attest(payload: JsonObject): void {
    this.#inputs = namedFiles(payload, "inputs");
    const report = objectAt(payload, "report");
    const sha256 = textAt(report, "sha256");
    const sizeBytes = asDouble(member(report, "size_bytes"));
    const fingerprintSha256 = textAt(payload, "attestation_fingerprint_sha256");
    // Histories of the old runtime have no more than `passed`, and no report of akc's.
    if (sha256 !== undefined && sizeBytes !== undefined && fingerprintSha256 !== undefined) {
      const verdict = textAt(payload, "verdict") ?? "error";
      const passed = member(payload, "passed") === true;
      this.#attested = { passed, verdict, fingerprintSha256, report: { sha256, sizeBytes } };
    }
    const status = textAt(payload, "status_before");
    const outcome = outcomes.find((word) => word === textAt(payload, "outcome_before"));
    if (status !== undefined && outcome !== undefined) this.#before = { status, outcome };
  }
}

function namedFiles(payload: JsonObject, key: string): readonly NamedFile[] {
  return objectsAt(payload, key).flatMap((file) => {
    const path = textAt(file, "path");
    const sha256 = textAt(file, "sha256");
    const sizeBytes = asDouble(member(file, "size_bytes"));
    if (path === undefined || sha256 === undefined || sizeBytes === undefined) return [];
    return [{ path, content: { sha256, sizeBytes } }];
  });
}
