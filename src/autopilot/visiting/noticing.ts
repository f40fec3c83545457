/**
 * What a visit finds before it decides: a bundle that lies there, what stood before anybody watched, triggers, and what stands now.
 * All of it is stored before it is acted on. A sense that fails is told of and never keeps the others from being used.
 */
import { AkcError, messageWithPath } from "../../errors.ts";
import { redactText } from "../../evidence/redact.ts";
import { sha256Hex } from "../../json/fingerprint.ts";
import { limits } from "../../limits.ts";
import type { Cursor } from "../contract.ts";
import { driftWords } from "../decide.ts";
import type { Deployed, Fact, ScopeId, ScopeState, Sighting, Trigger } from "../model.ts";
import { attemptSpans, isOfAttempt } from "../triggers/own-attempts.ts";
import { makeTrigger, oneLine } from "../triggers/trigger.ts";
import { ask, boundsOf, throwIfOver } from "./bounded.ts";
import type { VisitFault, VisitOrder, VisitPorts } from "./model.ts";
import type { ScopeRecord } from "./record.ts";

/** Records offers and triggers, in one write if there is anything. Returns what could not be asked. */
export async function notice(
  ports: VisitPorts,
  order: VisitOrder,
  record: ScopeRecord,
): Promise<readonly VisitFault[]> {
  const { scope } = order;
  const bounds = boundsOf(ports, order);
  const faults: VisitFault[] = [];
  /** @throws the reason of a lost lease or a cut; what else goes wrong is kept */
  const tried = async <T>(what: string, question: (signal: AbortSignal) => Promise<T>) => {
    try {
      return await ask(what, limits.autopilotAskMsMax, bounds, question);
    } catch (cause) {
      throwIfOver(order);
      faults.push(faultOf(cause, what));
      return undefined;
    }
  };
  const before = record.state();
  const facts: Fact[] = [];
  if (before.deployed === undefined && before.attempt === undefined) {
    const deployed = await tried("looking for what was deployed before", () => ports.offers.standing(scope));
    if (deployed !== undefined && !before.rejected.includes(deployed.bundleSha256))
      facts.push({ type: "adopted", deployed });
  }
  const offer = await tried("looking for the newest bundle", () => ports.offers.newest(scope));
  if (offer !== undefined && offer.bundleSha256 !== before.newestSha256)
    facts.push({ type: "offered", offer });
  const known = await ports.store.cursors(scope.scope);
  const found = await tried("looking for triggers", (signal) =>
    ports.sources.collect(scope, before, known, signal),
  );
  const fresh = newTriggers(before, found?.triggers ?? []);
  const triggers = fresh.slice(0, Math.max(0, limits.autopilotTriggersOpenMax - before.openTriggers.length));
  if (triggers.length < fresh.length) tellDropped(ports, scope.scope, fresh.length - triggers.length);
  facts.push(...triggers.map((trigger) => ({ type: "triggered", trigger }) as const));
  const cursors = movedOn(known, found?.cursors ?? []);
  const goneRuns = found?.goneRuns ?? [];
  if (facts.length > 0 || cursors.length > 0 || goneRuns.length > 0)
    await record.append(facts, { cursors, goneRuns });
  return faults;
}

/** What there is to look at: what an attempt has made while it is watched, else what is deployed. */
export function watched({ attempt, deployed }: ScopeState): Deployed | undefined {
  if (attempt === undefined) return deployed;
  if (attempt.phase.kind === "running") return undefined;
  const { bundleSha256, bundlePath, runtimeRunId, startedAtMs } = attempt;
  return { bundleSha256, bundlePath, runtimeRunId, atMs: startedAtMs };
}

/**
 * Looks at it, and stores a drift that nobody knew of. Where a person has deployed something else since, that is looked at: what he
 * brought out is no drift. A look that fails has seen nothing.
 * @throws the reason of a lost lease or a cut
 */
export async function look(
  ports: VisitPorts,
  order: VisitOrder,
  record: ScopeRecord,
  deployed: Deployed,
): Promise<Sighting> {
  const sighting = await seenNow(ports, order, record, deployed);
  if (sighting.kind !== "drifted" && sighting.kind !== "unseen") return sighting;
  const newer = await adoptNewer(ports, order, record);
  if (newer !== undefined) return look(ports, order, record, newer);
  const state = record.state();
  const isNew = state.attempt === undefined && !state.openTriggers.some(({ kind }) => kind === "drift");
  if (sighting.kind === "drifted" && isNew && order.scope.triggers.drift) {
    const trigger = driftTrigger(sighting, deployed, ports.ids.eventId(), record.nowMs());
    await record.append([{ type: "triggered", trigger }]);
  }
  return sighting;
}

