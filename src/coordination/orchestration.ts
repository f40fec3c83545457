/**
 * Reads the orchestration file, which gives coordination steps their role and the IR node that they run.
 * It never looks for the file and never checks its hash; bundle loading does both.
 *
 * Source: spec kernel §12.1 step 5, §12.2, §12.3.
 */
import { AkcError, type Issue } from "../errors.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import { invalid } from "./fault.ts";
import { textOf } from "./graph/edge-kinds.ts";
import type { CoordinationSpec, Orchestration, OrchestrationStep } from "./model.ts";
import { pointer } from "./text/pointer.ts";
import { pythonRepr, strippedText } from "./text/python.ts";

/**
 * @throws AkcError COORDINATION_INVALID when the file is no object, or when two of its steps share an id and disagree:
 * which of them runs must not depend on which a reader happens to take.
 */
export function parseOrchestration(value: JsonValue): Orchestration {
  if (!isJsonObject(value)) {
    throw invalid("CoordinationParseError", "orchestration file must decode to a JSON object");
  }
  const steps = new Map<string, OrchestrationStep>();
  const issues: Issue[] = [];
  const items = value["steps"];
  for (const [index, item] of (isJsonArray(items) ? items : []).entries()) {
    const step = isJsonObject(item) ? parseStep(item) : undefined;
    if (step === undefined) continue;
    const first = steps.get(step.stepId);
    if (first === undefined) steps.set(step.stepId, step);
    else if (first.role !== step.role || first.irNodeId !== step.irNodeId) {
      const message = `step_id ${pythonRepr(step.stepId)} is given twice, with another role or node`;
      issues.push({ path: pointer("steps", index, "step_id"), message });
    }
  }
  if (issues.length > 0) {
    throw new AkcError("COORDINATION_INVALID", {
      message: "the orchestration file contradicts itself",
      hint: "Keep one of the steps that share a step_id.",
      details: { errorClass: "CoordinationParseError" },
      issues,
    });
  }
  return { steps };
}

/** Binding steps and edge endpoints that the orchestration does not know, in the documented texts. */
export function checkReferences(spec: CoordinationSpec, { steps }: Orchestration): Issue[] {
  const issues: Issue[] = [];
  for (const [b, { stepIds }] of spec.bindings.entries()) {
    for (const [s, stepId] of stepIds.entries()) {
      if (steps.has(stepId)) continue;
      const where = `orchestration_bindings[${b}].orchestration_step_ids[${s}]`;
      const path = pointer("orchestration_bindings", b, "orchestration_step_ids", s);
      issues.push(unknownStep(stepId, where, path));
    }
  }
  for (const [e, { src, dst }] of spec.edges.entries()) {
    const ends = { src_step_id: src, dst_step_id: dst };
    for (const [end, stepId] of Object.entries(ends)) {
      if (steps.has(stepId)) continue;
      const path = pointer("coordination_graph", "edges", e, end);
      issues.push(unknownStep(stepId, `coordination_graph.edges[${e}].${end}`, path));
    }
  }
  return issues;
}

function unknownStep(stepId: string, where: string, path: string): Issue {
  return { path, message: `coordination.${where} references unknown step_id ${pythonRepr(stepId)}` };
}

function parseStep(item: JsonObject): OrchestrationStep | undefined {
  const stepId = item["step_id"] === null ? "" : strippedText(item["step_id"]);
  if (stepId === "") return undefined;
  const inputs = isJsonObject(item["inputs"]) ? item["inputs"] : {};
  const role = textOf(item["role"]) ?? textOf(item["role_name"]);
  const irNodeId = textOf(inputs["ir_node_id"]) ?? textOf(item["ir_node_id"]);
  return {
    stepId,
    inputs,
    ...(role === undefined ? {} : { role }),
    ...(irNodeId === undefined ? {} : { irNodeId }),
  };
}
