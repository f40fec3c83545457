/**
 * Looks at what stands in every scope that is watched: one sentry a scope, kept as long as its deployed bundle is the same. It writes
 * nothing, takes no lease, and says "unseen" wherever nobody can tell; silence of a provider is never drift and never health.
 *
 * Source: spec cli §17.1 W-68; Flux's inventory and Argo CD's two axes, sync and health (design only).
 */
import { existsSync } from "node:fs";
import { limits } from "../limits.ts";
import { faultOf } from "../reconciler/look.ts";
import type { PlannedChange } from "../reconciler/plan.ts";
import { standsWell } from "../reconciler/stands-well.ts";
import { type Look, openSentry, type Sentry, type SentryInput } from "../run/deployment/sentry.ts";
import type { RunHost } from "../run/ready.ts";
import { isHeld, thisProcess } from "../store/sqlite/holder.ts";
import { databasePath } from "../store/sqlite/open.ts";
import type { ScopeConfig } from "./config/model.ts";
import type { Sentries } from "./contract.ts";
import { type Deployed, type Sighting, scopeName } from "./model.ts";

export interface SentriesDeps extends RunHost {
  /** How long one look may take, opening included; absent: `limits.autopilotLookMsMax`. */
  readonly lookMs?: number;
}

interface Kept {
  /** What it was opened for: another one is another sentry. */
  readonly key: string;
  readonly sentry: Promise<Sentry | undefined>;
  /** The look under way; absent while none is. */
  looking?: Promise<unknown> | undefined;
}

export function createSentries(deps: SentriesDeps): Sentries {
  const kept = new Map<string, Kept>();

  const forget = async (name: string): Promise<void> => {
    const one = kept.get(name);
    if (one === undefined) return;
    kept.delete(name);
    const ending = (async () => {
      // Nothing is closed beneath a look.
      await one.looking;
      await (await one.sentry.catch(() => undefined))?.close();
    })();
    // What hangs is left to hang: nobody waits for it, and the process can end.
    await Promise.race([ending, deps.clock.sleep(limits.providerEndMsMax)]);
  };

  const keptOf = async (scope: ScopeConfig, deployed: Deployed): Promise<Kept> => {
    const name = scopeName(scope.scope);
    const input = sentryInputOf(scope, deployed);
    const key = JSON.stringify(input);
    const known = kept.get(name);
    if (known?.key === key) return known;
    await forget(name);
    const fresh: Kept = { key, sentry: openSentry(input, deps) };
    kept.set(name, fresh);
    // What could not be opened is tried again at the next look.
    fresh.sentry.catch(() => kept.get(name) === fresh && kept.delete(name));
    return fresh;
  };

  return {
    async look(scope, deployed, signal) {
      signal.throwIfAborted();
      const one = await keptOf(scope, deployed);
      if (one.looking !== undefined)
        return unseen("TOOL_TIMEOUT", "the look before this one has not ended yet");
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), deps.lookMs ?? limits.autopilotLookMsMax);
      const until = AbortSignal.any([signal, deadline.signal]);
      const looked = lookOnce(one, until, deps);
      one.looking = looked
        .catch(() => undefined)
        .finally(() => {
          one.looking = undefined;
        });
      try {
        const sighting = await endedBy(until, looked);
        // Without the scope's state everything seems to be missing; what is mounted later would then run twice.
        if (sighting.kind === "drifted" && !existsSync(databasePath(scope.scopeRoot)))
          return unseen("RUN_NOT_FOUND", "the state of the scope's runs is not there");
        return sighting;
      } catch (cause) {
        signal.throwIfAborted();
        if (deadline.signal.aborted) return unseen("TOOL_TIMEOUT", "the look took longer than it may");
        const { code, message } = faultOf(cause);
        return unseen(code, message);
      } finally {
        clearTimeout(timer);
      }
    },
    async close(scope) {
      const names = scope === undefined ? [...kept.keys()] : [scopeName(scope)];
      await Promise.all(names.map(forget));
    },
  };
}