async function seenNow(
  ports: VisitPorts,
  order: VisitOrder,
  record: ScopeRecord,
  deployed: Deployed,
): Promise<Sighting> {
  const { scope } = order;
  const sighting = await ask(
    "looking at what stands",
    limits.autopilotAskMsMax,
    boundsOf(ports, order),
    (signal) => ports.sentries.look(scope, deployed, signal),
  ).catch((cause): Sighting => {
    throwIfOver(order);
    return { kind: "unseen", ...faultOf(cause, "looking at what stands") };
  });
  ports.looked(scope.scope, sighting.kind, record.nowMs());
  return sighting;
}

/**
 * What a person or a script has deployed since, taken for what is to stand from now on: nobody undoes it, and what it was rolled out
 * in place of is not missed. Undefined where nobody has, or nobody can tell.
 * @throws the reason of a lost lease or a cut
 */
export async function adoptNewer(
  ports: VisitPorts,
  order: VisitOrder,
  record: ScopeRecord,
): Promise<Deployed | undefined> {
  const { deployed, attempt, atMs } = record.state();
  if (deployed === undefined || attempt !== undefined) return undefined;
  const { scope } = order;
  const bounds = boundsOf(ports, order);
  const newer = await ask("looking for what was deployed since", limits.autopilotAskMsMax, bounds, () =>
    ports.offers.standing(scope),
  ).catch(() => {
    throwIfOver(order);
  });
  if (newer === undefined || newer.runtimeRunId === deployed.runtimeRunId || newer.atMs <= deployed.atMs)
    return undefined;
  const fromMs = newer.atMs - limits.autopilotAttemptLookBackMs;
  const marks = await ports.store.attemptMarks(scope.scope, fromMs, Math.max(atMs, newer.atMs) + 1);
  // What an attempt brought out and did not keep was nobody's wish.
  if (isOfAttempt(attemptSpans(marks), newer.runtimeRunId, newer.atMs)) return undefined;
  await record.append([{ type: "adopted", deployed: newer }]);
  return newer;
}

/** The key says what is about what: another one would be another drift. */
function driftTrigger(
  sighting: Extract<Sighting, { kind: "drifted" }>,
  { bundleSha256 }: Deployed,
  id: string,
  atMs: number,
): Trigger {
  const resources = sighting.resources.map(({ resourceId, what }) => `${resourceId} ${what}`);
  const isGrave = sighting.resources.some(({ what }) => what === "missing" || what === "unhealthy");
  return makeTrigger({
    id,
    kind: "drift",
    severity: isGrave ? "high" : "med",
    key: `drift:${bundleSha256}:${sha256Hex(resources.join("\n"))}`,
    reason: driftWords(sighting),
    atMs,
    details: {
      bundle_sha256: bundleSha256,
      resources: sighting.resources
        .slice(0, limits.autopilotDriftShownMax)
        .map(({ resourceId, what, message }) => ({ resource_id: resourceId, what, message })),
    },
  });
}

/** Those that are not known yet. */
function newTriggers({ openTriggers }: ScopeState, found: readonly Trigger[]): readonly Trigger[] {
  const keys = new Set(openTriggers.map(({ key }) => key));
  return found.filter(({ key }) => !keys.has(key) && keys.add(key));
}

function tellDropped({ tell, clock }: VisitPorts, { tenantId, repoId }: ScopeId, dropped: number): void {
  const keys = { tenant_id: tenantId, repo_id: repoId, dropped };
  const message = "as many triggers wait as may; the newest are dropped";
  tell({ kind: "note", level: "warn", message, keys, atMs: clock.nowMs() });
}

function movedOn(known: readonly Cursor[], found: readonly Cursor[]): readonly Cursor[] {
  const before = new Map(known.map(({ runtimeRunId, seq }) => [runtimeRunId, seq]));
  return found.filter(({ runtimeRunId, seq }) => before.get(runtimeRunId) !== seq);
}

/** What went wrong, for the state and the log; a fault of akc's own is told as such and is no reason to stop. */
export function faultOf(cause: unknown, what: string): VisitFault {
  const error = cause instanceof AkcError ? cause : new AkcError("INTERNAL", { cause });
  const { code } = error;
  const detail = cause === error || !(cause instanceof Error) ? messageWithPath(error) : cause.message;
  return { code, message: oneLine(redactText(`${what}: ${detail}`, [])) };
}
