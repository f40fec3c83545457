/**
 * Whether an action would be carried out, as far as that shows without looking at the host, and what stands in its way.
 * It asks the policy's own functions and never decides anything itself.
 *
 * Source: spec bundle §8, §14.5, §15.3.
 */
import type { HttpRoute, Route } from "../bundle/model.ts";
import { decide, decideDispatch } from "./decide.ts";
import { executableAllowed } from "./executables.ts";
import type { HttpLane, RunPolicy, SubprocessLane } from "./model.ts";
import { urlAllowed } from "./url-pattern.ts";

export type Permission =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly code: string; readonly why: string };

export interface PermissionQuestion {
  readonly actionType: string;
  readonly route: Route;
  /** Whether the step may use the network; absent for an action that is no step, which only its lane bounds. */
  readonly network?: boolean;
}

const allowed: Permission = { allowed: true };
const withoutEffect: Permission = denied("EFFECT_REQUIRED", "the action has nothing to execute");

export function permissionOf(
  { actionType, route, network }: PermissionQuestion,
  policy: RunPolicy,
): Permission {
  const dispatch = decideDispatch(policy, actionType);
  if (!dispatch.allowed) return denied("POLICY_DENIED", dispatch.reason);
  switch (route.kind) {
    case "malformed":
      return denied("ROUTE_MALFORMED", route.why);
    case "refused":
      return denied("ROUTE_NOT_ALLOWED", route.why);
    case "subprocess":
      return lanePermission(policy, "runtime.action.execute.subprocess", () =>
        executablePermission(route.argv[0] ?? "", policy.subprocess),
      );
    case "http":
      return lanePermission(policy, "runtime.action.execute.http", () =>
        requestPermission(route, policy.http, network),
      );
    case "wait":
      return allowed;
    case "noop":
      return policy.requireEffects ? withoutEffect : allowed;
    case "delegate_adapter":
      // A step goes to an agent worker; any other action of the delegate is a bare transition.
      return policy.requireEffects && actionType !== "coordination.step" ? withoutEffect : allowed;
  }
}

function lanePermission(policy: RunPolicy, action: string, lane: () => Permission): Permission {
  const decision = decide(policy, action);
  return decision.allowed ? lane() : denied("POLICY_DENIED", decision.reason);
}

function executablePermission(written: string, lane: SubprocessLane): Permission {
  const argv0 = written.trim();
  // Where a bare name stands is for the host to say, and the operator's list is of such places.
  const { operatorPaths, ...bundleOnly } = lane;
  const answer = argv0.startsWith("/")
    ? executableAllowed(argv0, argv0, lane)
    : executableAllowed(argv0, argv0, bundleOnly);
  return answer.allowed ? allowed : denied(answer.code, answer.reason);
}

/** The lane's checks in their documented order. */
function requestPermission(
  { url, method, body = "" }: HttpRoute,
  lane: HttpLane,
  network: boolean | undefined,
): Permission {
  if (!lane.enabled) return denied("HTTP_DISABLED", "http_disabled");
  if (lane.allowlist.length === 0) return denied("HTTP_ALLOWLIST_EMPTY", "allowlist_empty");
  if (!lane.methods.includes(method)) return denied("HTTP_METHOD_DENIED", "method_not_allowed");
  if (!urlAllowed(lane, url)) return denied("HTTP_URL_DENIED", "url_not_allowed");
  if (new TextEncoder().encode(body).byteLength > lane.bodyBytesMax) {
    return denied("HTTP_BODY_TOO_LARGE", "body_too_large");
  }
  return network === false ? denied("HTTP_NETWORK_DENIED", "network_not_allowed") : allowed;
}

function denied(code: string, why: string): Permission {
  return { allowed: false, code, why };
}
