/** The policy's answers in a picture: the newest, and of every refusal the rule on the step that it hit. */
import { member } from "../../bundle/member.ts";
import { AkcError } from "../../errors.ts";
import { RowReader } from "../../evidence/text/row-reader.ts";
import { isJsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { DecisionRow, RunReader } from "../../store/contract.ts";
import type { PicturedDecision } from "../model.ts";
import { shownText } from "./shown-text.ts";
import type { StepsFold } from "./steps.ts";

export async function readDecisions(
  reader: Pick<RunReader, "decisions">,
  lastSeq: number,
  steps: Pick<StepsFold, "numbers" | "denied">,
): Promise<{ readonly decisions: readonly PicturedDecision[]; readonly decisionCount: number }> {
  const contexts = new RowReader();
  const numbers = steps.numbers();
  let kept: DecisionRow[] = [];
  let decisionCount = 0;
  for (let after = 0; ; ) {
    const page = await reader.decisions(after, limits.replayPageRows);
    for (const row of page) {
      after = row.row;
      if (row.seq > lastSeq) continue;
      decisionCount += 1;
      kept.push(row);
      if (row.allowed) continue;
      const actionId = actionOf(row, contexts);
      if (actionId !== undefined) steps.denied(actionId, row.rule);
    }
    if (page.length === 0) break;
    if (kept.length > 2 * limits.picturedDecisionsMax) kept = kept.slice(-limits.picturedDecisionsMax);
  }
  const decisions = kept.slice(-limits.picturedDecisionsMax).map((row) => {
    const step = numbers.get(actionOf(row, contexts) ?? "");
    return {
      seq: row.seq,
      atMs: row.atMs,
      action: row.action,
      allowed: row.allowed,
      reason: shownText(row.reason) ?? "",
      rule: row.rule,
      ...(step === undefined ? {} : { step }),
    };
  });
  return { decisions, decisionCount };
}

function actionOf({ context }: DecisionRow, contexts: RowReader): string | undefined {
  try {
    const about = contexts.read(context);
    const actionId = isJsonObject(about) ? member(about, "action_id") : undefined;
    return typeof actionId === "string" ? actionId : undefined;
  } catch (cause) {
    if (cause instanceof AkcError) return undefined;
    throw cause;
  }
}
