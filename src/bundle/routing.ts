/**
 * Decides how an action is carried out, from configuration alone. Whether it may be carried out is the policy's answer,
 * and carrying it out is an adapter's; a route that is malformed or not allowed never turns into another one.
 *
 * Source: spec bundle §13, spec kernel §10.1; bundle:W-22, bundle:W-23, bundle:W-44.
 */
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import { emptyObject, member, objectAt, textAt } from "./member.ts";
import type { Bundle, GraphNode, HttpRoute, Route, SubprocessRoute } from "./model.ts";
import { type MalformedRoute, readHttp, readSubprocess } from "./route-spec.ts";
import { type RouteKind, routeKindOf } from "./shape/runtime-keys.ts";
import { readStepFiles } from "./shape/step-files.ts";
import { readWait } from "./wait-spec.ts";

/**
 * The route of an action of this type on this node. The same arguments give the same answer, and asking again for the
 * same node costs one look-up: neither nodes nor metadata may be changed afterwards.
 * @param node undefined for an action that belongs to no node; it then has no hints
 * @param metadata of a loaded bundle
 */
export function resolveRoute(actionType: string, node: GraphNode | undefined, metadata: JsonObject): Route {
  const table = tableOf(metadata);
  const key = node ?? noNode;
  let routes = table.routes.get(key);
  if (routes === undefined) {
    routes = new Map();
    table.routes.set(key, routes);
  }
  let route = routes.get(actionType);
  if (route === undefined) {
    route = decideRoute(actionType, node, table, metadata);
    routes.set(actionType, route);
  }
  return route;
}

/**
 * Whether the bundle asks for full layer replacement, by whichever of its three spellings. The choice of the adapter and
 * the default route ask the same question, so they never disagree.
 */
export function fullLayerReplacement(metadata: JsonObject): boolean {
  return (
    textAt(metadata, "layer_replacement_mode")?.toLowerCase() === "full" ||
    member(objectAt(metadata, "workflow_execution_contract"), "full_layer_replacement") === true ||
    textAt(objectAt(metadata, "deployment_provider_contract"), "mutation_mode")?.toLowerCase() === "full"
  );
}

/**
 * What `--adapter auto` takes: the adapter that carries routes out, as soon as the bundle opens one of its lanes.
 * Source: spec bundle §6.1 step 5; bundle:W-44.
 */
export function automaticAdapter(
  bundle: Pick<Bundle, "metadata" | "policyEnvelope">,
): "native" | "local_depth" {
  const lanes = objectAt(bundle.metadata, "runtime_execution");
  const opened =
    member(lanes, "allow_subprocess") === true ||
    member(lanes, "allow_http") === true ||
    member(bundle.policyEnvelope, "runtime_allow_subprocess") === true ||
    member(bundle.policyEnvelope, "runtime_allow_http") === true;
  return opened || fullLayerReplacement(bundle.metadata) ? "local_depth" : "native";
}

/** What routing reads of the metadata, read once. */
interface RoutingTable {
  readonly overrides: JsonObject;
  readonly routeMap: JsonObject;
  /** Undefined when the contract does not narrow. */
  readonly allowed: ReadonlySet<RouteKind> | undefined;
  readonly full: boolean;
  readonly routes: WeakMap<object, Map<string, Route>>;
}

const tables = new WeakMap<JsonObject, RoutingTable>();
const noNode: object = {};

function tableOf(metadata: JsonObject): RoutingTable {
  const known = tables.get(metadata);
  if (known !== undefined) return known;
  const contract = objectAt(metadata, "workflow_execution_contract");
  const table: RoutingTable = {
    overrides: objectAt(contract, "route_overrides"),
    routeMap: objectAt(metadata, "runtime_action_routes"),
    allowed: allowedKinds(member(contract, "allowed_routes")),
    full: fullLayerReplacement(metadata),
    routes: new WeakMap(),
  };
  tables.set(metadata, table);
  return table;
}

