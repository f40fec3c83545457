/**
 * Writes a plan as `akc runtime coordination-plan` prints it, to the byte: sorted keys, indent 2, ASCII only, one newline.
 * It writes text directly, because a plan of 200 000 edges would else be built twice.
 *
 * Source: spec kernel §11.6, §11.7.
 */
import type { CoordinationPlan, PrecedenceEdge } from "./model.ts";
import { quotedForPeople } from "./text/quote.ts";

/** @param specSha256 fingerprint of the coordination spec, 64 hex digits. */
export function planJson(plan: CoordinationPlan, specSha256: string): string {
  const members = [`"coordination_spec_sha256": ${quotedForPeople(specSha256)}`];
  if (plan.layers.length > 0) {
    const reasons = plan.layers.map((_layer, index) => `"kahn_layer:${index}"`);
    members.push(`"layer_reason": ${list(reasons, "  ")}`);
  }
  members.push(`"layers": ${list(plan.layers.map(layerJson), "  ")}`);
  if (plan.precedence.length > 0) {
    members.push(`"lowered_precedence_edges": ${list(plan.precedence.map(arcJson), "  ")}`);
  }
  members.push(`"step_order": ${list(plan.stepOrder.map(quotedForPeople), "  ")}`);
  return `{\n  ${members.join(",\n  ")}\n}\n`;
}

function layerJson(stepIds: readonly string[], index: number): string {
  const ids = list(stepIds.map(quotedForPeople), "      ");
  return `{\n      "layer_index": ${index},\n      "step_ids": ${ids}\n    }`;
}

function arcJson({ src, dst, edgeIds, kinds }: PrecedenceEdge): string {
  return (
    `{\n      "dst_step_id": ${quotedForPeople(dst)},` +
    `\n      "lowered_from_edge_ids": ${list(edgeIds.map(quotedForPeople), "      ")},` +
    `\n      "original_kinds": ${list(kinds.map(quotedForPeople), "      ")},` +
    `\n      "src_step_id": ${quotedForPeople(src)}\n    }`
  );
}

/** Items of a list that stands at `indent`; each item is JSON text already. */
function list(items: readonly string[], indent: string): string {
  if (items.length === 0) return "[]";
  return `[\n${indent}  ${items.join(`,\n${indent}  `)}\n${indent}]`;
}
