/**
 * What a delivery asks for: its documented payload, read once, with the documented words for what is wrong with it. Pure.
 *
 * Source: spec cli §15.5.
 */
import { isAbsolute } from "node:path";
import { isIdentifier } from "../../bundle/identifier.ts";
import { member, textAt } from "../../bundle/member.ts";
import { parseJson } from "../../json/read.ts";
import { asDouble, isJsonArray, isJsonObject, type JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";

const deliverySchema = "akc.fleet.webhook_delivery.v1";
const deliveryEvents = ["recompile_triggers", "living_drift"] as const;
export type DeliveryEvent = (typeof deliveryEvents)[number];

export interface DeliveryItem {
  readonly tenantId: string;
  readonly repoId: string;
  readonly outputsRoot: string;
  /** All members of the item but these. */
  readonly more: JsonObject;
}

export interface Delivery {
  /** Undefined where the sender named none. */
  readonly webhookId: string | undefined;
  readonly event: DeliveryEvent;
  readonly generatedAtMs: number | undefined;
  /** Once each, in their order; what names no scope is left out. */
  readonly items: readonly DeliveryItem[];
}

export type ReadDelivery =
  | { readonly kind: "read"; readonly delivery: Delivery }
  /** Body of the answer. */
  | { readonly kind: "malformed"; readonly answer: JsonObject };

export function readDelivery(body: Uint8Array): ReadDelivery {
  let payload: ReturnType<typeof parseJson>;
  try {
    payload = parseJson(body, { textBytesMax: limits.webhookBodyBytesMax, depthMax });
  } catch {
    return malformed("invalid_json");
  }
  if (!isJsonObject(payload)) return malformed("payload_not_object");
  if (member(payload, "schema") !== deliverySchema) {
    return malformed("invalid_schema", { expected: deliverySchema });
  }
  const asked = member(payload, "event");
  const event = deliveryEvents.find((known) => known === asked);
  if (event === undefined) {
    const shown = typeof asked === "string" ? asked.slice(0, shownChars).toWellFormed() : null;
    return malformed("unsupported_event", { event: shown, supported: [...deliveryEvents] });
  }
  const items = member(payload, "items");
  if (!isJsonArray(items)) return malformed("items_must_be_array");
  if (items.length > limits.webhookItemsMax) {
    return malformed("too_many_items", { limit: limits.webhookItemsMax });
  }
  const webhookId = textAt(payload, "webhook_id");
  const generatedAtMs = asDouble(member(payload, "generated_at_ms"));
  return {
    kind: "read",
    delivery: {
      webhookId,
      event,
      generatedAtMs,
      items: distinct(items.filter(isJsonObject).flatMap(itemOf)),
    },
  };
}

/** A webhook has no reason to nest. */
const depthMax = 32;
const shownChars = 100;

function malformed(error: string, more: JsonObject = {}): ReadDelivery {
  return { kind: "malformed", answer: { error, ...more } };
}

/** As documented: a root is absolute, without `~`. */
function itemOf(item: JsonObject): readonly DeliveryItem[] {
  const tenantId = textAt(item, "tenant_id");
  const repoId = textAt(item, "repo_id");
  const outputsRoot = textAt(item, "outputs_root");
  if (tenantId === undefined || repoId === undefined || outputsRoot === undefined) return [];
  if (!isIdentifier(tenantId) || !isIdentifier(repoId)) return [];
  if (!isAbsolute(outputsRoot) || outputsRoot.includes("~") || outputsRoot.includes("\0")) return [];
  const { tenant_id: _t, repo_id: _r, outputs_root: _o, ...more } = item;
  return [{ tenantId, repoId, outputsRoot, more }];
}

function distinct(items: readonly DeliveryItem[]): readonly DeliveryItem[] {
  const seen = new Set<string>();
  return items.filter(({ tenantId, repoId, outputsRoot }) => {
    const key = [tenantId, repoId, outputsRoot].join("\0");
    return !seen.has(key) && seen.add(key) !== undefined;
  });
}
