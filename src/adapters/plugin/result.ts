/**
 * What a plugin answered, read once and bounded, as the result of an attempt; and what became of an attempt that it did not
 * answer. Trusts nothing that it reads: what is malformed is the plugin's fault.
 *
 * Source: docs/plugin-protocol.md, "adapter/execute"; spec kernel §4.5.
 */
import * as v from "valibot";
import { AkcError } from "../../errors.ts";
import { fromPlain } from "../../json/plain.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { HandedOver } from "../../plugin-host/secrets.ts";
import { type Json, rpcErrors } from "../../sdk/protocol.ts";
import type { ActionRequest, ActionResult } from "../contract.ts";

const JsonMap = v.pipe(
  v.record(v.string(), v.unknown()),
  v.transform((map): JsonObject => {
    const value = fromPlain(map);
    return isJsonObject(value) ? value : {};
  }),
);

const Answer = v.object({
  status: v.picklist(["succeeded", "failed", "cancelled"]),
  outputs: v.optional(JsonMap, {}),
  error: v.optional(v.string()),
  retryable: v.optional(v.boolean(), false),
  cost: v.optional(JsonMap),
  output_base64: v.optional(v.pipe(v.string(), v.base64("is not base64"))),
});
export type ExecuteAnswer = v.InferOutput<typeof Answer>;

const RecoverAnswer = v.variant("kind", [
  v.object({ kind: v.literal("unknown") }),
  v.object({ kind: v.literal("ended"), result: Answer }),
]);
export type RecoverAnswer = v.InferOutput<typeof RecoverAnswer>;

/** @throws AkcError PLUGIN_GARBAGE, PLUGIN_MESSAGE_TOO_LARGE */
export function readExecuteAnswer(answer: Json): ExecuteAnswer {
  const read = v.safeParse(Answer, answer);
  if (!read.success) throw malformed(read.issues);
  return mindSize(read.output);
}

/** @throws AkcError PLUGIN_GARBAGE, PLUGIN_MESSAGE_TOO_LARGE */
export function readRecoverAnswer(answer: Json): RecoverAnswer {
  const read = v.safeParse(RecoverAnswer, answer);
  if (!read.success) throw malformed(read.issues);
  if (read.output.kind === "ended") mindSize(read.output.result);
  return read.output;
}

function mindSize(answer: ExecuteAnswer): ExecuteAnswer {
  const { outputs, cost = {} } = answer;
  // What fits as plain text fits: the count is a bound, not a bill.
  const bytes = [outputs, cost].reduce((sum, map) => sum + Buffer.byteLength(plainText(map)), 0);
  if (bytes <= limits.pluginOutputsBytesMax) return answer;
  throw new AkcError("PLUGIN_MESSAGE_TOO_LARGE", {
    message: "the plugin reports more of an action than it may",
    hint: "What is large belongs into the action's output, not into `outputs`.",
    details: { bytes, limitBytes: limits.pluginOutputsBytesMax },
  });
}

function plainText(map: JsonObject): string {
  return JSON.stringify(map, (_key, value) => (typeof value === "bigint" ? String(value) : value));
}

function malformed(issues: [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): AkcError {
  const why = issues.slice(0, 10).map((issue) => `${v.getDotPath(issue) ?? "result"}: ${issue.message}`);
  return new AkcError("PLUGIN_GARBAGE", {
    message: `the plugin's answer is malformed: ${why[0] ?? ""}`.slice(0, limits.pluginErrorChars),
    details: { why },
  });
}

export interface Attempt {
  readonly request: ActionRequest;
  readonly adapterId: string;
  readonly secrets: HandedOver;
  readonly durationMs: number;
}

/** Without its output, which is kept elsewhere. A success that had an error to tell is a success. */
export function resultOf(answer: ExecuteAnswer, attempt: Attempt): ActionResult {
  const { status, cost } = answer;
  const { secrets, durationMs } = attempt;
  const outputs = { ...secrets.json(answer.outputs), ...ownOutputs(attempt) };
  const costs = cost === undefined ? {} : { cost: secrets.json(cost) };
  if (status === "succeeded") return { status, outputs, durationMs, ...costs };
  const message = bounded(secrets.text(answer.error ?? "the plugin did not say why"));
  const code = status === "cancelled" ? "CANCELLED" : "PLUGIN_FAILED";
  const retryable = status === "failed" && answer.retryable;
  return { status, outputs, error: { code, message, retryable }, durationMs, ...costs };
}

/** Of an attempt that was not answered with a result. */
export function failureOf(error: AkcError, attempt: Attempt): ActionResult {
  const { secrets, durationMs, request } = attempt;
  const { code, details } = error;
  const cancelled =
    (code === "CANCELLED" || details["rpcCode"] === rpcErrors.cancelled) && request.signal.aborted;
  return {
    status: cancelled ? "cancelled" : "failed",
    outputs: ownOutputs(attempt),
    error: {
      code: cancelled ? "CANCELLED" : code,
      message: bounded(secrets.text(messageOf(error))),
      retryable: !cancelled && (error.class === "retryable" || details["retryable"] === true),
    },
    durationMs,
  };
}

/** The documented keys; a plugin says them of no other action. */
function ownOutputs({ request, adapterId }: Attempt): JsonObject {
  const { actionId, actionType } = request.action;
  return { action_id: actionId, action_type: actionType, adapter_id: adapterId };
}

function messageOf({ code, message, details }: AkcError): string {
  const said = details["code"];
  return code === "PLUGIN_FAILED" && typeof said === "string" ? `${said}: ${message}` : message;
}

function bounded(text: string): string {
  const chars = limits.pluginErrorChars;
  return (text.length <= chars ? text : `${text.slice(0, chars)}…`).toWellFormed();
}
