/**
 * Answers in few words, and what an error at the door means for a verdict: always an error, never a pass or a fail.
 * Goes by codes only; what a message says is for people.
 */
import { AkcError } from "../errors.ts";
import type { JsonObject } from "../json/value.ts";
import { limits } from "../limits.ts";
import type { Answer, Verdict } from "./contract.ts";

export interface Said {
  readonly reason?: string;
  readonly message?: string;
  readonly observed?: Answer["observed"];
  readonly evidence?: JsonObject;
}

export function answered(
  verdict: Verdict,
  { reason, message, observed = {}, evidence = {} }: Said = {},
): Answer {
  return {
    verdict,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message: oneLine(message) }),
    observed,
    evidence,
    attachments: [],
  };
}

/** @throws AkcError CANCELLED, and what is no error of the door's */
export function doorFault(cause: unknown): Answer {
  if (!(cause instanceof AkcError) || cause.code === "CANCELLED") throw cause;
  return answered("error", { reason: reasonOf(cause), message: cause.message });
}

/** Why there is nothing to judge. */
export function reasonOf({ code, class: kind }: Pick<AkcError, "code" | "class">): string {
  switch (code) {
    case "HTTP_UNREACHABLE":
      return "unreachable";
    case "HTTP_TIMEOUT":
    case "TOOL_TIMEOUT":
      return "timeout";
    case "TOOL_MISSING":
    case "SUBPROCESS_SPAWN_FAILED":
      return "tool_missing";
    case "HTTP_REDIRECT_REFUSED":
    case "HTTP_TLS_UNTRUSTED":
      return "denied";
    default:
      return kind === "denied" ? "denied" : "malformed";
  }
}

/** One sentence that no terminal obeys, bounded. */
export function oneLine(text: string): string {
  const line = text.replaceAll(/\p{Cc}+/gu, " ").trim();
  const chars = limits.validatorMessageCharsMax;
  return (line.length <= chars ? line : `${line.slice(0, chars - 1)}…`).toWellFormed();
}
