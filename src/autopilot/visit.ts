/**
 * One visit of one scope: looks at what is, decides, does the next step, and looks again, until there is nothing to do now. Whatever
 * goes wrong in a scope is recorded once and stays in it; a visit that changes nothing writes nothing.
 *
 * Source: spec cli §14.7; controller-runtime (design only).
 */
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import { decide, type Next } from "./decide.ts";
import type { AttemptKind, Fact, Sighting } from "./model.ts";
import { type Attempted, attempt, conclude, recoverAttempt, type Step } from "./visiting/attempting.ts";
import { ask, boundsOf } from "./visiting/bounded.ts";
import type { Visited, VisitFault, VisitOrder, VisitPorts } from "./visiting/model.ts";
import { faultOf, look, notice, watched } from "./visiting/noticing.ts";
import { forgetRecompile, recompile } from "./visiting/recompiling.ts";
import { openRecord, type ScopeRecord } from "./visiting/record.ts";

export type { AutopilotIds, Visited, VisitOrder, VisitPorts } from "./visiting/model.ts";

/**
 * Whoever calls it holds the scope, and visits it once at a time.
 * @throws AkcError AUTOPILOT_STATE_DAMAGED, STORE_BUSY and what else keeps the scope's facts from being read; faults of akc's own
 */
export async function visit(ports: VisitPorts, order: VisitOrder): Promise<Visited> {
  const record = await openRecord(ports, order);
  const { lost } = order.held;
  const seen: Seen = { next: { do: "nothing", why: "not looked" } };
  const whatIs = () => ({ state: record.state(), ...seen });
  try {
    const faults: VisitFault[] = [];
    const rest = await walk({ ports, order, record }, seen, faults);
    await finish({ ports, order, record }, faults);
    const [first] = faults;
    const fault = first === undefined ? {} : { fault: { ...first, whole: false } };
    return { ...whatIs(), ...rest, ...fault };
  } catch (cause) {
    if (lost.aborted || (cause instanceof AkcError && cause.code === "LEASE_LOST"))
      return { ...whatIs(), ended: "lost" };
    if (order.cut.aborted) return { ...whatIs(), ended: "cut" };
    if (!(cause instanceof AkcError) || cause.code === "AUTOPILOT_STATE_DAMAGED") throw cause;
    const fault = faultOf(cause, "the visit");
    // What keeps facts from being written keeps this one from it as well; then the log alone has it.
    await recordFault(record, fault).catch(() => undefined);
    return { ...whatIs(), fault: { ...fault, whole: true } };
  }
}

type Rest = Pick<Visited, "againInMs" | "ended">;

/** As it was last, whatever ends the visit. */
interface Seen {
  next: Next;
  sighting?: Sighting | undefined;
}

/** Attempts that gates have kept from being made in this visit, and why. */
type Shut = Map<AttemptKind, Omit<Extract<Attempted, { readonly kind: "shut" }>, "kind">>;

