/**
 * Puts an autopilot together: its memory, leases, senses, hands and loop, out of a configuration and what its host hands in. It begins
 * nothing; the loop does, when it is run.
 *
 * What is where: `model.ts` the facts and the state · `machine.ts` the fold · `decide.ts` (`budget.ts`, `backoff.ts`) what is next ·
 * `visit.ts`, `visiting/` one visit and its steps · `controller.ts`, `loop/` which scope is visited when · `contract.ts` what a visit
 * is handed, and who does it: `state/` the store, `lease/` the right to work, `triggers/`, `sentries.ts` and `offers.ts` (`offer/`) the
 * senses, `gates/`, `attempt/` and `recompile/` the hands, `chronicle/` and `score/` what is written of it for others · `config/` and
 * `scopes.ts` what it goes by · `doctor/` whether all of it would work.
 */
import type { ContainmentLevel } from "../policy/model.ts";
import type { RunHost } from "../run/ready.ts";
import type { GuardedRequest } from "../system/http.ts";
import { AKC_VERSION } from "../version.ts";
import { createRollouts } from "./attempt/rollouts.ts";
import { createChronicle } from "./chronicle/chronicle.ts";
import { kpiBetween } from "./chronicle/reading.ts";
import type { AutopilotConfig } from "./config/model.ts";
import type { AutopilotStore } from "./contract.ts";
import { createController, type RunningController } from "./controller.ts";
import { createGates } from "./gates/gates.ts";
import type { LeaseAnswer } from "./lease/contract.ts";
import { isControllerProcess } from "./lease/controller-process.ts";
import { createLeaseKeeper } from "./lease/keeper.ts";
import { leaseNames, newIdentity } from "./lease/name.ts";
import { createLeaseBackend } from "./lease/open.ts";
import type { Pace } from "./loop/ground.ts";
import { createTold } from "./loop/told.ts";
import { createOffers } from "./offers.ts";
import { createRecompiler } from "./recompile/recompiler.ts";
import { discoverScopes } from "./scopes.ts";
import { createSentries } from "./sentries.ts";
import { openAutopilotStore } from "./state/open.ts";
import { createTriggerSources } from "./triggers/sources.ts";

export interface AutopilotHost extends RunHost, Pick<GuardedRequest, "resolve"> {
  /** The configuration as it is now, for a reload. @throws AkcError AUTOPILOT_CONFIG_INVALID */
  readConfig(): Promise<AutopilotConfig>;
  /** What the store is used through, such as one that measures its writes; absent: itself. */
  readonly seenThrough?: (store: AutopilotStore) => AutopilotStore;
  /** Of the hook, never stronger than this: for tests. */
  readonly containmentAtMost?: ContainmentLevel;
  /** Other paces of the loop: for tests. */
  readonly pace?: Partial<Pace>;
}

export interface OpenAutopilot {
  readonly controller: RunningController;
  /** The same one that the controller writes to; what is said through it, it hears. */
  readonly store: AutopilotStore;
  /** As it counts now. */
  config(): AutopilotConfig;
  /** After the run has ended. */
  close(): Promise<void>;
}

/**
 * @throws AkcError of the store: PATH_UNSAFE, STORE_TOO_NEW, STORE_DAMAGED, STORE_UNWRITABLE, STORE_BUSY, DISK_FULL; of the lease
 *   backend: AUTOPILOT_CONFIG_INVALID, TOOL_MISSING
 */
export async function openAutopilot(first: AutopilotConfig, host: AutopilotHost): Promise<OpenAutopilot> {
  const { outputsRoot, lease } = first;
  const { clock, ids, env } = host;
  let config = first;
  const opened = await openAutopilotStore(outputsRoot);
  const store = host.seenThrough?.(opened) ?? opened;
  try {
    const identity = newIdentity(first.controllerId);
    const { holder } = identity;
    const told = createTold();
    const { tell } = told;
    const nameOf = leaseNames(lease);
    const backend = createLeaseBackend(lease, { outputsRoot, identity, clock, env });
    const keeper = createLeaseKeeper({
      store,
      backend,
      holder,
      clock,
      ttlMs: lease.ttlMs,
      nameOf,
      onAnswer: (scope, answer, streak) =>
        tell({ kind: "lease", scope, answer: answer.kind, why: whyOf(answer), streak, atMs: clock.nowMs() }),
    });
    const offers = createOffers({ clock });
    const sentries = createSentries(host);
    const recompiler = createRecompiler({
      env,
      outputsRoot,
      ...(host.resolve === undefined ? {} : { resolve: host.resolve }),
      ...(host.containmentAtMost === undefined ? {} : { containmentAtMost: host.containmentAtMost }),
    });
    const controller = createController({
      ports: {
        store,
        clock,
        ids: { eventId: () => ids.runtimeRunId(), runtimeRunId: () => ids.runtimeRunId() },
        offers,
        sentries: {
          look: (scope, deployed, signal) => sentries.look(scope, deployed, signal),
          async close(scope) {
            if (scope !== undefined) offers.forget(scope);
            await sentries.close(scope);
          },
        },
        sources: createTriggerSources({
          clock,
          ids,
          store,
          config: () => config,
          note: ({ tenantId, repoId }, source, { code, message }) =>
            tell({
              kind: "note",
              level: "warn",
              message: "a source of triggers cannot be read",
              keys: { tenant_id: tenantId, repo_id: repoId, source, error_code: code, error: message },
              atMs: clock.nowMs(),
            }),
        }),
        recompiler,
        gates: createGates({ env, kpi: (scope, fromMs, toMs) => kpiBetween(store, scope, fromMs, toMs) }),
        rollouts: createRollouts({
          ...host,
          by: holder,
          isController: (process, scope) => isControllerProcess(store, process, scope),
        }),
        chronicle: createChronicle({
          store,
          retention: () => config.retention,
          lease: () => config.lease,
          leaseNameOf: nameOf,
          tell,
          clock,
        }),
      },
      keeper,
      told,
      config: first,
      readConfig: () => host.readConfig(),
      onConfig: (read) => {
        config = read;
      },
      discover: discoverScopes,
      identity: { holder, host: identity.process.host, pid: identity.process.pid, version: AKC_VERSION },
      ...(host.pace === undefined ? {} : { pace: host.pace }),
    });
    return {
      controller,
      store,
      config: () => config,
      async close() {
        await keeper.close();
        await recompiler.close();
        await sentries.close();
        await store.close();
      },
    };
  } catch (cause) {
    await store.close();
    throw cause;
  }
}

function whyOf(answer: LeaseAnswer): string | undefined {
  switch (answer.kind) {
    case "held":
      return undefined;
    case "taken":
      return answer.by;
    case "unknown":
      return answer.message;
  }
}
