/**
 * Measures what an analysis names, between the steps of a rollout: probes, and bindings of the registry by the validators that judge
 * runs too. A check that cannot be asked is an error and never a pass; every answer is kept so that it can be given again.
 *
 * Source: docs/rollouts.md; Argo Rollouts' four outcomes (design only).
 */
import type { ArtifactStore } from "../../adapters/contract.ts";
import { AkcError } from "../../errors.ts";
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { Measurement } from "../../reconciler/drive.ts";
import type { Analysis, Strategy } from "../../reconciler/rollout/model.ts";
import { nearestWord } from "../../spelling.ts";
import type { Clock } from "../../system/clock.ts";
import type { Binding, BindingRegistry } from "../../validation/bindings/model.ts";
import type { BindingObservation } from "../../validation/execution/model.ts";
import type { Outside, OutsideSearch } from "../validation/outside.ts";
import { measureProbe } from "./measure-probe.ts";

export interface Analyst {
  /** All checks side by side; the worst answer is the measurement's. */
  measure(
    analysis: Pick<Analysis, "checks">,
    artifacts: Pick<ArtifactStore, "put">,
    signal: AbortSignal,
  ): Promise<Measurement>;
  /** Ends the plugins that were asked. */
  close(): Promise<void>;
}

export interface AnalystHost extends OutsideSearch {
  readonly clock: Clock;
  /** `<outputs_root>/<tenant>/<repo>`, absolute. */
  readonly scopeRoot: string;
}

/** One check's part of a measurement; `files` are kept by their digests. */
export interface CheckAnswer {
  readonly kind: string;
  readonly verdict: Measurement["verdict"];
  readonly message: string;
  readonly [detail: string]: JsonObject[string];
}

/**
 * @throws AkcError DESIRED_STATE_INVALID for a binding that the registry does not have; BINDINGS_INVALID, BINDINGS_NOT_FOUND,
 *   BINDING_PATH_OUTSIDE
 */
export async function openAnalyst({ steps }: Strategy, host: AnalystHost): Promise<Analyst> {
  return analystOf(
    steps.flatMap(({ analysis }) => analysis?.checks ?? []),
    host,
  );
}

/** For checks that no rollout names. @throws AkcError as `openAnalyst` */
export async function analystOf(checks: Analysis["checks"], host: AnalystHost): Promise<Analyst> {
  const ids = new Set(checks.filter(isValidator).map(bindingIdOf));
  return ids.size === 0 ? probesOnly : analystWith(await openPanel([...ids], host));
}

function analystWith(panel: Panel): Analyst {
  return {
    async measure({ checks: asked }, artifacts, signal) {
      const answers = await Promise.all(
        asked.map((check) =>
          isValidator(check) ? panel.ask(bindingIdOf(check), artifacts, signal) : measureProbe(check, signal),
        ),
      );
      return measurementOf(answers);
    },
    close: () => panel.close(),
  };
}

/** Reaches no registry: a check that names a binding is one that cannot be asked. */
export const probesOnly: Analyst = {
  async measure({ checks }, _, signal) {
    return measurementOf(await Promise.all(checks.map((check) => measureProbe(check, signal))));
  },
  close: async () => undefined,
};

/** An error outranks a failure, a failure what nobody could tell. */
function measurementOf(answers: readonly CheckAnswer[]): Measurement {
  const evidence = { checks: answers };
  const counted = answers.filter((answer) => answer["dry_run"] !== true);
  const worst = (["error", "fail", "inconclusive"] as const)
    .map((verdict) => counted.find((answer) => answer.verdict === verdict))
    .find((answer) => answer !== undefined);
  if (worst !== undefined) return { verdict: worst.verdict, message: worst.message, evidence };
  if (answers.length === 0)
    return { verdict: "inconclusive", message: "there is nothing to measure", evidence };
  const dry = answers.length - counted.length;
  const aside = dry === 0 ? "" : `, ${dry} ran dry`;
  return { verdict: "pass", message: `${counted.length} checks passed${aside}`, evidence };
}

type Check = Analysis["checks"][number];

function isValidator(check: Check): boolean {
  return check["kind"] === "validator";
}

/** What names none names one that no registry has. */
function bindingIdOf(check: Check): string {
  const id = check["binding"];
  return typeof id === "string" ? id : "";
}

interface Panel {
  ask(bindingId: string, artifacts: Pick<ArtifactStore, "put">, signal: AbortSignal): Promise<CheckAnswer>;
  close(): Promise<void>;
}

/** Loaded only where an analysis names bindings. The registry is read at once: what is wrong with it is known before anything happens. */
async function openPanel(ids: readonly string[], host: AnalystHost): Promise<Panel> {
  const { openRegistry, openOutside } = await import("../validation/outside.ts");
  const { executeBindings } = await import("../../validation/execution/execute.ts");
  const { listedFiles } = await import("../../validation/execution/artifact/observed-files.ts");
  const { refuseOutside } = await import("../../validation/bindings/paths.ts");
  const registry = await openRegistry(host);
  const bindings = ids.map((id): Binding => registry.bindings.get(id) ?? unknownBinding(id, registry));
  refuseOutside(bindings, host.scopeRoot);
  let outside: Promise<Outside> | undefined;
  const asked = async (binding: Binding, signal: AbortSignal): Promise<BindingObservation> => {
    outside ??= openOutside(bindings, host.scopeRoot, host);
    const { validators, openDoor } = await outside;
    const [observation] = await executeBindings({
      bindings: [binding],
      validators,
      openDoor,
      clock: host.clock,
      signal,
      totalMs: limits.measurementMsMax,
      folder: "",
      criterionIdsByBinding: new Map(),
    });
    if (observation === undefined) throw new AkcError("INTERNAL");
    return observation;
  };
  return {
    async ask(bindingId, artifacts, signal) {
      const binding = registry.bindings.get(bindingId) ?? unknownBinding(bindingId, registry);
      const about = { kind: "validator", binding: bindingId, ...(binding.dryRun ? { dry_run: true } : {}) };
      let observation: BindingObservation;
      try {
        observation = await asked(binding, signal);
      } catch (cause) {
        if (!(cause instanceof AkcError)) throw cause;
        // A plugin that cannot be opened, say: nobody was asked, and the next measurement tries again.
        outside = undefined;
        const message = `${bindingId}: ${cause.message} [${cause.code}]`;
        return { ...about, verdict: "error", reason: "system", message };
      }
      const { verdict, reason, message, payload, files } = observation;
      for (const { bytes } of files) await artifacts.put(bytes);
      return {
        ...about,
        verdict,
        message: `${bindingId}: ${message ?? verdict}`,
        ...(reason === undefined ? {} : { reason }),
        artifact: payload,
        files: listedFiles(files),
      };
    },
    async close() {
      await (await outside?.catch(() => undefined))?.close();
    },
  };
}

function unknownBinding(id: string, { path, bindings }: BindingRegistry): never {
  const near = nearestWord(id, [...bindings.keys()]);
  const meant = near === undefined ? "" : `Did you mean ${near}? `;
  throw new AkcError("DESIRED_STATE_INVALID", {
    message:
      id === ""
        ? "an analysis has a check of kind validator that names no binding"
        : `an analysis names the binding "${id}", which no registry has`,
    hint: `${meant}Name the registry with --validator-bindings, and see what it has with \`akc validate bindings\`.`,
    details: { binding: id, registry: path ?? "none" },
  });
}
