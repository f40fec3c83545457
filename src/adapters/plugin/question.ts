/**
 * One question to a plugin's adapter that belongs to no run, in the shape of an action: what it is told are the action's settings, what
 * it answers are its outputs. It keeps nothing of what the plugin puts out, and asks once.
 *
 * Source: docs/plugin-protocol.md, "adapter/execute".
 */
import type { JsonObject } from "../../json/value.ts";
import type { PluginHandle } from "../../plugin-host/host.ts";
import { hostCalls } from "../../sdk/protocol.ts";
import { wireMap } from "./request.ts";
import { readExecuteAnswer } from "./result.ts";

export interface AdapterQuestion {
  readonly scope: { readonly tenantId: string; readonly repoId: string };
  /** Unique; what the plugin knows the question by. */
  readonly questionId: string;
  readonly actionType: string;
  readonly request: JsonObject;
  /** Absolute; exists, readable and writable for the plugin. */
  readonly workdir: string;
  readonly timeoutMs: number;
}

export type AdapterReply =
  | { readonly kind: "answered"; readonly outputs: JsonObject }
  | { readonly kind: "failed"; readonly message: string };

/** @throws AkcError PLUGIN_…, CONTAINMENT_UNAVAILABLE; CANCELLED when the signal aborts */
export async function askAdapter(
  handle: PluginHandle,
  adapterId: string,
  { scope, questionId, actionType, request, workdir, timeoutMs }: AdapterQuestion,
  signal: AbortSignal,
): Promise<AdapterReply> {
  const answer = await handle.call(
    hostCalls.adapterExecute,
    {
      adapter: adapterId,
      context: {
        tenant_id: scope.tenantId,
        repo_id: scope.repoId,
        run_id: questionId,
        runtime_run_id: questionId,
        policy_mode: "enforce",
        adapter_id: adapterId,
      },
      action: {
        action_id: questionId,
        action_type: actionType,
        node_id: actionType,
        node_kind: "workflow",
        contract_id: actionType,
        inputs_fingerprint: questionId,
        idempotency_key: questionId,
      },
      attempt: 1,
      settings: wireMap(request),
      node: {},
      handoffs: [],
      timeout_ms: timeoutMs,
      workdir,
    },
    { timeoutMs, signal },
  );
  const { status, outputs, error } = readExecuteAnswer(answer);
  if (status === "succeeded") return { kind: "answered", outputs };
  return { kind: "failed", message: error ?? "the plugin did not say why" };
}
