/**
 * What a plugin's provider met, in the words of the contract: an error of the plugin's or a fault of its, as one of akc's codes.
 * Never turns not knowing into a statement about the world.
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { rpcErrors } from "../../sdk/protocol.ts";
import type { Standing } from "../contract.ts";

/** Takes secrets out of what a plugin says. */
export type Clean = (text: string) => string;

/** Whether the plugin itself is in trouble, and not only what it was asked to do: the next call would meet the same. */
export function isFault(cause: unknown): cause is AkcError {
  return cause instanceof AkcError && cause.code !== "PLUGIN_FAILED" && cause.code !== "CANCELLED";
}

/** @param aborted whether akc wanted the call to end */
export function asProviderError(cause: unknown, resourceId: string, clean: Clean, aborted: boolean): unknown {
  if (!(cause instanceof AkcError)) return cause;
  const { code, details } = cause;
  if (code === "CANCELLED" || (aborted && details["rpcCode"] === rpcErrors.cancelled))
    return new AkcError("CANCELLED");
  if (code.startsWith("PROVIDER_")) return cause;
  const message = bounded(clean(cause.message));
  const said = details["code"];
  if (said === "VERSION_CONFLICT")
    return new AkcError("PROVIDER_CONFLICT", { message, cause, details: { resourceId } });
  if (said === "NOT_OWNED")
    return new AkcError("PROVIDER_NOT_OWNED", { message, cause, details: { resourceId } });
  const retryable = code === "PLUGIN_FAILED" ? details["retryable"] === true : cause.class === "retryable";
  const plugins = typeof said === "string" ? { pluginCode: said } : {};
  return new AkcError("PROVIDER_FAILED", {
    message,
    cause,
    details: { resourceId, code, retryable, ...plugins },
  });
}

/** @throws whatever is no word of the plugin's, and CANCELLED */
export function asUnobservable(cause: unknown, clean: Clean, aborted: boolean): Standing {
  const known = asProviderError(cause, "", clean, aborted);
  if (!(known instanceof AkcError) || known.code === "CANCELLED" || !(cause instanceof AkcError)) throw known;
  return { kind: "unobservable", reason: reasonOf(cause), message: known.message };
}

function reasonOf({ code }: AkcError): string {
  switch (code) {
    case "PLUGIN_TIMEOUT":
      return "timeout";
    case "PLUGIN_FAILED":
      return "unreachable";
    case "PLUGIN_GARBAGE":
    case "PLUGIN_MESSAGE_TOO_LARGE":
      return "malformed";
    default:
      return "plugin_fault";
  }
}

function bounded(text: string): string {
  const chars = limits.pluginErrorChars;
  return (text.length <= chars ? text : `${text.slice(0, chars)}…`).toWellFormed();
}