async function lookOnce({ sentry }: Kept, signal: AbortSignal, { clock }: RunHost): Promise<Sighting> {
  const opened = await sentry;
  if (opened === undefined) return { kind: "nothing" };
  return sightingOf(await opened.look(signal), opened.deployment, clock.nowMs());
}

/** Whatever is waited for does not heed a signal: a file system that hangs, say. */
async function endedBy<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const cut = () => reject(signal.reason);
  if (signal.aborted) cut();
  signal.addEventListener("abort", cut, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", cut);
  }
}

/** What a look amounts to. Pure but for asking whether another process lives. */
function sightingOf(look: Look, { gate }: Pick<Sentry["deployment"], "gate">, nowMs: number): Sighting {
  const { plan, looked, wanted, rolloutOpen, lease } = look;
  const off = plan.changes.filter((change) => !standsWell(change, looked, gate));
  if (off.length === 0) return { kind: "standing" };
  if (lease !== null && isHeld(lease, thisProcess(), nowMs)) {
    const doing = rolloutOpen ? "rolls something out" : "works";
    return unseen("SCOPE_HELD", `${lease.holder.name} ${doing} in the scope now`);
  }
  const refused = new Set(wanted.refused.map(({ resourceId }) => resourceId));
  const isDark = ({ resourceId, blocked }: PlannedChange) =>
    blocked?.reason === "unobservable" || refused.has(resourceId);
  const resources = off
    .filter((change) => !isDark(change))
    .map((change) => ({ resourceId: change.resourceId, ...differenceOf(change, look) }));
  if (resources.length > 0) return { kind: "drifted", resources };
  const [first] = off;
  const why = first?.blocked?.message ?? "the provider said nothing";
  const isRefused = first !== undefined && refused.has(first.resourceId);
  return unseen(isRefused ? "DESIRED_STATE_INVALID" : "PROVIDER_FAILED", `${first?.resourceId}: ${why}`);
}

/** In the words of `Sighting`. */
function differenceOf(
  { type, blocked, diff, resourceId }: PlannedChange,
  { looked }: Look,
): { readonly what: string; readonly message: string } {
  const fields = diff.changes.slice(0, fieldsShown).map(({ path }) => path);
  const standing = looked.observations.get(resourceId)?.standing;
  const health = standing?.kind === "present" ? standing.health : "unknown";
  const told = standing?.kind === "present" ? standing.message : undefined;
  if (blocked?.reason === "not_owned") return { what: "unmanaged", message: blocked.message };
  switch (type) {
    case "create":
      return { what: "missing", message: "it does not stand" };
    case "delete":
      return { what: "unmanaged", message: "it stands, and the bundle does not want it" };
    case "update": {
      const differs = blocked?.message ?? `it differs in ${fields.join(", ") || "its mark"}`;
      // A service that has died also differs, in how many of it run: that it is ill is what somebody wants to know first.
      if (health !== "failed" && health !== "degraded") return { what: "changed", message: differs };
      return { what: "unhealthy", message: `${told ?? `its health is ${health}`}; ${differs}` };
    }
    case "noop":
      return { what: "unhealthy", message: blocked?.message ?? told ?? `its health is ${health}` };
  }
}

const fieldsShown = 5;

/** For looking at a scope by what that bundle wants, whoever looks. */
export function sentryInputOf(
  { scopeRoot, policyPath, pluginsDirs, bindingsPath }: ScopeConfig,
  { bundlePath, bundleSha256 }: Pick<Deployed, "bundlePath" | "bundleSha256">,
): SentryInput {
  return { scopeRoot, bundlePath, bundleSha256, policyPath, pluginsDirs, bindingsPath };
}

function unseen(code: string, message: string): Sighting {
  return { kind: "unseen", code, message };
}
