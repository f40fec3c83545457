/**
 * Writes services, their provider and their rollout down as deployment intents.
 *
 * Source: docs/reconcile.md, docs/rollouts.md.
 */
import type { JsonObject } from "../../json/value.ts";
import { sectionOf } from "../check/services.ts";
import { merged } from "../merge.ts";
import type { Planned } from "../planned.ts";
import type { AnalysisForm, RolloutForm } from "../tables/rollout.ts";
import type { HealthForm, ServiceForm } from "../tables/service.ts";
import { filledOnly, present } from "./plain-members.ts";

export function intentsOf({ form, provider = "" }: Planned): readonly JsonObject[] {
  return [...(form.services ?? [])].map(([id, service]) =>
    merged(
      present({
        node_id: id,
        kind: "service",
        name: service.title ?? id,
        depends_on: service.needs ?? [],
        runtime_deployment: filledOnly(settingsOf(service, provider)),
      }),
      service.intent,
    ),
  );
}

function settingsOf(service: ServiceForm, provider: string): JsonObject {
  const section = sectionOf(provider);
  const own = section === undefined ? undefined : service[section];
  const said = merged(
    service.settings ?? {},
    section === undefined || own === undefined ? undefined : { [section]: own },
  );
  const added = present({ replicas: service.replicas, readiness: probeOf(service.health) });
  const whole = Object.keys(added).length === 0 ? said : merged(said, { process: added });
  return service.ignore === undefined ? whole : merged(whole, { ignore: service.ignore });
}

function probeOf(health: HealthForm | undefined): JsonObject | undefined {
  if (health === undefined) return undefined;
  const { http, tcp, exec, interval, timeout, initial_delay, success_threshold, failure_threshold } = health;
  const kind = http === undefined ? (tcp === undefined ? "exec" : "tcp") : "http";
  return present({
    kind,
    url: http,
    port: tcp,
    command: exec,
    interval_ms: interval,
    timeout_ms: timeout,
    initial_delay_ms: initial_delay,
    success_threshold,
    failure_threshold,
  });
}

export function providerSettingsOf({ form, provider, manifestSha256 }: Planned): JsonObject | undefined {
  if (provider === undefined) return undefined;
  const manifest = form.provider?.manifest;
  const pinned =
    manifest === undefined ? {} : { apply_manifest_path: manifest, apply_manifest_sha256: manifestSha256 };
  return merged(present({ kind: provider, ...pinned }), form.provider?.settings);
}

export function rolloutOf(rollout: RolloutForm | undefined): JsonObject | undefined {
  if (rollout === undefined) return undefined;
  const { bake, analysis, health, pause_deadline, steps, ...rest } = rollout;
  return present({
    ...rest,
    bake_ms: bake,
    analysis: analysisOf(analysis),
    pause_deadline_ms: pause_deadline,
    health:
      health === undefined
        ? undefined
        : present({
            min_healthy_ms: health.min_healthy,
            healthy_deadline_ms: health.healthy_deadline,
            progress_deadline_ms: health.progress_deadline,
          }),
    steps: steps?.map(({ bake: own, analysis: measured, ...step }) =>
      present({ ...step, bake_ms: own, analysis: analysisOf(measured) }),
    ),
  });
}

function analysisOf(analysis: AnalysisForm | undefined): JsonObject | undefined {
  if (analysis === undefined) return undefined;
  const { initial_delay, interval, ...rest } = analysis;
  return present({ ...rest, initial_delay_ms: initial_delay, interval_ms: interval });
}
