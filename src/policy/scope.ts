/**
 * Whether two things belong to the same scope, and the refusal when they do not.
 * Never says whose the other thing is: a guess at an id must not be confirmed by the answer.
 *
 * Source: spec bundle §8.5; bundle:W-32.
 */
import type { Scope } from "../bundle/model.ts";
import { AkcError } from "../errors.ts";

/** Exact: ids are not trimmed, folded or normalised. */
export function sameScope(a: Scope, b: Scope): boolean {
  return a.tenantId === b.tenantId && a.repoId === b.repoId;
}

/** The error for `what`, e.g. `the run`, that was asked for under a scope which is not its own. */
export function scopeMismatch(what: string): AkcError {
  return new AkcError("BUNDLE_SCOPE_MISMATCH", {
    message: `runtime scope mismatch: ${what} does not belong to the scope given`,
    hint: "Give matching scope hints: --tenant-id and --repo-id must be those under which it was made.",
    details: { what },
  });
}
