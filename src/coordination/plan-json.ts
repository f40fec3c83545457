/**
 * A plan as JSON: what `akc runtime coordination-plan` prints, to the byte, and the rows whose fingerprint runs carry.
 * It only shows a plan; a document without coordination is the command's to print.
 *
 * Source: spec kernel §11.4 step 5, §11.6, §11.7, §12.6.
 */
import { prettyJson } from "../json/canonical.ts";
import type { JsonObject } from "../json/value.ts";
import type { CoordinationPlan, PrecedenceEdge } from "./model.ts";

/**
 * Sorted keys, indent 2, ASCII only, one newline at the end.
 * @param specSha256 fingerprint of the coordination spec, 64 hex digits.
 */
export function planJson(plan: CoordinationPlan, specSha256: string): string {
  const { layers, precedence, stepOrder } = plan;
  const document: JsonObject = {
    coordination_spec_sha256: specSha256,
    layers: layers.map((stepIds, index) => ({ layer_index: index, step_ids: stepIds })),
    step_order: stepOrder,
    // The two that existing tools leave out when they are empty.
    ...(layers.length === 0 ? {} : { layer_reason: layers.map((_layer, index) => `kahn_layer:${index}`) }),
    ...(precedence.length === 0 ? {} : { lowered_precedence_edges: precedenceRows(precedence) }),
  };
  return `${prettyJson(document)}\n`;
}

/** The arcs of a plan with their provenance, in the plan's order. */
export function precedenceRows(precedence: readonly PrecedenceEdge[]): readonly JsonObject[] {
  return precedence.map(({ src, dst, edgeIds, kinds }) => ({
    dst_step_id: dst,
    lowered_from_edge_ids: edgeIds,
    original_kinds: kinds,
    src_step_id: src,
  }));
}
