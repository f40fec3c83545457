/**
 * Asks the outside systems that a run's criteria name, and keeps each answer in the run's own history as it comes. Whatever goes wrong
 * on the way is an answer too: no evidence is ever lost for it.
 *
 * Source: spec reconcile §6; reconcile:W-07.
 */
import { wireContext } from "../../adapters/plugin/request.ts";
import { AkcError } from "../../errors.ts";
import { canonicalJson } from "../../json/canonical.ts";
import { eventTypes } from "../../kernel/wire.ts";
import { limits } from "../../limits.ts";
import type { RunRow } from "../../store/contract.ts";
import { failpoint } from "../../system/failpoint.ts";
import type { BindingRegistry } from "../../validation/bindings/model.ts";
import { refuseOutside } from "../../validation/bindings/paths.ts";
import { artifactsFolder } from "../../validation/execution/artifact/names.ts";
import { listedFiles } from "../../validation/execution/artifact/observed-files.ts";
import type { BindingObservation } from "../../validation/execution/model.ts";
import { askingAdapterId, observeAsked } from "../../validation/execution/observe.ts";
import { evidenceTypeOf, selectBindings } from "../../validation/execution/select.ts";
import { type AskedSignal, askedSignals } from "../../validation/operational-spec/criteria.ts";
import { keptOptions } from "../continuation/kept-options.ts";
import { readOperatorPolicy } from "../prepare.ts";
import type { SettleParts } from "../settle.ts";
import { askedAlready, askedSinceEnd } from "./asked.ts";
import { type Outside, type OutsideSearch, openOutside, openRegistry } from "./outside.ts";

/** How it is asked, beyond what the run was started with. */
export interface AskOptions {
  /** Whoever asks on purpose may, whatever the run's adapter. */
  readonly insist?: boolean;
  readonly bindingsPath?: string | undefined;
  readonly pluginsDirs?: readonly string[] | undefined;
}

export interface Observed {
  /** Of those that were asked now. */
  readonly observations: readonly BindingObservation[];
  /** Whether each binding has its answer; not where asking was cut off. */
  readonly complete: boolean;
}

/**
 * One observation for each binding that the criteria name and that was not asked since the run ended or was last judged. What was
 * cancelled is none: whoever goes on asks again.
 * @throws AkcError what the store throws; with `insist` also BINDINGS_INVALID, BINDINGS_NOT_FOUND,
 *   BINDING_PATH_OUTSIDE
 */
export async function observeOutside(
  parts: SettleParts,
  runtimeRunId: string,
  options: AskOptions = {},
): Promise<Observed> {
  const { store, facts, signal } = parts;
  const signals = askedSignals(facts.validity?.criteria ?? []);
  if (signals.length === 0) return { observations: [], complete: true };
  const reader = await store.openRun(runtimeRunId);
  try {
    const row = await reader.run();
    const known = options.insist === true ? new Set() : await askedAlready(reader, row.lastSeq);
    const asked = signals.filter(({ stub }) => !known.has(stub));
    if (asked.length === 0) return { observations: [], complete: true };
    if (signal.aborted) return { observations: [], complete: false };
    const observations = await observed(parts, { row, asked, signals, options });
    failpoint("validation.all_recorded");
    return { observations, complete: observations.every(isKept) };
  } finally {
    await reader.close();
  }
}

/** Whether each binding has said something since the run's end, for whoever judges it without asking. */
export async function isAnswered({ store, facts }: SettleParts, runtimeRunId: string): Promise<boolean> {
  const signals = askedSignals(facts.validity?.criteria ?? []);
  if (signals.length === 0) return true;
  const reader = await store.openRun(runtimeRunId);
  try {
    const asked = await askedSinceEnd(reader, (await reader.run()).lastSeq);
    return signals.every(({ stub }) => asked.has(stub));
  } finally {
    await reader.close();
  }
}

interface Asking {
  readonly row: RunRow;
  readonly asked: readonly AskedSignal[];
  /** Those too that were asked before. */
  readonly signals: readonly AskedSignal[];
  readonly options: AskOptions;
}

