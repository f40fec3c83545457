/**
 * Stands before an adapter in `simulate` mode: says what would have been done and does nothing.
 *
 * Source: architecture "How a run flows" 6; bundle:W-13, kernel:W-11.
 */
import type { ActionRequest, ActionResult, Adapter } from "./contract.ts";
import type { AgentTurn } from "./native.ts";

/** @param turn the deterministic agent turn, which touches nothing; steps keep their documented outputs. */
export function createSimulateAdapter(adapter: Adapter, turn: AgentTurn): Adapter {
  return {
    id: adapter.id,
    capabilities: adapter.capabilities,
    respectsRouting: adapter.respectsRouting,
    async execute(request) {
      const isTurn =
        request.action.actionType === "coordination.step" && request.route.kind === "delegate_adapter";
      return isTurn ? simulated(await turn(request)) : simulated(untouched(request, adapter.id));
    },
  };
}

function untouched(request: ActionRequest, adapterId: string): ActionResult {
  const { actionId, actionType } = request.action;
  return {
    status: "succeeded",
    outputs: {
      action_id: actionId,
      action_type: actionType,
      adapter_id: adapterId,
      route: request.route.kind,
    },
    durationMs: 0,
  };
}

function simulated(result: ActionResult): ActionResult {
  return { ...result, outputs: { ...result.outputs, simulated: true, effect: "none" } };
}
