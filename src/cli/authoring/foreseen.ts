/**
 * What a run would do and what of it would be denied here, worked out without a run: the policy is asked, the host is looked at
 * for programs, and nothing is started or written.
 */
import { join } from "node:path";
import { admit } from "../../adapters/local-depth/admission.ts";
import type { ActedOn } from "../../authoring/explain/step.ts";
import { nameOf } from "../../authoring/explain/step.ts";
import type { GraphNode } from "../../bundle/model.ts";
import { resolveRoute } from "../../bundle/routing.ts";
import { AkcError, type ErrorCode } from "../../errors.ts";
import { type BundleInspection, inspectBundle } from "../../policy/inspect.ts";
import type { Prepared } from "../../run/prepare.ts";
import { type ExecutablePlace, findExecutable } from "../../system/executable.ts";
import { strongestContainment } from "../../system/sandbox.ts";
import { type Refusal, refusalOf } from "./refusal.ts";

export interface ForeseenAction {
  readonly id: string;
  readonly action: ActedOn;
  /** Absent when it would be let. */
  readonly refusal?: Refusal;
  /** Steps before it that would be refused, or not be reached themselves. */
  readonly behind: readonly string[];
}

export interface ForeseenServices {
  readonly provider: string;
  readonly items: readonly { readonly id: string; readonly needs: readonly string[] }[];
  readonly refusal?: Refusal;
}

export interface Foreseen {
  readonly inspection: BundleInspection;
  readonly actions: readonly ForeseenAction[];
  /** Absent when nothing has to stand. */
  readonly services?: ForeseenServices;
  readonly denied: number;
  readonly unreached: number;
}

export interface Foreseeing {
  /** Where the run would be kept. */
  readonly outputsRoot: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly nowMs: number;
}

export async function foresee(prepared: Prepared, host: Foreseeing): Promise<Foreseen> {
  const { bundle, policy } = prepared;
  const inspection = inspectBundle(bundle, policy);
  const refusals = new Map<string, Refusal>();
  const acted: readonly ActedOn[] = [...inspection.steps, ...inspection.nodes];
  const nodes = new Map(bundle.nodes.map((node) => [node.nodeId, node]));
  const find = foundOnce();
  for (const action of acted) {
    const refusal = refusalOf(
      prepared,
      action,
      hostRefusal(prepared, action, nodes.get(action.nodeId), find),
    );
    if (refusal !== undefined) refusals.set(nameOf(action), refusal);
  }
  const stuck = new Set(refusals.keys());
  // Steps come layer by layer, so what stands before one has been settled when it is looked at.
  const actions = acted.map((action): ForeseenAction => {
    const behind = action.after.filter((id) => stuck.has(id));
    const id = nameOf(action);
    if (behind.length > 0) stuck.add(id);
    const refusal = refusals.get(id);
    return { id, action, behind, ...(refusal === undefined ? {} : { refusal }) };
  });
  const services = await servicesOf(prepared, host);
  return {
    inspection,
    actions,
    ...(services === undefined ? {} : { services }),
    denied: refusals.size + (services?.refusal === undefined ? 0 : 1),
    unreached: actions.filter(({ behind, refusal }) => behind.length > 0 && refusal === undefined).length,
  };
}

/** What only the host can say: whether the program is there, is the one that is allowed, and can be contained as wanted. */
function hostRefusal(
  { bundle, policy }: Prepared,
  action: ActedOn,
  node: GraphNode | undefined,
  find: (argv0: string) => ExecutablePlace,
): { readonly code: ErrorCode; readonly why: string } | undefined {
  if (!action.permission.allowed || action.route.kind !== "subprocess") return undefined;
  const route = resolveRoute(action.actionType, node, bundle.metadata);
  if (route.kind !== "subprocess") return undefined;
  const admission = admit(route, policy.subprocess, strongestContainment(), find);
  return admission.kind === "admitted" ? undefined : { code: admission.code, why: admission.message };
}

/** Thousands of steps start the same few programs: each is looked for once while one picture is drawn. */
function foundOnce(): (argv0: string) => ExecutablePlace {
  const places = new Map<string, ExecutablePlace>();
  return (argv0) => {
    const place = places.get(argv0) ?? findExecutable(argv0);
    places.set(argv0, place);
    return place;
  };
}

async function servicesOf(
  { bundle, policy }: Prepared,
  { outputsRoot, env, nowMs }: Foreseeing,
): Promise<ForeseenServices | undefined> {
  const { deploymentOf, onlyObserves } = await import("../../run/deployment/deployment.ts");
  const deployment = deploymentOf(bundle, policy.mode);
  if (deployment === undefined) return undefined;
  const { kind } = deployment;
  const { deniedBeforehand, refuseClosedGates } = await import("../../run/deployment/gates.ts");
  const described = {
    provider: kind,
    items: deployment.desired.map(({ resourceId, dependsOn }) => ({ id: resourceId, needs: dependsOn })),
  };
  const decision = deniedBeforehand(policy, kind);
  if (decision !== undefined) {
    const { reason, rule, action } = decision;
    const fix = `Let ${action} through where the rule stands, or run without services.`;
    return { ...described, refusal: { code: "POLICY_DENIED", why: reason, rule, fix } };
  }
  const { tenantId, repoId } = bundle.scope;
  const mutating = policy.mode !== "simulate" && !onlyObserves(kind);
  try {
    const scopeRoot = join(outputsRoot, tenantId, repoId);
    await refuseClosedGates({ bundle, policy, env, kind, scopeRoot, mutating, nowMs });
    return described;
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    const rule = String(cause.details["rule"] ?? cause.details["gate"] ?? cause.code);
    return { ...described, refusal: { code: cause.code, why: cause.message, rule, fix: cause.hint } };
  }
}
