/**
 * Everything that is settled before a run exists: the bundle, the policy, the plan, the adapter's id and every route.
 * Nothing here writes, runs or connects; it reads the bundle's files and the operator's policy.
 */

import { type LoadOptions, loadBundle } from "../bundle/load.ts";
import type { Bundle, PolicyMode, Route } from "../bundle/model.ts";
import { automaticAdapter, resolveRoute } from "../bundle/routing.ts";
import { checkGovernance } from "../coordination/governance.ts";
import type { StepPlan } from "../coordination/model.ts";
import { planSteps } from "../coordination/step.ts";
import { AkcError } from "../errors.ts";
import type { JsonObject } from "../json/value.ts";
import type { Item } from "../kernel/model.ts";
import { planRun, type RunPlan } from "../kernel/plan.ts";
import { limits } from "../limits.ts";
import { derivePolicy } from "../policy/derive.ts";
import type { OperatorPolicy, RunPolicy } from "../policy/model.ts";
import { parseOperatorPolicy } from "../policy/operator.ts";
import { readFileBounded } from "../system/files.ts";
import { collectIfLarge } from "../system/heap-guard.ts";
import { readBundleSource } from "./bundle-files.ts";

/** What is asked of a bundle that is loaded. */
export interface BundleInput {
  readonly mode: PolicyMode;
  /** `auto`, `native`, `local_depth` or the id of a registered adapter. */
  readonly adapter: string;
  readonly operator?: OperatorPolicy;
  readonly requireEffects?: boolean;
  readonly maxInFlight?: number;
}

export interface PrepareInput extends Omit<BundleInput, "operator"> {
  readonly bundlePath: string;
  /** Digest that the bundle must have. */
  readonly expectedSha256?: string;
  /** Operator's policy; absent means `/etc/akc/policy.yaml` where that file exists. */
  readonly policyPath?: string;
  readonly strictIntentAuthority?: boolean;
  readonly coordinationOverrides?: LoadOptions["coordinationOverrides"];
}

export interface Prepared {
  readonly bundle: Bundle;
  readonly operator?: OperatorPolicy;
  readonly policy: RunPolicy;
  readonly steps: readonly StepPlan[];
  readonly plan: RunPlan;
  readonly adapterId: string;
  routeOf(item: Pick<Item, "node" | "step">): Route;
}

/** Of the host; a file that is not there is no policy. */
export const defaultPolicyPath = "/etc/akc/policy.yaml";

/** @throws AkcError of the bundle, its coordination, its governance or the operator's policy. */
export async function prepareRun(input: PrepareInput): Promise<Prepared> {
  const operator = await readOperatorPolicy(input.policyPath);
  const source = await readBundleSource(input.bundlePath);
  const bundle = await loadBundle(source, {
    mode: input.mode,
    ...(input.expectedSha256 === undefined ? {} : { expectedSha256: input.expectedSha256 }),
    ...(input.strictIntentAuthority === true || operator?.strictIntentAuthority === true
      ? { strictIntentAuthority: true }
      : {}),
    ...(input.coordinationOverrides === undefined
      ? {}
      : { coordinationOverrides: input.coordinationOverrides }),
  });
  collectIfLarge();
  return prepareBundle(bundle, { ...input, ...(operator === undefined ? {} : { operator }) });
}

/** What remains to be settled once the bundle is there. @throws AkcError POLICY_UNKNOWN, GOVERNANCE_EXCEEDED, … */
export function prepareBundle(bundle: Bundle, input: BundleInput): Prepared {
  const { operator } = input;
  const policy = derivePolicy(bundle, input.mode, operator, {
    requireEffects: input.requireEffects === true,
  });
  const steps = stepsOf(bundle, policy);
  const inFlight = Math.min(input.maxInFlight ?? limits.actionsInFlightMax, policy.actionsInFlightMax);
  const narrowed = input.maxInFlight !== undefined || inFlight < limits.actionsInFlightMax;
  return {
    bundle,
    ...(operator === undefined ? {} : { operator }),
    policy,
    steps,
    plan: planRun(bundle, steps, narrowed ? { actionsInFlight: inFlight } : {}),
    adapterId: input.adapter === "auto" ? automaticAdapter(bundle) : input.adapter,
    routeOf: createRouter(bundle.metadata),
  };
}

/** Reads the operator's policy. A path that was given must exist; the default one may be absent. */
export async function readOperatorPolicy(path = defaultPolicyPath): Promise<OperatorPolicy | undefined> {
  try {
    return parseOperatorPolicy(textOf(await readFileBounded(path, limits.yamlTextBytesMax), path), path);
  } catch (cause) {
    const absent = cause instanceof AkcError && cause.code === "FILE_NOT_FOUND";
    if (absent && path === defaultPolicyPath) return undefined;
    throw cause;
  }
}

function textOf(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new AkcError("JSON_NOT_UTF8", { details: { path } });
  }
}

function stepsOf(bundle: Bundle, policy: RunPolicy): readonly StepPlan[] {
  const { coordination } = bundle;
  if (coordination === undefined) return [];
  const { spec, sha256, plan, orchestration, nodeOfStep } = coordination;
  const steps = planSteps({
    spec,
    sha256,
    plan,
    orchestration,
    nodeOfStep,
    envelopeAllowNetwork: policy.allowNetwork,
  });
  const issues = checkGovernance(spec, steps, policy.allowNetwork);
  if (issues.length > 0) throw new AkcError("GOVERNANCE_EXCEEDED", { issues });
  return steps;
}

/** Routes depend on the node and on whether it runs as a step: each is resolved once. */
function createRouter(metadata: JsonObject): Prepared["routeOf"] {
  const steps = new Map<string, Route>();
  const events = new Map<string, Route>();
  return ({ node, step }) => {
    const known = step === undefined ? events : steps;
    let route = known.get(node.nodeId);
    if (route === undefined) {
      route = resolveRoute(step === undefined ? `${node.kind}.execute` : "coordination.step", node, metadata);
      known.set(node.nodeId, route);
    }
    return route;
  };
}
