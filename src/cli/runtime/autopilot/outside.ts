/**
 * Puts a running controller in sight: its server with the webhook, its metrics, and the export of telemetry, as the configuration has
 * them at the start. Whatever of it cannot work is said in the log; only an address that cannot be listened at keeps it from starting.
 */

import { createBurnReader } from "../../../autopilot/chronicle/burn-reader.ts";
import type { AutopilotConfig, WebhookConfig } from "../../../autopilot/config/model.ts";
import { readSecret } from "../../../autopilot/config/secret.ts";
import type { AutopilotStore, Controller } from "../../../autopilot/contract.ts";
import { scopeName } from "../../../autopilot/model.ts";
import { refusalOf } from "../../../autopilot/score/refusal.ts";
import { acceptDelivery } from "../../../autopilot/triggers/webhook.ts";
import { AkcError } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import type { Journal } from "../../../service/journal.ts";
import { type Burns, createMetrics, type Metrics } from "../../../service/metrics/metrics.ts";
import { exportTelemetry } from "../../../service/otlp.ts";
import { type Deliver, serveOutside } from "../../../service/server.ts";
import { systemClock } from "../../../system/clock.ts";
import { systemIds } from "../../../system/ids.ts";
import type { Environment, Io } from "../../io.ts";

export interface OutsideHere {
  /** In force now; address, webhook and telemetry are those of the start. */
  config(): AutopilotConfig;
  readonly store: AutopilotStore;
  readonly io: Io;
  readonly journal: Journal;
}

export interface InSight {
  /** Of the server; undefined where it does not listen. */
  readonly address: string | undefined;
  /** For what measures the store's writes: `timedStore`. */
  readonly metrics: Metrics;
  /** Ends the server, and sends what is left to be sent. */
  close(): Promise<void>;
}

/** @throws AkcError LISTEN_REFUSED */
export async function putInSight(controller: Controller, here: OutsideHere): Promise<InSight> {
  const { store, io, journal } = here;
  const { listen, webhook, telemetry, environment } = here.config();
  const burns = keepBurns(controller, here);
  const config = () => here.config();
  const metrics = createMetrics(controller, { clock: systemClock, config, burns: burns.now });
  const note = (level: "info" | "warn", message: string, why: string) =>
    journal.log({ level, event: "telemetry", message, keys: { why } });
  const release = () => {
    burns.close();
    metrics.close();
  };
  try {
    const deliver = webhook === undefined ? undefined : deliveryTo(controller, webhook, here, io.env);
    const server =
      listen === undefined
        ? undefined
        : await serveOutside(controller, { listen, clock: systemClock, config, store, deliver, metrics });
    if (server !== undefined) {
      journal.log({ level: "info", event: "listening", keys: { address: server.address } });
    }
    const telemetryExport = exportTelemetry(controller, {
      telemetry,
      environment,
      clock: systemClock,
      ids: systemIds,
      config,
      metrics,
      refusalOf,
      stdout: (text) => io.out(text),
      note,
    });
    return {
      address: server?.address,
      metrics,
      async close() {
        await Promise.all([server?.close(), telemetryExport.close()]);
        release();
      },
    };
  } catch (cause) {
    release();
    throw cause;
  }
}

/** The secret is read for each delivery: one that was changed counts at once. */
function deliveryTo(
  controller: Controller,
  webhook: WebhookConfig,
  { config, store, journal }: OutsideHere,
  env: Environment,
): Deliver {
  return async ({ headers, body }) => {
    try {
      const secret = new TextEncoder().encode(await readSecret(webhook.secretFile, env));
      return await acceptDelivery(
        { headers, body },
        {
          config: webhook,
          secret,
          outputsRoot: config().outputsRoot,
          store,
          watched: ({ tenantId, repoId }) =>
            controller
              .status()
              .scopes.some(({ scope }) => scope.tenantId === tenantId && scope.repoId === repoId),
          clock: systemClock,
          ids: systemIds,
          queued: (scope) => controller.wake(scope),
        },
      );
    } catch (cause) {
      const why = cause instanceof AkcError ? cause.code : "INTERNAL";
      journal.log({ level: "error", event: "delivery_failed", keys: { code: why } });
      return { status: 503, body: { error: "not_now" } };
    }
  };
}

/** How objectives stand, looked up now and then and not at each scrape. Only of scopes that have any, and that are held here. */
function keepBurns(controller: Controller, { config, store }: OutsideHere) {
  let known: Burns = { burns: [], errorBudgets: [] };
  let closed = false;
  const reader = createBurnReader(store);
  const look = async () => {
    const nowMs = systemClock.nowMs();
    const found: { burns: Burns["burns"][number][]; errorBudgets: Burns["errorBudgets"][number][] } = {
      burns: [],
      errorBudgets: [],
    };
    const held = controller.status().scopes.filter(({ holding }) => holding);
    reader.keepOnly(held.map(({ scope }) => scope));
    for (const { scope } of held) {
      const { scopes, defaults } = config();
      const { slos } = scopes.get(scopeName(scope))?.score ?? defaults.score;
      if (slos.length === 0 || closed) continue;
      for (const { slo, tiers, budgetLeft } of await reader.burns(scope, slos, nowMs)) {
        if (budgetLeft !== null) found.errorBudgets.push({ scope, slo: slo.id, left: budgetLeft });
        // A window of two pairs is one series.
        const rates = new Map<string, number>();
        for (const { name, short, long } of tiers) {
          const [shortName = "", longName = ""] = name.split("/");
          if (short.rate !== null) rates.set(shortName, short.rate);
          if (long.rate !== null) rates.set(longName, long.rate);
        }
        for (const [window, burnRate] of rates) found.burns.push({ scope, slo: slo.id, window, burnRate });
      }
      // Nobody waits for this: what is due comes first.
      await Bun.sleep(0);
    }
    known = found;
  };
  let looking = false;
  const tick = () => {
    if (looking) return;
    looking = true;
    void look()
      .catch(() => undefined)
      .finally(() => {
        looking = false;
      });
  };
  const timer = setInterval(tick, limits.burnLookMs);
  timer.unref();
  // By then it holds what it will hold: whoever alerts on burn rates is not blind for a whole round after each start.
  const first = setTimeout(tick, limits.autopilotBeatMs);
  first.unref();
  return {
    now: () => known,
    close() {
      closed = true;
      clearInterval(timer);
      clearTimeout(first);
    },
  };
}
