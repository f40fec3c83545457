/**
 * Writes the plan's lists down as the bundle's lanes and envelope. Whatever the plan has no use for is denied in as many words,
 * so that nothing that is merged in later opens it by accident.
 *
 * Source: spec bundle §8.3, §14.5, §15.1; docs/policy.md.
 */
import type { JsonObject } from "../../json/value.ts";
import type { Planned } from "../planned.ts";
import { scopeOf } from "./coordination.ts";
import { present } from "./plain-members.ts";

export function lanesOf({ form: { policy = {} } }: Planned): JsonObject {
  const { programs = [], http = [], agents = [], methods } = policy;
  return present({
    allow_subprocess: programs.length > 0,
    subprocess_allowlist: programs,
    allow_http: http.length + agents.length > 0,
    http_allowlist: http,
    http_method_allowlist: http.length === 0 ? undefined : (methods ?? ["GET"]),
    http_max_body_bytes: policy.request_bytes,
    http_max_response_bytes: policy.response_bytes,
  });
}

export function envelopeOf(planned: Planned): JsonObject {
  const { policy = {}, services } = planned.form;
  const calls = planned.steps.some(
    ({ form }) => form.http !== undefined || form.agent?.delegate !== undefined,
  );
  const deny = new Set<string>(policy.deny ?? []);
  if ((policy.programs ?? []).length === 0) deny.add("runtime.action.execute.subprocess");
  if ((policy.http ?? []).length + (policy.agents ?? []).length === 0)
    deny.add("runtime.action.execute.http");
  if ((services?.size ?? 0) === 0) {
    deny.add("service.reconcile.apply");
    deny.add("service.reconcile.rollback");
  }
  return present({
    ...scopeOf(planned),
    // Every role says for itself whether it may use the network; here only whether any may.
    allow_network: policy.network === true || calls,
    allow_actions: policy.allow,
    deny_actions: [...deny].sort(),
  });
}

export function boundsOf({ form: { limits = {}, roles } }: Planned): JsonObject {
  const steps = limits.parallel ?? defaultParallel;
  const ofRoles = [...(roles?.values() ?? [])].flatMap(({ parallel }) => parallel ?? []);
  return {
    parallel_dispatch_enabled: true,
    max_in_flight_steps: steps,
    max_in_flight_per_role: Math.min(steps, limits.parallel_per_role ?? steps, ...ofRoles),
    completion_fold_order: "coordination_step_id",
  };
}

/** As many as the runtime works on at a time when nobody says anything. */
const defaultParallel = 4;
