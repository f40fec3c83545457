/**
 * Why kubectl did not do what it was asked to: from its exit and its standard error to a short reason. Its words are all
 * there is to go by; what they do not say is `failed`, never success and never absence.
 */
import { AkcError, type ErrorCode } from "../../../errors.ts";
import { clipped } from "../health/opinion.ts";

export type FailureReason =
  | "unreachable"
  | "timeout"
  | "denied"
  /** The server knows no such kind. */
  | "no_such_kind"
  | "not_found"
  /** An object is not as it was, or somebody else owns fields of it. */
  | "conflict"
  /** The server takes the object for wrong: another try changes nothing. */
  | "invalid"
  | "failed";

export interface Failure {
  /** The gravest, where one call failed in several ways. */
  readonly reason: FailureReason;
  readonly reasons: ReadonlySet<FailureReason>;
  /** One line. */
  readonly message: string;
}

/** In the order in which the first that fits a line names its reason. */
const patterns: readonly (readonly [RegExp, FailureReason])[] = [
  [
    /no matches for kind|the server doesn't have a resource type|could not find the requested resource/,
    "no_such_kind",
  ],
  [/\((NotFound)\)/, "not_found"],
  [
    /metadata\.uid: Invalid value|Operation cannot be fulfilled on|\((Conflict|AlreadyExists)\)|Apply failed with \d+ conflict/,
    "conflict",
  ],
  [/\((Forbidden|Unauthorized)\)|must be logged in to the server/, "denied"],
  [/\((Invalid|BadRequest|UnsupportedMediaType|RequestEntityTooLarge|MethodNotAllowed)\)/, "invalid"],
  [
    / is invalid: |error validating|failed to create typed patch object|unable to decode|cannot be handled as a/,
    "invalid",
  ],
  [
    /\((Timeout|ServerTimeout)\)|Client\.Timeout|i\/o timeout|context deadline exceeded|request canceled|TLS handshake timeout/,
    "timeout",
  ],
  [
    /was refused|Unable to connect to the server|no such host|connection reset|connection refused|network is unreachable|unexpected EOF|http2: |: EOF$/,
    "unreachable",
  ],
  [/x509: |\((ServiceUnavailable|TooManyRequests)\)|currently unable to handle the request/, "unreachable"],
];

/** How much each hides of what else may have gone wrong. */
const gravity: readonly FailureReason[] = [
  "unreachable",
  "timeout",
  "failed",
  "denied",
  "invalid",
  "conflict",
  "not_found",
  "no_such_kind",
];

/** Lines that say nothing of their own: log lines of the client, warnings, and how to go on after a conflict. */
const noise = /^([EWIF]\d{4} |Warning: |\* | {2}|See https?:|Please review|are the ways|$)/;
const failureLine = /^(error: |Error from server|Unable to|The |unable to|You must|couldn't|no matches)/i;

export function failureOf(stderr: string): Failure {
  const all = stderr.split("\n").map((line) => line.trimEnd());
  const told = all.filter((line) => !noise.test(line));
  // A client that gets nowhere at all may say so in its log only.
  const lines = told.length > 0 ? told : all.filter((line) => line !== "");
  const reasons = lines.flatMap((line) => {
    const found = patterns.find(([pattern]) => pattern.test(line))?.[1];
    if (found !== undefined) return [found];
    return failureLine.test(line) ? ["failed" as const] : [];
  });
  const reason = gravity.find((one) => reasons.includes(one)) ?? "failed";
  return {
    reason,
    reasons: new Set(reasons.length === 0 ? ["failed"] : reasons),
    // Asked for many kinds, it says the same of each.
    message: clipped([...new Set(lines)].join("; ").trim() || "kubectl failed without a word"),
  };
}

const codes: Partial<Record<FailureReason, ErrorCode>> = {
  conflict: "PROVIDER_CONFLICT",
  timeout: "TOOL_TIMEOUT",
};
const hopeless: ReadonlySet<FailureReason> = new Set(["invalid", "denied"]);

/** The error to throw for it. `doing`: what failed, in words. */
export function failureError(failure: Failure, doing: string): AkcError {
  return new AkcError(codes[failure.reason] ?? "PROVIDER_FAILED", {
    message: `${doing}: ${failure.message}`,
    details: { reason: failure.reason, retryable: !hopeless.has(failure.reason) },
  });
}
