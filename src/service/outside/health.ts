/**
 * Whether a controller lives and whether it is ready, from what it shows of itself. Pure; each check can fail, and says why.
 *
 * Source: spec cli §17.1 (cli:W-62: probes that always succeed).
 */

import type { ControllerStatus } from "../../autopilot/contract.ts";
import type { LeaseAnswer } from "../../autopilot/lease/contract.ts";
import { scopeName } from "../../autopilot/model.ts";
import { limits } from "../../limits.ts";

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What is wrong, or how it stands. */
  readonly why: string;
}

/** Fails when the loop does not turn: the process answers and does nothing. */
export function liveness(status: ControllerStatus, monotonicMs: number): readonly Check[] {
  const ageMs = monotonicMs - status.lastTurnMonotonicMs;
  // A stop has a bound of its own, and its turns have ended.
  const excused = status.phase === "draining" || status.phase === "starting";
  return [
    {
      name: "loop",
      ok: excused || ageMs <= limits.outsideStarvedMs,
      why: excused ? status.phase : `the last turn ended ${seconds(ageMs)} ago`,
    },
    { name: "running", ok: status.phase !== "stopped", why: status.phase },
  ];
}

export interface ReadinessInput {
  readonly status: ControllerStatus;
  readonly monotonicMs: number;
  /** What the lease's backend last answered for a scope, by `<tenant>/<repo>`. */
  readonly leases: ReadonlyMap<string, LeaseAnswer["kind"]>;
}

/** Fails while it cannot work: store, leases, configuration or phase. */
export function readiness({ status, monotonicMs, leases }: ReadinessInput): readonly Check[] {
  const proofMs = monotonicMs - status.lastStoreProofMonotonicMs;
  const { phase, config, scopes } = status;
  const damaged = scopes.filter(({ state }) => state.escalated?.reason === "history_damaged");
  const unknown = scopes.filter(
    ({ scope, holding, heldBy }) =>
      !holding && heldBy === undefined && leases.get(scopeName(scope)) === "unknown",
  );
  const asked = scopes.filter(
    ({ scope, holding, heldBy }) => holding || heldBy !== undefined || leases.has(scopeName(scope)),
  );
  return [
    ...liveness(status, monotonicMs),
    { name: "phase", ok: phase === "running" || phase === "reloading", why: phase },
    {
      name: "store",
      ok: proofMs <= limits.serviceStoreProofMs,
      why:
        damaged.length === 0
          ? `it last answered ${seconds(proofMs)} ago`
          : `it last answered ${seconds(proofMs)} ago; the history of ${named(damaged)} is damaged`,
    },
    {
      name: "lease",
      ok: unknown.length === 0 && (scopes.length === 0 || asked.length > 0),
      why:
        unknown.length > 0
          ? `nobody can tell who holds ${named(unknown)}`
          : scopes.length > 0 && asked.length === 0
            ? "no lease was asked for yet"
            : `${scopes.filter(({ holding }) => holding).length} of ${scopes.length} scopes are held here`,
    },
    {
      name: "config",
      ok: config.reloadFault === undefined,
      why:
        config.reloadFault === undefined
          ? "the one on disk is in force"
          : `the one before is in force: ${config.reloadFault}`,
    },
  ];
}

/** `ok`, or which checks failed; all of them where they are asked for. */
export function checkText(probe: string, checks: readonly Check[], verbose: boolean): string {
  const failed = checks.filter(({ ok }) => !ok);
  if (failed.length === 0 && !verbose) return "ok\n";
  const lines = (verbose ? checks : failed).map(({ name, ok, why }) =>
    ok ? `[+]${name} ok: ${line(why)}` : `[-]${name} failed: ${line(why)}`,
  );
  return `${[...lines, `${probe} check ${failed.length === 0 ? "passed" : "failed"}`].join("\n")}\n`;
}

function named(scopes: ControllerStatus["scopes"]): string {
  const shown = scopes.slice(0, namesMax).map(({ scope }) => scopeName(scope));
  const more = scopes.length - shown.length;
  return `${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

const namesMax = 3;

function seconds(ms: number): string {
  return `${(Math.max(0, ms) / 1_000).toFixed(1)} s`;
}

function line(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}
