/**
 * Triggers from outside: `POST /v1/trigger`, signed. What is asked for is stored and answered at once; nothing is compiled in the
 * request, and nothing is taken twice. The server that hears it is elsewhere.
 *
 * Source: spec cli §15.5; cli:W-60.
 */
import { realpath } from "node:fs/promises";
import { AkcError } from "../../errors.ts";
import { sha256Hex } from "../../json/fingerprint.ts";
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { Clock } from "../../system/clock.ts";
import type { Ids } from "../../system/ids.ts";
import { within } from "../../system/sandbox.ts";
import type { WebhookConfig } from "../config/model.ts";
import type { AutopilotStore } from "../contract.ts";
import { type ScopeId, scopeName, type Trigger } from "../model.ts";
import { makeTrigger } from "./trigger.ts";
import { type Delivery, type DeliveryItem, readDelivery } from "./webhook-delivery.ts";
import { type Sender, senderOf } from "./webhook-signature.ts";

export interface DeliveryRequest {
  readonly headers: Pick<Headers, "get">;
  /** Raw, at most `limits.webhookBodyBytesMax` and one byte more where there was more. */
  readonly body: Uint8Array;
}

export interface DeliveryDeps {
  readonly config: Pick<WebhookConfig, "tenants" | "outputsRoots" | "toleranceMs" | "allowUnstamped">;
  /** Content of the configured file, without white space around it; never empty. */
  readonly secret: Uint8Array;
  /** Whose store it is; absolute. */
  readonly outputsRoot: string;
  readonly store: Pick<AutopilotStore, "say" | "state">;
  /** Whether the controllers look after it. */
  watched(scope: ScopeId): boolean | Promise<boolean>;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Called for each scope that got a trigger. */
  queued?(scope: ScopeId, trigger: Trigger): void;
}

export interface DeliveryAnswer {
  readonly status: 200 | 202 | 400 | 401 | 413 | 503;
  /** JSON. */
  readonly body: JsonObject;
}

/** Body of `GET /health` (200). */
export const webhookHealth: JsonObject = { ok: true, schema: "akc.living.webhook_health.v1" };

const resultSchema = "akc.living.webhook_result.v1";

/**
 * 202 when anything was queued, 200 when there was nothing to queue, 400, 401 and 413 as documented, 503 when something could not be
 * stored: sent again, it is taken. Never throws for what is delivered.
 */
export async function acceptDelivery(request: DeliveryRequest, deps: DeliveryDeps): Promise<DeliveryAnswer> {
  const { headers, body } = request;
  if (body.length > limits.webhookBodyBytesMax) {
    return { status: 413, body: { error: "payload_too_large", limit_bytes: limits.webhookBodyBytesMax } };
  }
  const nowMs = deps.clock.nowMs();
  const sender = senderOf(
    { signature: headers.get("x-akc-signature"), timestamp: headers.get("x-akc-timestamp"), body },
    deps.secret,
  );
  const refused = refusedSender(sender, deps, nowMs);
  if (refused !== undefined) return { status: 401, body: { error: refused } };
  const read = readDelivery(body);
  if (read.kind === "malformed") return { status: 400, body: read.answer };
  const { delivery } = read;
  if (sender.kind === "unstamped" && nowMs - (delivery.generatedAtMs ?? nowMs) > limits.webhookUnstampedMs) {
    return { status: 401, body: { error: "timestamp_out_of_tolerance" } };
  }
  return queue(delivery, nonceOf(delivery, sender, body, deps, nowMs), deps, nowMs);
}

function refusedSender(sender: Sender, { config }: DeliveryDeps, nowMs: number): string | undefined {
  switch (sender.kind) {
    case "unknown":
      return "invalid_signature";
    case "unstamped":
      return config.allowUnstamped ? undefined : "timestamp_required";
    case "stamped":
      return Math.abs(nowMs - sender.sentAtMs) > config.toleranceMs
        ? "timestamp_out_of_tolerance"
        : undefined;
  }
}

interface DeliveryNonce {
  readonly value: string;
  readonly keepUntilMs: number;
}

/**
 * What two deliveries have in common that are one. A replay is the same to the byte; a sender that tries again signs anew, but names
 * the same id and the same moment. An id alone counts only from senders that stamp: the old ones name the subscription by it.
 */
