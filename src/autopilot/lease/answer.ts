/**
 * How a lease is told of: the documented keys, whatever the backend. Pure.
 *
 * Source: spec cli §14.6.
 */
import type { JsonObject } from "../../json/value.ts";
import type { LeaseAnswer, LeaseBackend } from "./contract.ts";

export interface LeasePlace {
  readonly backend: LeaseBackend["kind"];
  readonly namespace: string | null;
  readonly name: string;
}

/** Who has it until when; times are wall clock milliseconds, null where the backend does not say. */
export interface LeaseTerm {
  readonly holder: string;
  readonly acquiredAtMs: number | null;
  readonly renewedAtMs: number | null;
  readonly expiresAtMs: number;
}

export function heldAnswer(place: LeasePlace, term: LeaseTerm): LeaseAnswer {
  return { kind: "held", expiresAtMs: term.expiresAtMs, diagnostics: told(place, term) };
}

export function takenAnswer(place: LeasePlace, term: LeaseTerm): LeaseAnswer {
  return {
    kind: "taken",
    by: term.holder,
    expiresAtMs: term.expiresAtMs,
    diagnostics: told(place, term),
  };
}

/** @param error the documented word, with what was said: `kubectl_get_failed:<text>` */
export function unknownAnswer(place: LeasePlace, error: string): LeaseAnswer {
  return { kind: "unknown", message: error, diagnostics: { ...place, error } };
}

function told(place: LeasePlace, { holder, acquiredAtMs, renewedAtMs, expiresAtMs }: LeaseTerm): JsonObject {
  return {
    ...place,
    holder_controller_id: holder,
    acquired_at_ms: acquiredAtMs,
    renewed_at_ms: renewedAtMs,
    expires_at_ms: expiresAtMs,
  };
}
