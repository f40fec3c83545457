/**
 * The last word on what an attempt has made, at the end of its bake: the run is judged once more by its own criteria, and the bindings
 * that the configuration names are asked. Only a pass holds; what nobody can tell does not, since nobody would look again.
 *
 * Source: spec cli §8; docs/operational-validity.md; Flagger's metric checks (design only).
 */
import { AkcError } from "../../errors.ts";
import { factsOf } from "../../evidence/facts-text.ts";
import { limits } from "../../limits.ts";
import { analystOf } from "../../run/deployment/analyst.ts";
import { readOperatorPolicy } from "../../run/prepare.ts";
import type { RunHost } from "../../run/ready.ts";
import { executeForVerify } from "../../run/validation/execute-again.ts";
import type { ScopeConfig } from "../config/model.ts";
import type { Attempt } from "../model.ts";
import { withRun } from "./found-run.ts";
import { passes } from "./recover.ts";

export interface Validated {
  readonly holds: boolean;
  readonly message: string;
}

/** @throws AkcError what passes by itself: LEASE_HELD, STORE_BUSY, DISK_FULL; the signal's reason */
export async function validate(
  scope: ScopeConfig,
  attempt: Attempt,
  signal: AbortSignal,
  host: RunHost,
): Promise<Validated> {
  try {
    signal.throwIfAborted();
    if (await isToGoBack(scope, attempt))
      return { holds: false, message: "somebody has asked for a rollout of it to be brought back" };
    const own = await byOwnCriteria(scope, attempt, signal, host);
    if (own?.holds === false) return own;
    const bound = await byBindings(scope, signal, host);
    signal.throwIfAborted();
    if (bound?.holds === false) return bound;
    const said = [own, bound].flatMap((one) => (one === undefined ? [] : [one.message]));
    return { holds: true, message: said.join("; ") || "there is nothing to judge it by but that it stands" };
  } catch (cause) {
    signal.throwIfAborted();
    if (!(cause instanceof AkcError) || passes(cause)) throw cause;
    return { holds: false, message: `it could not be judged: ${cause.message} [${cause.code}]` };
  }
}

/** A word that waits would be obeyed by whoever reconciles next, and nobody would know why. */
async function isToGoBack(
  { scopeRoot }: ScopeConfig,
  { kind, runtimeRunId }: Attempt,
): Promise<boolean | undefined> {
  if (kind === "repair") return false;
  return withRun(scopeRoot, runtimeRunId, async ({ store }) => {
    const waiting = (await store.deployment.openRequests()).filter(
      ({ command }) => command === "undo" || command === "abort",
    );
    if (waiting.length === 0) return false;
    const rollouts = await store.deployment.rollouts(limits.rolloutsKeptMax);
    const own = new Set(
      rollouts.filter((row) => row.runtimeRunId === runtimeRunId).map(({ rolloutId }) => rolloutId),
    );
    return waiting.some(({ rolloutId }) => own.has(rolloutId));
  });
}

/** Undefined where the run has no criteria. */
async function byOwnCriteria(
  { scopeRoot, bindingsPath, pluginsDirs }: ScopeConfig,
  { runtimeRunId }: Attempt,
  signal: AbortSignal,
  { clock, env }: RunHost,
): Promise<Validated | undefined> {
  const facts = await withRun(scopeRoot, runtimeRunId, ({ reader, row }) =>
    row.factsSha256 === null ? Promise.resolve(undefined) : factsOf(reader, row),
  );
  if (facts?.validity === undefined) return undefined;
  const { settled } = await executeForVerify({
    scopeRoot,
    outputsRoot: `${scopeRoot}/../..`,
    runtimeRunId,
    bindingsPath,
    pluginsDirs,
    env,
    clock,
    signal,
  });
  const { validity } = settled;
  if (validity === undefined) return { holds: false, message: "the run could not be judged again" };
  const { verdict, failures } = validity;
  if (verdict === "pass") return { holds: true, message: "its criteria are met" };
  const [first] = failures;
  const why = first === undefined ? "" : `: ${first}`;
  return {
    holds: false,
    message:
      verdict === "inconclusive"
        ? `nobody can tell whether its criteria are met, and that does not hold${why}`
        : `its criteria are not met (${verdict})${why}`,
  };
}

/** Undefined where the configuration names none. */
async function byBindings(
  { scopeRoot, bindingsPath, pluginsDirs, policyPath, rollout }: ScopeConfig,
  signal: AbortSignal,
  { clock, env }: RunHost,
): Promise<Validated | undefined> {
  if (rollout.bindings.length === 0) return undefined;
  const checks = rollout.bindings.map((binding) => ({ kind: "validator", binding }));
  const operator = await readOperatorPolicy(policyPath);
  const analyst = await analystOf(checks, { scopeRoot, bindingsPath, pluginsDirs, operator, env, clock });
  try {
    const { verdict, message } = await analyst.measure({ checks }, forgetful, signal);
    if (verdict === "pass") return { holds: true, message };
    const why = verdict === "inconclusive" ? "nobody can tell, and that does not hold: " : "";
    return { holds: false, message: `${why}${message}` };
  } finally {
    await analyst.close();
  }
}

/** What was answered is told; what was measured belongs to no run, and no store keeps it. */
const forgetful = {
  put: async (bytes: Uint8Array) => ({ sha256: "", sizeBytes: bytes.length }),
};
