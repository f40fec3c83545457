/**
 * One seed: a plan, an undisturbed run of it and a run of it in which things go wrong; and what the two must have in common.
 */

import { limits } from "../../src/limits.ts";
import type { ActionRow, LeaseHolder, Store } from "../../src/store/contract.ts";
import { type Fault, faultsOf } from "./faults.ts";
import { createRandom } from "./random.ts";
import { type Scenario, type Script, scenarioOf } from "./scenario.ts";
import { createSimulatedStore } from "./store.ts";
import { type History, live } from "./world.ts";

export interface Verdict {
  readonly scenario: Scenario;
  readonly faults: readonly Fault[];
  readonly calm: History;
  readonly wild: History;
  /** Whether the faults leave the outcome as it was; otherwise only the other promises are checked. */
  readonly compared: boolean;
  /** What was not as promised; empty when all was. */
  readonly broken: readonly string[];
}

export type OpenStore = (isGone: (holder: LeaseHolder) => boolean) => Promise<Store>;

export async function simulate(seed: number | string, openStore: OpenStore = inMemory): Promise<Verdict> {
  const random = createRandom(String(seed));
  const scenario = scenarioOf(random.fork("scenario"));
  const faults = bearable(scenario, faultsOf(random.fork("faults")));
  const calm = await live({ scenario, faults: [], random: random.fork("calm"), openStore: inMemory });
  const wild = await live({ scenario, faults, random: random.fork("wild"), openStore });
  for (const { outcome, witness } of [calm, wild]) {
    const attempts = witness.events.filter(({ type }) => type === "runtime.action.policy_allowed").length;
    if (attempts > (scenario.budget.dispatches ?? attempts))
      witness.fault(`${attempts} attempts, ${scenario.budget.dispatches} were allowed`);
    if (outcome === null) witness.fault("the run has no outcome");
    else if (outcome !== "exhausted") witness.checkSettled();
  }
  const compared = comparable(scenario, calm, wild);
  const broken = [...calm.faults.map((fault) => `undisturbed: ${fault}`), ...wild.faults];
  broken.push(...calm.rows.flatMap((row) => againstScript(scenario, row)));
  if (compared) broken.push(...differences(calm, wild));
  return { scenario, faults, calm, wild, compared, broken };
}

const inMemory: OpenStore = async (isGone) => createSimulatedStore({ isGone });

/** Waits are for the wall clock over all processes: one that is set back for long holds them for as long. */
function bearable(scenario: Scenario, faults: readonly Fault[]): readonly Fault[] {
  if (![...scenario.routes.values()].some(({ kind }) => kind === "wait")) return faults;
  return faults.map((fault) =>
    fault.kind === "wall jump"
      ? { ...fault, byMs: Math.sign(fault.byMs) * Math.min(Math.abs(fault.byMs), 5_000) }
      : fault,
  );
}

/**
 * Crashes, pauses, takeovers, refusing and slow disks, jumps of the clock, stops that are gone on from, delays and orders
 * change no outcome. What may: a bound on attempts or on time, since a lost attempt costs both; a signal that comes about
 * when its wait is over; a pause that is longer than an action may take, which counts as one of its tries; and an action
 * that was under way at so many deaths that it is given up.
 */
function comparable(scenario: Scenario, calm: History, wild: History): boolean {
  const { budget, deadlineMs, closeCall } = scenario;
  if (budget.dispatches !== undefined || deadlineMs !== undefined || closeCall) return false;
  if (calm.outcome === "exhausted" || overslept(scenario, wild)) return false;
  return [...wild.witness.book.entries.values()].every(
    ({ interruptions }) => interruptions <= limits.interruptionsMax,
  );
}

/** Whether an action was told to end because of its time though its script never takes as long. */
function overslept({ scripts }: Scenario, { witness }: History): boolean {
  return witness.events.some(({ type, payload }) => {
    if (!type.startsWith("runtime.action.") || !payload.includes("it was told to end: it took longer"))
      return false;
    const nodeId: unknown = JSON.parse(payload).action.node_ref.node_id;
    return !(scripts.get(String(nodeId))?.endings.includes("hangs until told to end") ?? false);
  });
}

/** An action that was carried out undisturbed ends as its script says. */
function againstScript(
  scenario: Scenario,
  { actionId, nodeId, stepId, phase, attempt }: ActionRow,
): string[] {
  const script = scenario.scripts.get(nodeId);
  const carriedOut = attempt > 0 && (phase === "succeeded" || phase === "failed");
  if (!carriedOut || script === undefined || scenario.routes.has(nodeId)) return [];
  const triesMax = scenario.without.includes("runtime.action.retry") ? 1 : limits.attemptsMax;
  const expected = scenario.mode === "simulate" ? "succeeded" : endOf(script, triesMax, stepId === null);
  return phase === expected ? [] : [`undisturbed: ${actionId} ${phase}, its script says ${expected}`];
}

function endOf({ endings }: Script, triesMax: number, hasContract: boolean): "succeeded" | "failed" {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const ending = endings[Math.min(tries, endings.length - 1)];
    if (ending === "succeeds") return "succeeded";
    if (ending === "leaves out an output") return hasContract ? "failed" : "succeeded";
    if (ending === "fails for good" || ending === "hangs for ever") return "failed";
  }
  return "failed";
}

function differences(calm: History, wild: History): string[] {
  if (calm.outcome !== wild.outcome)
    return [`the outcome is ${wild.outcome}, undisturbed it is ${calm.outcome}`];
  const expected = ends(calm.rows);
  const found = ends(wild.rows);
  if (expected.join("\n") === found.join("\n")) return [];
  const lost = expected.filter((end) => !found.includes(end));
  const gained = found.filter((end) => !expected.includes(end));
  return [`ended otherwise: ${gained.join(", ")}; undisturbed: ${lost.join(", ")}`];
}

/**
 * An action that an event set off is named after the event: its node says what it was. How many there are hangs on how
 * many tries failed, and who was stopped may try anew.
 */
function ends(rows: readonly ActionRow[]): readonly string[] {
  const lines = rows.map(({ actionId, nodeId, stepId, phase, outputSha256 }) =>
    stepId === null ? `${nodeId} ${phase}` : `${actionId} ${phase} ${outputSha256}`,
  );
  return [...new Set(lines)].sort();
}
