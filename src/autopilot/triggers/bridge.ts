/**
 * The living bridge: which events of a run are signals that something is wrong, how bad, and with what. One model for what wakes the
 * autopilot and for what its hook is told. Pure; it reads no event that is not handed in.
 *
 * Source: spec cli §15.2 (rows, in their order), §15.3 (impact predicate); cli:W-56.
 */
import { member, objectAt, textAt } from "../../bundle/member.ts";
import type { JsonObject } from "../../json/value.ts";
import { eventTypes } from "../../kernel/wire.ts";
import { reconcileEvents } from "../../reconciler/model.ts";

export type ImpactClass = "service" | "agent" | "workflow";

export interface BridgedEvent {
  readonly type: string;
  readonly payload: JsonObject;
}

export interface Signal {
  readonly impactClass: ImpactClass;
  readonly severity: "med" | "high";
  /** A stable word for programs: `<type>:<what>`. */
  readonly reason: string;
  /** The resource or the action that it is about, where it is about one. */
  readonly subject?: string;
  /** What the event says about it, for people; not redacted. */
  readonly message?: string;
}

/** Types that tell how a resource or a run stands: the last one counts, the ones before it are history. */
export const standingTypes: ReadonlySet<string> = new Set([
  reconcileEvents.resourceStatus,
  reconcileEvents.finished,
  eventTypes.validityAttested,
]);

/** Undefined for what is in order. */
export function signalOf(event: BridgedEvent): Signal | undefined {
  const found = documentedRow(event) ?? runtimeRow(event) ?? impact(event);
  if (found === undefined) return undefined;
  const { type, payload } = event;
  const subject = subjectOf(payload);
  const message = textAt(payload, "error") ?? textAt(payload, "message") ?? textAt(payload, "last_error");
  return {
    impactClass: found.impactClass,
    severity: found.severity ?? severityOf(type, payload),
    reason: `${type}${found.what === undefined ? "" : `:${found.what}`}`,
    ...(subject === undefined ? {} : { subject }),
    ...(message === undefined ? {} : { message }),
  };
}

const telling: ReadonlySet<string> = new Set([
  eventTypes.validityAttested,
  eventTypes.loopFinished,
  eventTypes.deadLettered,
  eventTypes.fallback,
]);

/**
 * Cheap, and never false for what is a signal: most events are the kernel's own, and some of them are large.
 * @param payload JSON text
 */
export function mayMatter({ type, payload }: { readonly type: string; readonly payload: string }): boolean {
  return (
    telling.has(type) ||
    type.includes("reconcile") ||
    type.endsWith(".failed") ||
    type.includes(".failure") ||
    /"(?:health_status|status)"\s*:\s*"\s*(?:degraded|failed|cancelled)/i.test(payload)
  );
}

interface Found {
  readonly impactClass: ImpactClass;
  readonly what?: string;
  readonly severity?: Signal["severity"];
}

/** Spec cli §15.2. */
function documentedRow({ type, payload }: BridgedEvent): Found | undefined {
  switch (type) {
    case eventTypes.validityAttested:
      return member(payload, "passed") === false
        ? { impactClass: "workflow", what: "passed=false", severity: "high" }
        : undefined;
    case eventTypes.loopFinished:
      return textAt(payload, "terminal_status") === "max_iterations_exceeded"
        ? { impactClass: "workflow", what: "max_iterations_exceeded" }
        : undefined;
    case eventTypes.completed:
      return completedRow(payload);
    case eventTypes.deadLettered:
    case eventTypes.fallback:
    case "runtime.action.failed":
    case "runtime.reconcile.failed":
      return { impactClass: "workflow" };
    case reconcileEvents.resourceStatus:
      return !isSimulated(payload) &&
        member(payload, "converged") === false &&
        member(payload, "hash_matched") === true
        ? { impactClass: "service", what: "hash_matched_not_converged" }
        : undefined;
    default:
      return undefined;
  }
}

function completedRow(payload: JsonObject): Found | undefined {
  const result = objectAt(payload, "result");
  const status = textAt(result, "status");
  if (status === "failed" || status === "cancelled") return { impactClass: "workflow", what: status };
  const health = healthOf(objectAt(result, "outputs"));
  return health === undefined
    ? undefined
    : { impactClass: "service", what: `adapter_health_status:${health}` };
}

/** What this runtime says by types of its own. */
function runtimeRow({ type, payload }: BridgedEvent): Found | undefined {
  switch (type) {
    case reconcileEvents.rolledBack:
      return {
        impactClass: "service",
        what: textAt(payload, "rollback_outcome") ?? "rolled_back",
        severity: "high",
      };
    default:
      return undefined;
  }
}

/** Spec cli §15.3, for events of any type. */
function impact({ type, payload }: BridgedEvent): Found | undefined {
  // Of what is tried again the end of the pass says what came of it.
  if (isSimulated(payload) || (type.includes("reconcile") && member(payload, "retryable") === true))
    return undefined;
  const impactClass = classOf(type, payload);
  const health = healthOf(payload);
  if (health !== undefined) return { impactClass, what: `health_status=${health}` };
  if (type.endsWith(".failed") || type.includes(".failure")) return { impactClass };
  if (!type.includes("reconcile")) return undefined;
  if (member(payload, "converged") === false) return { impactClass, what: "converged=false" };
  if (member(payload, "rollback_triggered") === true) return { impactClass, what: "rollback_triggered" };
  return faultKeys.some((key) => isFault(textAt(payload, key))) ? { impactClass, what: "error" } : undefined;
}

const faultKeys = ["error", "reason", "last_error"] as const;

/** Somebody looked, and nothing was to be changed. */
const simulated: ReadonlySet<string> = new Set(["simulate", "simulation", "dry-run", "dry_run"]);

function isFault(text: string | undefined): boolean {
  return text !== undefined && !simulated.has(text.toLowerCase());
}

function isSimulated(payload: JsonObject): boolean {
  return ["mode", "policy_mode"].some((key) => simulated.has(textAt(payload, key)?.toLowerCase() ?? ""));
}

function healthOf(object: JsonObject): "degraded" | "failed" | undefined {
  const health = textAt(object, "health_status")?.toLowerCase();
  return health === "degraded" || health === "failed" ? health : undefined;
}

function classOf(type: string, payload: JsonObject): ImpactClass {
  const node = objectAt(objectAt(payload, "action"), "node_ref");
  const hint = [textAt(payload, "impact_class"), textAt(payload, "resource_class"), textAt(node, "kind")]
    .join(" ")
    .toLowerCase();
  if (hint.includes("service") || type.includes("reconcile")) return "service";
  return hint.includes("agent") ? "agent" : "workflow";
}

/** High where the type or the health says failed or rollback. */
function severityOf(type: string, payload: JsonObject): Signal["severity"] {
  const result = objectAt(payload, "result");
  const words = [type, healthOf(payload), healthOf(objectAt(result, "outputs")), textAt(result, "status")];
  const isHigh = words.some((word) => word !== undefined && /failed|roll(?:ed_)?back/.test(word));
  return isHigh || member(payload, "rollback_triggered") === true ? "high" : "med";
}

function subjectOf(payload: JsonObject): string | undefined {
  return (
    textAt(payload, "resource_id") ??
    textAt(payload, "action_id") ??
    textAt(objectAt(payload, "action"), "action_id") ??
    textAt(payload, "primary_adapter_id")
  );
}
