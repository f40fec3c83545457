/**
 * What must hold of a scope after its controllers died, whoever went on: each rule says in words what is wrong, and nothing when all
 * is well. It reads the state, the runs and the files, and believes no controller.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createChronicle } from "../../../src/autopilot/chronicle/chronicle.ts";
import { readAutopilotConfig } from "../../../src/autopilot/config/read.ts";
import { scopeConfigOf } from "../../../src/autopilot/config/scope-config.ts";
import { leaseNames } from "../../../src/autopilot/lease/name.ts";
import type { AttemptVerdict, Entry, Fact, ScopeId, ScopeState } from "../../../src/autopilot/model.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { plainEnv } from "../../e2e/akc.ts";
import { type Place, shopScope } from "./place.ts";

/** A chain that was written by one at a time, with every attempt ended and counted once. */
export async function chainFaults(place: Place, scope: ScopeId = shopScope): Promise<readonly string[]> {
  return place.store(async (store) => {
    const broken = await store.verify(scope);
    if (broken.length > 0) return broken.map(({ seq, message }) => `the chain at ${seq}: ${message}`);
    const entries = await store.entries(scope, 0, 10_000);
    return [...orderFaults(entries), ...attemptFaults(entries, await store.state(scope))];
  });
}

/** Entries of an older token never follow those of a newer one, and each token has one writer. */
function orderFaults(entries: readonly Entry[]): readonly string[] {
  const faults: string[] = [];
  const writers = new Map<number, string>();
  let newest = 0;
  let before = 0;
  for (const { seq, atMs, token, writer, fact } of entries) {
    if (atMs < before) faults.push(`${seq} is older than the one before it`);
    before = atMs;
    if (token === 0) continue;
    if (token < newest) faults.push(`${seq} (${fact.type}) was written under ${token} after ${newest}`);
    newest = Math.max(newest, token);
    const known = writers.get(token) ?? writer;
    if (known !== writer) faults.push(`token ${token} is of ${known} and of ${writer}`);
    writers.set(token, known);
  }
  return faults;
}

/** One is open at a time, and each ends once. */
function attemptFaults(entries: readonly Entry[], state: ScopeState): readonly string[] {
  const faults: string[] = [];
  let under: string | undefined;
  let counted = 0;
  for (const { seq, fact } of entries) {
    if (fact.type === "attempt_started") {
      if (under !== undefined) faults.push(`at ${seq} one starts while ${under} is open`);
      under = fact.attempt.attemptId;
      counted += 1;
    } else if (fact.type === "attempt_ended") {
      if (under !== fact.attemptId) faults.push(`at ${seq} one ends that is not open: ${fact.attemptId}`);
      under = undefined;
      if (fact.verdict === "not_started") counted -= 1;
    }
  }
  if (under !== undefined) faults.push(`${under} is open`);
  if (state.recompiling !== undefined) faults.push("a recompile is open");
  if (state.mutationsAtMs.length !== counted)
    faults.push(`${state.mutationsAtMs.length} mutations are counted, ${counted} were made`);
  return faults;
}

/** How attempts ended that had begun. */
export function verdictsOf(facts: readonly Fact[]): readonly AttemptVerdict[] {
  return facts
    .flatMap((fact) => (fact.type === "attempt_ended" ? [fact.verdict] : []))
    .filter((verdict) => verdict !== "not_started");
}

/** Each run of a rollout was begun once, and of those that never began there is nothing. */
export function runFaults(place: Place, facts: readonly Fact[]): readonly string[] {
  const there = place.runs();
  const starts = facts.flatMap((fact) => (fact.type === "attempt_started" ? [fact.attempt] : []));
  const began = new Set(
    facts.flatMap((fact) =>
      fact.type === "attempt_ended" && fact.verdict !== "not_started" ? [fact.attemptId] : [],
    ),
  );
  const faults: string[] = [];
  for (const { attemptId, kind, runtimeRunId } of starts) {
    if (kind !== "rollout") continue;
    const isThere = there.includes(runtimeRunId);
    if (isThere !== began.has(attemptId)) faults.push(`${runtimeRunId} is ${isThere ? "" : "not "}there`);
    if (!isThere) continue;
    const begins = place.shop.world
      .events(runtimeRunId)
      .filter(({ type }) => type === "runtime.kernel.started");
    if (begins.length !== 1) faults.push(`${runtimeRunId} was begun ${begins.length} times`);
  }
  return faults;
}

const written = ["history.jsonl", "decisions", "escalations"] as const;

/** The files that other tools read are what somebody writes who begins anew, from the state alone. */
export async function fileFaults(place: Place): Promise<readonly string[]> {
  const config = await readAutopilotConfig({
    flags: {},
    env: { ...plainEnv, AKC_AUTOPILOT_CONFIG: place.config },
    cwd: place.shop.world.side,
  });
  const scope = scopeConfigOf(config, shopScope);
  const elsewhere = join(place.shop.world.side, "rebuilt");
  rmSync(elsewhere, { recursive: true, force: true });
  mkdirSync(elsewhere);
  await place.store(async (store) => {
    const chronicle = createChronicle({
      store,
      retention: () => config.retention,
      lease: () => config.lease,
      leaseNameOf: leaseNames(config.lease),
      tell: () => undefined,
      clock: systemClock,
    });
    await chronicle.record({ ...scope, scopeRoot: elsewhere }, [], await store.state(shopScope));
  });
  const [there, rebuilt] = [filesOf(scope.scopeRoot), filesOf(elsewhere)];
  const names = [...new Set([...there.keys(), ...rebuilt.keys()])].toSorted();
  const differing = names.filter((name) => there.get(name) !== rebuilt.get(name));
  return differing.map((name) => `${name}: ${there.get(name) ?? "missing"} is not ${rebuilt.get(name)}`);
}

function filesOf(scopeRoot: string): ReadonlyMap<string, string> {
  const folder = join(scopeRoot, ".akc/autopilot");
  const names = written.flatMap((name) => {
    const path = join(folder, name);
    if (!existsSync(path)) return [];
    return name.includes(".") ? [name] : readdirSync(path).map((file) => `${name}/${file}`);
  });
  return new Map(names.map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}