/** A list without any valid kind is not taken for a list (such bundles do not load; this keeps the documented table). */
function allowedKinds(value: JsonValue | undefined): ReadonlySet<RouteKind> | undefined {
  if (!isJsonArray(value)) return undefined;
  const kinds = value.map(routeKindOf).filter((kind) => kind !== undefined);
  return kinds.length === 0 ? undefined : new Set(kinds);
}

function decideRoute(
  actionType: string,
  node: GraphNode | undefined,
  table: RoutingTable,
  metadata: JsonObject,
): Route {
  const isWorkflow = actionType.startsWith("workflow.");
  const hints = hintsOf(node);
  const asked =
    (isWorkflow ? routeKindOf(member(table.overrides, actionType)) : undefined) ??
    routeKindOf(member(table.routeMap, actionType)) ??
    hintedKind(hints);
  if (typeof asked === "object") return asked;
  const kind = asked ?? (isWorkflow && table.full ? "subprocess" : "delegate_adapter");
  // The delegate is where an action goes that asks for nothing; it is on the list unless it was asked for.
  const exempt = kind === "delegate_adapter" && asked === undefined;
  if (isWorkflow && !exempt && table.allowed?.has(kind) === false) {
    const listed = [...table.allowed].join(", ");
    return {
      kind: "refused",
      wanted: kind,
      why: `workflow_execution_contract.allowed_routes has only ${listed}`,
    };
  }
  switch (kind) {
    case "subprocess":
      return handedOver(readSubprocess(routeSpec(hints, kind, metadata)), actionType, hints);
    case "http":
      return handedOver(readHttp(routeSpec(hints, kind, metadata)), actionType, hints);
    case "wait":
      return readWait(member(hints, "wait"));
    case "noop":
    case "delegate_adapter":
      return { kind };
  }
}

/** What the node says over what its contract says, key by key; the whole value of a key is replaced. */
export function hintsOf(node: GraphNode | undefined): JsonObject {
  if (node === undefined) return emptyObject;
  return {
    ...objectAt(node.contract?.acceptance ?? emptyObject, "runtime_execution"),
    ...objectAt(node.properties, "runtime_execution"),
  };
}

/** What a route of this kind is read from. */
export function routeSpec(
  hints: JsonObject,
  kind: "subprocess" | "http",
  metadata: JsonObject,
): JsonValue | undefined {
  const own = member(hints, kind);
  if (kind === "http" || own !== undefined) return own;
  return member(objectAt(metadata, "workflow_execution_contract"), "default_subprocess");
}

/** The route with what the step is handed and hands on. Others than steps have nobody before them. */
function handedOver<R extends SubprocessRoute | HttpRoute>(
  route: R | MalformedRoute,
  actionType: string,
  hints: JsonObject,
): Route {
  const written = member(hints, "files");
  const placeholders = member(hints, "placeholders") === true;
  if (route.kind === "malformed" || (written === undefined && !placeholders)) return route;
  const malformed = (why: string): Route => ({ kind: "malformed", wanted: route.kind, why });
  if (actionType !== "coordination.step") return malformed("only a step has files and placeholders");
  const files = written === undefined ? undefined : readStepFiles(written);
  if (typeof files === "string") return malformed(files);
  if (route.kind === "http") {
    if (files !== undefined) return malformed("only a process takes and leaves files");
    const body = member(objectAt(hints, "http"), "body");
    const isText = body === undefined || body === null || typeof body === "string";
    return { ...route, placeholders: true, ...(isText ? {} : { bodyValue: body }) };
  }
  return {
    ...route,
    ...(files === undefined ? {} : { files }),
    ...(placeholders ? { placeholders: true as const } : {}),
  };
}

/** A route that is written down but is none (a typing error, a number) is refused: it must not become the default. */
function hintedKind(hints: JsonObject): RouteKind | Route | undefined {
  const written = member(hints, "route");
  if (written === undefined || written === null || written === "") return undefined;
  const wanted =
    typeof written === "string" ? written : isJsonObject(written) ? "an object" : String(written);
  return (
    routeKindOf(written) ?? { kind: "refused", wanted, why: "runtime_execution.route names no kind of route" }
  );
}
