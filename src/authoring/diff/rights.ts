/**
 * What a bundle and its roles may do, as facts of which it is known whether more of them is more right. Everything comes from
 * the policy as a run would have it; no list is read a second way.
 */
import type { Bundle } from "../../bundle/model.ts";
import type { FilesystemScope } from "../../coordination/model.ts";
import { isolationOf } from "../../coordination/roles.ts";
import type { JsonValue } from "../../json/value.ts";
import type { BundleInspection } from "../../policy/inspect.ts";
import type { HttpLane, RunPolicy } from "../../policy/model.ts";

type Facts = readonly (readonly [string, JsonValue | undefined])[];

/** How a fact of a right is read: a longer list, a yes or a larger number is more; `less` the other way round. */
export const rights: Readonly<Record<string, "more" | "less">> = {
  "policy actions": "more",
  "policy programs": "more",
  "policy http": "more",
  "policy http methods": "more",
  "policy http body bytes": "more",
  "policy http response bytes": "more",
  "policy agent http": "more",
  "policy network": "more",
  "policy denied action types": "less",
  "policy effects required": "less",
  "role network": "more",
  "role tools": "more",
  "role reads": "more",
};

export function policyFacts(policy: RunPolicy): Facts {
  const { subprocess, http, agentWorkerHttp } = policy;
  return [
    ["actions", [...policy.allow].sort()],
    ["programs", subprocess.enabled ? [...subprocess.allowlist].sort() : []],
    ["http", opened(http)],
    // Each further list must match as well, so no direction can be told of it alone.
    ...http.narrowedBy.map((list, index) => [`http also within ${index + 1}`, [...list].sort()] as const),
    ["http methods", http.enabled ? [...http.methods].sort() : []],
    ["http body bytes", http.enabled ? http.bodyBytesMax : 0],
    ["http response bytes", http.enabled ? http.responseBytesMax : 0],
    ["agent http", agentWorkerHttp === undefined ? [] : opened(agentWorkerHttp)],
    ["network", policy.allowNetwork],
    ["denied action types", [...policy.denyActionTypes].sort()],
    ["effects required", policy.requireEffects],
    ["not understood", [...policy.unresolvedPolicyIds].sort()],
  ];
}

export function roleFacts({ coordination }: Bundle, { roles }: BundleInspection, role: string): Facts {
  const seen = roles.find((one) => one.role === role);
  return [
    ["network", seen?.network ?? false],
    ["tools", [...(seen?.tools ?? [])].sort()],
    ["reads", [...readableRoots({ coordination }, role)].sort()],
    ["scratch", scopeOf(coordination, role)?.scratchSubdir ?? undefined],
  ];
}

/** What the processes of a role may read beside the system's folders and its own, relative to the bundle's repository. */
export function readableRoots(
  { coordination }: { readonly coordination?: Bundle["coordination"] | undefined },
  role: string,
): readonly string[] {
  return scopeOf(coordination, role)?.readOnlyRoots ?? [];
}

/** As a step of the role gets it. */
function scopeOf(coordination: Bundle["coordination"], role: string): FilesystemScope | undefined {
  return coordination === undefined ? undefined : isolationOf(coordination.spec, role, true).filesystemScope;
}

function opened(lane: HttpLane): string[] {
  return lane.enabled ? [...lane.allowlist].sort() : [];
}