async function walk(step: Step, seen: Seen, faults: VisitFault[]): Promise<Rest> {
  const { ports, order, record } = step;
  const { scope } = order;
  await forgetRecompile(step);
  faults.push(...(await notice(ports, order, record)));
  const shut: Shut = new Map();
  let lookedAt: string | undefined;
  for (let taken = 0; taken < limits.autopilotStepsPerVisitMax; taken += 1) {
    const deployed = watched(record.state());
    const about = JSON.stringify([deployed?.runtimeRunId, record.state().attempt?.phase.kind]);
    if (deployed === undefined) seen.sighting = undefined;
    else if (lookedAt !== about) seen.sighting = await look(ports, order, record, deployed);
    lookedAt = about;

    const next = decide({
      state: record.state(),
      config: scope,
      sighting: seen.sighting,
      hasHook: scope.recompile !== undefined,
      nowMs: record.nowMs(),
      shut: [...shut.keys()],
    });
    seen.next = next;
    switch (next.do) {
      case "nothing":
      case "hold":
        return untilGatesOpen(record, shut, seen);
      case "wait":
        return { againInMs: Math.max(0, next.untilMs - record.nowMs()) };
      case "settle":
        await record.append([{ type: "triggers_settled", triggerIds: next.triggerIds, by: next.by }]);
        continue;
      case "escalate":
        await record.append([{ type: "escalated", reason: next.reason, message: next.message }]);
        continue;
      case "recover":
      case "conclude":
      case "attempt":
      case "recompile":
        break;
    }
    if (order.stopping()) return { ended: "cut" };
    const leave = order.takePlace();
    if (leave === undefined) return { ended: "place" };
    try {
      const { changed, waits } = await carryOut(step, next, shut);
      if (waits !== undefined) {
        const againInMs = scope.rollout.bakeLookMs;
        seen.next = { do: "wait", why: waits, untilMs: record.nowMs() + againInMs };
        return { againInMs };
      }
      // What was done changes what stands: nothing seen before counts.
      if (changed) lookedAt = undefined;
    } finally {
      leave();
    }
  }
  // The others have their turn.
  return { againInMs: limits.autopilotPollMs };
}

type Work = Extract<Next, { do: "recover" | "conclude" | "attempt" | "recompile" }>;

interface CarriedOut {
  /** Whether what stands may be another thing now. */
  readonly changed: boolean;
  /** For what it is left open, until a person has said how it goes on. */
  readonly waits?: string | undefined;
}

/** @throws AkcError why an attempt did not begin, for a reason that passes */
async function carryOut(step: Step, next: Work, shut: Shut): Promise<CarriedOut> {
  switch (next.do) {
    case "recover":
      return { changed: true, waits: await recoverAttempt(step, next.attempt) };
    case "conclude":
      await conclude(step, next);
      return { changed: true };
    case "recompile":
      await recompile(step, next.triggers);
      return { changed: false };
    case "attempt": {
      const attempted = await attempt(step, next);
      if (attempted.kind === "not_begun") throw attempted.cause;
      if (attempted.kind === "shut") shut.set(next.kind, attempted);
      if (attempted.kind === "waits") return { changed: true, waits: attempted.why };
      return { changed: attempted.kind === "done" };
    }
  }
}

/** Gates that stay closed are what a scope waits for; those that open by themselves are come back for. */
function untilGatesOpen(record: ScopeRecord, shut: Shut, seen: Seen): Rest {
  if (shut.size === 0) return {};
  const why = [...shut].map(([kind, { why }]) => `${kind}: ${why}`).join("; ");
  if (seen.next.do === "nothing") seen.next = { do: "nothing", why: `gates are closed: ${why}` };
  const times = [...shut.values()].flatMap(({ opensAtMs }) => opensAtMs ?? []);
  if (times.length === 0) return {};
  return { againInMs: Math.max(limits.autopilotPollMs, Math.min(...times) - record.nowMs()) };
}

/** What is recorded of the visit itself: a scoreboard that was due, a fault that is new, or that there is none any more. */
async function finish({ ports, order, record }: Step, faults: readonly VisitFault[]): Promise<void> {
  const bounds = boundsOf(ports, order);
  const window = await ask("the scoreboard", limits.autopilotAskMsMax, bounds, () =>
    ports.chronicle.score(order.scope, record.state(), record.nowMs()),
  ).catch(() => undefined);
  const facts: Fact[] = [];
  if (window !== undefined) facts.push({ type: "scored", ...window });
  const [fault] = faults;
  if (fault === undefined && record.state().fault !== undefined) facts.push({ type: "visit_recovered" });
  if (facts.length > 0) await record.append(facts);
  if (fault !== undefined) await recordFault(record, fault);
}

/** Once for as long as it lasts, not at every visit. */
async function recordFault(record: ScopeRecord, { code, message }: VisitFault): Promise<void> {
  const known = (await record.refresh()).fault;
  if (known?.code !== code) await record.append([{ type: "visit_failed", code, message }]);
}
