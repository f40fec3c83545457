/**
 * By which flag and which variables each setting can be given, beside its key in the file. One table for reading, for `--check` and for
 * the page that documents it; it decides nothing.
 *
 * Source: spec cli §3.4, §14.2, §15; cli:W-22.
 */

export interface Names {
  readonly flag?: string;
  /** The first that is not blank counts. */
  readonly env?: readonly string[];
  /** Key of `.akc/project.json` or `.akc/project.yaml`. */
  readonly project?: string;
}

export const names = {
  outputs_root: { flag: "--outputs-root", env: ["AKC_OUTPUTS_ROOT"], project: "outputs_root" },
  controller_id: { flag: "--controller-id" },
  profile: {
    flag: "--living-automation-profile",
    env: ["AKC_LIVING_AUTOMATION_PROFILE"],
    project: "living_automation_profile",
  },
  unattended_defaults: { flag: "--unattended-defaults" },
  env_profile: { flag: "--env-profile" },
  mode: { flag: "--mode" },
  interval: { flag: "--living-check-interval-sec" },
  max_iterations: { flag: "--max-iterations" },
  policy: { flag: "--policy" },
  plugins_dirs: { flag: "--plugins-dir" },
  validator_bindings: { flag: "--validator-bindings", project: "validation.bindings_path" },
  "lease.backend": { flag: "--lease-backend", env: ["AKC_AUTOPILOT_LEASE_BACKEND"] },
  "lease.name": { flag: "--lease-name" },
  "lease.namespace": { flag: "--lease-namespace", env: ["AKC_AUTOPILOT_LEASE_NAMESPACE"] },
  "lease.replicas": { flag: "--expect-replicas", env: ["AKC_AUTOPILOT_EXPECT_REPLICAS"] },
  "scopes.registry": { flag: "--scope-registry-path" },
  "scopes.tenant": { flag: "--tenant-id", env: ["AKC_TENANT_ID"], project: "tenant_id" },
  "scopes.repo": { flag: "--repo-id", env: ["AKC_REPO_ID"], project: "repo_id" },
  "budgets.mutations_per_day": { flag: "--max-mutations-per-day" },
  "budgets.rollbacks_per_day": { flag: "--rollback-budget-per-day" },
  "budgets.rollbacks_per_day_before_escalation": { flag: "--max-rollbacks-per-day-before-escalation" },
  "budgets.concurrent_rollouts": { flag: "--max-concurrent-rollouts" },
  "budgets.consecutive_failures": { flag: "--max-consecutive-rollout-failures" },
  "budgets.cooldown_after_failure": { flag: "--cooldown-after-failure-ms" },
  "budgets.cooldown_after_policy_deny": { flag: "--cooldown-after-policy-deny-ms" },
  ingest_state_path: {
    flag: "--ingest-state-path",
    env: ["AKC_INGEST_STATE_PATH", "AKC_AUTOPILOT_INGEST_STATE"],
    project: "ingest_state_path",
  },
  "recompile.options.eval_suite_path": { flag: "--eval-suite-path" },
  "recompile.options.policy_mode": { flag: "--policy-mode" },
  "recompile.options.canary_mode": { flag: "--canary-mode" },
  "recompile.options.accept_mode": { flag: "--accept-mode" },
  "recompile.options.goal": { flag: "--goal" },
  "gates.slo.enabled": { flag: "--slo-gate" },
  "gates.slo.min_rollouts": { flag: "--slo-min-rollouts" },
  "gates.slo.min_policy_compliance_rate": { flag: "--slo-min-policy-compliance-rate" },
  "gates.slo.min_rollback_success_rate": { flag: "--slo-min-rollback-success-rate" },
  "gates.slo.max_change_instability": { flag: "--slo-max-change-instability-proxy" },
  "score.window": { flag: "--scoreboard-window-ms" },
  listen: { flag: "--listen" },
  "webhook.secret": { env: ["AKC_LIVING_WEBHOOK_SECRET"] },
  "webhook.tenants": { env: ["AKC_LIVING_WEBHOOK_TENANT_ALLOWLIST"] },
  "webhook.outputs_roots": { env: ["AKC_LIVING_WEBHOOK_OUTPUTS_ROOT_ALLOWLIST"] },
  "telemetry.mirrors.stdout": { env: ["AKC_AUTOPILOT_OTEL_STDOUT", "AKC_OTEL_EXPORT_STDOUT"] },
  "telemetry.mirrors.http_url": { env: ["AKC_OTEL_EXPORT_HTTP_URL"] },
  "telemetry.mirrors.http_timeout": { env: ["AKC_OTEL_EXPORT_HTTP_TIMEOUT_SEC"] },
  "telemetry.mirrors.file": { env: ["AKC_OTEL_EXPORT_FILE"] },
} as const satisfies Readonly<Record<string, Names>>;

export function namesOf(key: string): Names {
  return Object.entries(names).find(([known]) => known === key)?.[1] ?? {};
}

/** The file itself. */
export const configNames = { flag: "--config", env: ["AKC_AUTOPILOT_CONFIG"] } as const;
