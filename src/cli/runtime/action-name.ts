/**
 * What an action is called where people look: a step by its own id, what an event made by its node's. The ids that
 * evidence and programs use stay as they are.
 *
 * Source: spec kernel §9.5, §12.4 (the two forms of an action's id).
 */

export interface NamedAction {
  readonly actionId: string;
  readonly nodeId: string;
  /** Known where a whole action or a row is at hand. */
  readonly stepId?: string | null | undefined;
}

/** @param runtimeRunId tells an event's action from a step's: its id holds that of an event of the run */
export function actionName({ actionId, nodeId, stepId }: NamedAction, runtimeRunId: string): string {
  if (stepId !== undefined && stepId !== null && stepId !== "") return stepId;
  if (nodeId !== "" && actionId.startsWith(`${nodeId}:${runtimeRunId}:`)) return nodeId;
  const [, step] = /^coordination:(.+):\d+$/s.exec(actionId) ?? [];
  return step ?? (nodeId === "" ? actionId : nodeId);
}