async function observed(
  parts: SettleParts,
  { row, asked, signals, options }: Asking,
): Promise<readonly BindingObservation[]> {
  const { clock, signal, askMs = limits.validationMsDefault, asking } = parts;
  asking?.began(asked.map(({ stub }) => stub));
  const { registry, outside, fault } = await open(asked, await searchOf(row, parts, options), parts, options);
  try {
    return await observeAsked({
      asked,
      alsoNamed: signals.map(({ stub }) => stub),
      registry,
      ...(fault === undefined ? {} : { unreadable: `${fault.message} [${fault.code}]` }),
      adapterId: options.insist === true ? askingAdapterId : adapterOf(row),
      validators: outside?.validators ?? nobody,
      openDoor: (binding, workdir) => {
        if (outside === undefined) throw fault ?? new AkcError("INTERNAL");
        return outside.openDoor(binding, workdir);
      },
      folder: artifactsFolder(row.context.runId, row.context.runtimeRunId),
      context: wireContext(row.context, row.context.adapterId),
      clock,
      signal,
      totalMs: Math.min(askMs, limits.validationMsDefault),
      onObservation: keeper(parts),
    });
  } finally {
    await outside?.close();
  }
}

interface Opened {
  readonly registry: BindingRegistry;
  readonly outside?: Outside;
  /** Why nobody can be asked. */
  readonly fault?: AkcError;
}

/** A run must not lose its evidence for a registry that became invalid meanwhile; then its bindings cannot be asked, and that is told. */
async function open(
  asked: readonly AskedSignal[],
  search: OutsideSearch,
  { place, clock }: SettleParts,
  { insist }: AskOptions,
): Promise<Opened> {
  let registry: BindingRegistry = { bindings: new Map() };
  try {
    registry = await openRegistry(search);
    const { bindings } = selectBindings(asked, registry);
    // Whoever asks on purpose is told before anything happens; else it costs the binding its answer, and no other.
    if (insist === true) refuseOutside(bindings, place.scopeRoot);
    return { registry, outside: await openOutside(bindings, place.scopeRoot, { ...search, clock }) };
  } catch (cause) {
    if (insist === true || !(cause instanceof AkcError)) throw cause;
    return { registry, fault: cause };
  }
}

async function searchOf(
  row: RunRow,
  { env, bindingsPath: instead, asking }: SettleParts,
  { bindingsPath, pluginsDirs }: AskOptions,
): Promise<OutsideSearch> {
  const kept = keptOptions(row);
  return {
    bindingsPath: bindingsPath ?? instead ?? kept.validatorBindings,
    pluginsDirs: pluginsDirs ?? kept.pluginsDirs ?? [],
    operator: await readOperatorPolicy(kept.policyPath),
    env,
    onNote: (note) => asking?.noted(note),
  };
}

/** One after the other, as numbers of events are given; those that come while others are recorded are recorded together. */
function keeper(parts: SettleParts): (observation: BindingObservation) => Promise<void> {
  let waiting: BindingObservation[] = [];
  let last: Promise<void> = Promise.resolve();
  const recordWaiting = async () => {
    // Others may have answered in this very moment: a disk that is waited for once is waited for enough.
    await new Promise((resolve) => setImmediate(resolve));
    const together = waiting;
    waiting = [];
    await record(parts, together.filter(isKept));
    for (const observation of together) parts.asking?.answered(observation);
  };
  return (observation) => {
    waiting.push(observation);
    last = last.then(recordWaiting);
    return last;
  };
}

/** Their files are made of what is recorded, together with all other evidence. */
async function record(
  { writer, clock }: SettleParts,
  observations: readonly BindingObservation[],
): Promise<void> {
  if (observations.length === 0) return;
  for (const { files } of observations) {
    failpoint("validation.answered");
    for (const { bytes } of files) await writer.artifacts.put(bytes);
  }
  const events = observations.map((observation, index) => ({
    seq: writer.lastSeq + 1 + index,
    type: eventTypes.validationObserved,
    atMs: clock.nowMs(),
    payload: payloadOf(observation),
  }));
  await writer.commit({ events, actions: [], decisions: [] });
  for (const _ of observations) {
    failpoint("validation.recorded");
  }
}

function payloadOf(observation: BindingObservation): string {
  const { bindingId, artifactKind, verdict, reason, payload, files } = observation;
  return canonicalJson({
    binding_id: bindingId,
    evidence_type: evidenceTypeOf(artifactKind),
    verdict,
    ...(reason === undefined ? {} : { reason }),
    artifact: payload,
    files: listedFiles(files),
  });
}

function isKept({ reason }: BindingObservation): boolean {
  return reason !== "cancelled";
}

/** Installing an app is a side effect, and asking tells nothing of what was not done: a simulated run asks nobody. */
function adapterOf({ context }: RunRow): string {
  return context.mode === "simulate" ? "simulate" : context.adapterId;
}

const nobody = { kinds: [], byKind: () => undefined };
