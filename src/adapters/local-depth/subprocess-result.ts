/**
 * What came of a child, as the result of its action: the documented keys, a code, and whether another attempt may help.
 * A message never holds the command line; the child's own words are in the outputs only.
 *
 * Source: spec bundle §14.5, spec kernel §10.2; bundle:W-26.
 */
import { constants } from "node:os";
import { type ErrorCode, errorCodes, unreachable } from "../../errors.ts";
import type { JsonObject } from "../../json/value.ts";
import type { ChildEnd } from "../../system/spawn-protocol.ts";
import type { ActionError, ActionRequest, ActionResult, ArtifactRef } from "../contract.ts";
import type { ChildPlace } from "./child-place.ts";

export interface Captured {
  readonly snippet: string;
  /** Absent when nothing was written. */
  readonly ref: ArtifactRef | undefined;
}

type Ran = Extract<ChildEnd, { kind: "ran" }>;

/** @param output what a successor will read: stdout, also when it is empty. */
export function resultOf(
  request: Pick<ActionRequest, "action">,
  place: Pick<ChildPlace, "containment" | "abi">,
  end: Ran,
  streams: { readonly stdout: Captured; readonly stderr: Captured },
  timeoutMs: number,
  output: ArtifactRef,
): ActionResult {
  const outputs = outputsOf(request, place, end, streams);
  const error = errorOf(end, timeoutMs);
  if (error === undefined) return { status: "succeeded", outputs, durationMs: end.durationMs, output };
  return {
    status: error.code === "CANCELLED" ? "cancelled" : "failed",
    outputs,
    error,
    durationMs: end.durationMs,
  };
}

function outputsOf(
  { action }: Pick<ActionRequest, "action">,
  { containment, abi }: Pick<ChildPlace, "containment" | "abi">,
  { exitCode, signal }: Ran,
  { stdout, stderr }: { readonly stdout: Captured; readonly stderr: Captured },
): JsonObject {
  return {
    action_id: action.actionId,
    action_type: action.actionType,
    adapter_id: "local_depth",
    // Minus the signal's number, as Python's subprocess has it.
    exit_code: exitCode ?? -numberOf(signal),
    ...(signal === null ? {} : { signal }),
    stdout: stdout.snippet,
    stderr: stderr.snippet,
    ...(stdout.ref && { stdout_sha256: stdout.ref.sha256, stdout_bytes: stdout.ref.sizeBytes }),
    ...(stderr.ref && { stderr_sha256: stderr.ref.sha256, stderr_bytes: stderr.ref.sizeBytes }),
    containment,
    ...(abi === undefined ? {} : { containment_abi: abi }),
  };
}

function errorOf({ cause, exitCode, signal }: Ran, timeoutMs: number): ActionError | undefined {
  switch (cause) {
    case "timeout":
      return error("SUBPROCESS_TIMEOUT", `the process did not end within ${timeoutMs} ms and was killed`);
    case "stopped":
      return error("CANCELLED", errorCodes.CANCELLED.message);
    case "output":
      return error("SUBPROCESS_OUTPUT_LIMIT", errorCodes.SUBPROCESS_OUTPUT_LIMIT.message);
    case "itself":
      if (signal !== null) return error("SUBPROCESS_EXIT", `the process was ended by ${signal}`);
      return exitCode === 0 ? undefined : error("SUBPROCESS_EXIT", `subprocess exited with code ${exitCode}`);
    default:
      return unreachable(cause);
  }
}

/** A child that never was. */
export function notStarted(errno: string): ActionResult {
  // The file was there when it was looked up, so what is missing is its interpreter, or it is gone since.
  const code = errno === "ENOENT" ? "SUBPROCESS_NOT_FOUND" : "SUBPROCESS_SPAWN_FAILED";
  return subprocessFailure({ code, message: `${errorCodes[code].message} (${errno})` }, 0);
}

export function subprocessFailure(
  { code, message }: { readonly code: ErrorCode; readonly message: string },
  durationMs: number,
): ActionResult {
  const status = code === "CANCELLED" ? "cancelled" : "failed";
  return { status, outputs: {}, error: error(code, message), durationMs };
}

function error(code: ErrorCode, message: string): ActionError {
  return { code, message, retryable: errorCodes[code].class === "retryable" };
}

function numberOf(signal: string | null): number {
  const known = Object.entries(constants.signals).find(([name]) => name === signal);
  return known?.[1] ?? 0;
}
