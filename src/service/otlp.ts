/**
 * Telemetry of a running controller to those who collect it: traces and metrics by OTLP/HTTP in JSON, and the documented lines to their
 * mirrors. A listener of the controller that never makes it wait and never makes it fail.
 *
 * Source: spec cli §13; docs/autopilot.md, "Seen from outside"; cli:W-36, W-37, W-38.
 */
import { hostname } from "node:os";
import type { TelemetryConfig } from "../autopilot/config/model.ts";
import type { Controller, Telling } from "../autopilot/contract.ts";
import type { EnvironmentProfile } from "../autopilot/model.ts";
import { canonicalJson } from "../json/canonical.ts";
import type { Clock } from "../system/clock.ts";
import type { Ids } from "../system/ids.ts";
import { AKC_VERSION } from "../version.ts";
import { createMetrics, type Metrics, type MetricsDeps } from "./metrics/metrics.ts";
import { trackAttempts } from "./telemetry/attempts.ts";
import { cicdMetrics } from "./telemetry/cicd-metrics.ts";
import { type LineInput, mirrorLines } from "./telemetry/mirror-lines.ts";
import { type MirrorDeps, openMirrors } from "./telemetry/mirrors.ts";
import { openOtlpExporter } from "./telemetry/otlp-exporter.ts";
import { attemptSpans, recompileSpan, visitSpan } from "./telemetry/spans.ts";

export interface TelemetryDeps {
  readonly telemetry: TelemetryConfig;
  readonly environment: EnvironmentProfile;
  readonly clock: Clock;
  readonly ids: Pick<Ids, "traceId">;
  readonly config: MetricsDeps["config"];
  /** Shared with the server; absent: its own, closed with the export. */
  readonly metrics?: Metrics | undefined;
  readonly refusalOf: LineInput["refusalOf"];
  readonly stdout: MirrorDeps["stdout"];
  /** For the log: said when something begins to fail, and when it works again. */
  note(level: "info" | "warn", message: string, why: string): void;
}

export interface TelemetryExport {
  /** Sends what is left, for `limits.otlpFlushMs` at most. */
  close(): Promise<void>;
}

/** Does nothing where nothing is to be exported. */
export function exportTelemetry(controller: Controller, deps: TelemetryDeps): TelemetryExport {
  const { otlp, mirrors } = deps.telemetry;
  const mirrored = mirrors.stdout || mirrors.httpUrl !== undefined || mirrors.file !== undefined;
  if (otlp === undefined && !mirrored) return { close: async () => undefined };

  const metrics = deps.metrics ?? createMetrics(controller, deps);
  const note = guardedNote(deps.note);
  const cicd = cicdMetrics();
  const attempts = trackAttempts();
  attempts.look(controller.status());
  const exporter =
    otlp === undefined
      ? undefined
      : openOtlpExporter({
          target: otlp,
          intervalMs: otlp.intervalMs,
          resource: resourceOf(controller, deps.environment),
          clock: deps.clock,
          families: () => {
            const status = controller.status();
            attempts.look(status);
            return [...metrics.families(), ...cicd.families(status)];
          },
          count: (signal, result, items) => metrics.exported(signal, result, items),
          note,
        });
  const lines = mirrored
    ? openMirrors(mirrors, {
        stdout: deps.stdout,
        count: (result, items) => metrics.exported("mirror", result, items),
        note,
      })
    : undefined;

  const hear = (told: Telling) => {
    const news = attempts.told(told);
    cicd.told(told, news);
    const { ids } = deps;
    if (exporter !== undefined) {
      const single = recompileSpan(told) ?? visitSpan(told, () => ids.traceId());
      const spans = news?.news === "ended" ? attemptSpans(news) : single === undefined ? [] : [single];
      if (spans.length > 0) exporter.add(spans);
    }
    if (lines !== undefined) {
      const input: LineInput = {
        told,
        news,
        status: (scope) =>
          controller
            .status()
            .scopes.find((one) => one.scope.tenantId === scope.tenantId && one.scope.repoId === scope.repoId),
        refusalOf: deps.refusalOf,
        traceId: () => ids.traceId(),
      };
      for (const line of mirrorLines(input)) lines.write(canonicalJson(line));
    }
  };
  const stop = controller.listen((told) => {
    try {
      hear(told);
    } catch (cause) {
      note(
        "warn",
        "something told could not be exported",
        cause instanceof Error ? cause.message : "unknown",
      );
    }
  });
  return {
    async close() {
      // What was told a moment ago is handed out in a microtask.
      await Promise.resolve();
      stop();
      await Promise.all([exporter?.close(), lines?.close()]);
      if (deps.metrics === undefined) metrics.close();
    },
  };
}

function resourceOf(controller: Controller, environment: EnvironmentProfile) {
  return {
    attributes: {
      "service.name": "akc",
      "service.version": AKC_VERSION,
      "service.instance.id": controller.status().holder,
      "host.name": hostname(),
      "process.pid": process.pid,
      "deployment.environment.name": environment,
    },
    scope: { name: "akc.autopilot", version: AKC_VERSION },
  };
}

/** A log that fails is no reason to stop exporting. */
function guardedNote(note: TelemetryDeps["note"]): TelemetryDeps["note"] {
  return (level, message, why) => {
    try {
      note(level, message, why);
    } catch {
      // There is nobody left to tell.
    }
  };
}