function nonceOf(
  { webhookId, generatedAtMs }: Delivery,
  sender: Sender,
  body: Uint8Array,
  { config }: DeliveryDeps,
  nowMs: number,
): DeliveryNonce {
  const keptMs = config.allowUnstamped
    ? limits.webhookUnstampedMs
    : 2 * config.toleranceMs + limits.webhookNonceMarginMs;
  const keepUntilMs = nowMs + keptMs;
  if (webhookId !== undefined && (generatedAtMs !== undefined || sender.kind === "stamped")) {
    return { value: `id:${sha256Hex(JSON.stringify([webhookId, generatedAtMs]))}`, keepUntilMs };
  }
  // Without an id every delivery is its own, as long as its time tells it from a replay.
  const moment = sender.kind === "stamped" && !config.allowUnstamped ? sender.sentAtMs : "";
  return { value: `bytes:${moment}:${sha256Hex(body)}`, keepUntilMs };
}

async function queue(
  delivery: Delivery,
  nonce: DeliveryNonce,
  deps: DeliveryDeps,
  nowMs: number,
): Promise<DeliveryAnswer> {
  const eligible = await eligibleItems(delivery.items, deps);
  if (eligible.length === 0) {
    return { status: 200, body: { schema: resultSchema, processed: [], message: "no_eligible_items" } };
  }
  const processed: JsonObject[] = [];
  let queued = false;
  let failed = false;
  for (const item of eligible) {
    const became = await queueItem(item, delivery, nonce, deps, nowMs);
    queued ||= became["status"] === "queued";
    failed ||= became["status"] === "failed";
    const { tenantId, repoId, outputsRoot } = item;
    processed.push({ tenant_id: tenantId, repo_id: repoId, outputs_root: outputsRoot, ...became });
  }
  return {
    status: failed ? 503 : queued ? 202 : 200,
    body: { schema: resultSchema, event: delivery.event, processed, any_failure: failed },
  };
}

/** As documented, roots outside of the list are dropped without a word: whoever signs may not look around. */
async function eligibleItems(
  items: readonly DeliveryItem[],
  { config }: DeliveryDeps,
): Promise<readonly (DeliveryItem & { readonly realRoot: string })[]> {
  const allowed = await Promise.all(config.outputsRoots.map(realOrItself));
  const resolved = await Promise.all(
    items.map(async (item) => ({ ...item, realRoot: await realOrItself(item.outputsRoot) })),
  );
  return resolved.filter(({ realRoot }) => allowed.some((root) => within(realRoot, root)));
}

function realOrItself(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

async function queueItem(
  item: DeliveryItem & { readonly realRoot: string },
  { event, webhookId }: Delivery,
  nonce: DeliveryNonce,
  deps: DeliveryDeps,
  nowMs: number,
): Promise<JsonObject> {
  const { tenantId, repoId, more } = item;
  const { config, store, ids } = deps;
  const scope = { tenantId, repoId };
  if (config.tenants !== "*" && !config.tenants.includes(tenantId)) return skipped("tenant_not_allowlisted");
  if (item.realRoot !== (await realOrItself(deps.outputsRoot))) return skipped("outputs_root_not_watched");
  if (!(await deps.watched(scope))) return skipped("scope_not_watched");
  const trigger = makeTrigger(
    {
      id: ids.runtimeRunId(),
      kind: "webhook",
      severity: severityOf(more),
      key: `webhook:${nonce.value}`,
      reason: `webhook ${event}${webhookId === undefined ? "" : ` ${webhookId}`}`,
      atMs: nowMs,
      details: { event, ...(webhookId === undefined ? {} : { webhook_id: webhookId }), item: more },
    },
    [new TextDecoder().decode(deps.secret)],
  );
  const once = { value: `${nonce.value}:${scopeName(scope)}`, keepUntilMs: nonce.keepUntilMs };
  try {
    const entry = await store.say(scope, { type: "triggered", trigger }, "webhook", nowMs, once);
    if (entry === undefined) {
      // Not said for want of room is not said before: who sends it again later is heard.
      const { openTriggers } = await store.state(scope);
      const isFull = openTriggers.length >= limits.autopilotTriggersOpenMax;
      const isOpen = openTriggers.some(({ key }) => key === trigger.key);
      return isFull && !isOpen
        ? { status: "failed", reason: "AUTOPILOT_TRIGGERS_FULL" }
        : { status: "duplicate", reason: "seen_before" };
    }
  } catch (cause) {
    return { status: "failed", reason: cause instanceof AkcError ? cause.code : "INTERNAL" };
  }
  deps.queued?.(scope, trigger);
  return { status: "queued", trigger_id: trigger.id };
}

function severityOf({ severity }: JsonObject): Trigger["severity"] {
  return severity === "low" || severity === "high" ? severity : "med";
}

function skipped(reason: string): JsonObject {
  return { status: "skipped", skipped: true, reason };
}
