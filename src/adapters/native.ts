/**
 * The default adapter: an agent worker for coordination steps, a bare state transition for everything else, which says
 * so (`effect: "none"`). Starts no process and follows no route.
 *
 * Source: spec bundle §14.2; bundle:W-34.
 */
import type { Bundle } from "../bundle/model.ts";
import {
  type ActionRequest,
  type ActionResult,
  type Adapter,
  noCapabilities,
  type RunContext,
} from "./contract.ts";

export const nativeAdapterId = "native";

/** Carries out one turn of a coordination step. */
export type AgentTurn = (request: ActionRequest) => Promise<ActionResult>;

export function createNativeAdapter(agentTurn: (bundle: Bundle) => AgentTurn): Adapter {
  let turn: AgentTurn | undefined;
  return {
    id: nativeAdapterId,
    capabilities: noCapabilities,
    respectsRouting: false,
    // It follows no route, so there is nothing that a file or a value could be missing for.
    movesFiles: true,
    async prepare(_context: RunContext, bundle) {
      turn = agentTurn(bundle);
    },
    execute(request) {
      if (request.action.actionType === "coordination.step" && turn !== undefined) return turn(request);
      return Promise.resolve(bareTransition(request, nativeAdapterId));
    },
    waitSignal: async (_context, spec) => spec,
    checkpoint: async (context) => `${context.runtimeRunId}:native`,
    restore: async () => {},
    cancel: async () => {},
  };
}

/** Success without anything having been done. */
export function bareTransition(request: ActionRequest, adapterId: string, route?: string): ActionResult {
  const { actionId, actionType } = request.action;
  return {
    status: "succeeded",
    outputs: {
      action_id: actionId,
      action_type: actionType,
      adapter_id: adapterId,
      ...(route === undefined ? {} : { route }),
      effect: "none",
    },
    durationMs: 0,
  };
}
