/**
 * Named places where a test may let akc die or fail. They exist only in a binary that is built for tests: every call stands
 * on a line of its own, and the build of any other binary leaves these lines out (`scripts/build.ts`).
 *
 * `AKC_FAILPOINT=name:N:what`, several parted by commas: the Nth time that the place is reached, `N+` for this and every
 * later time. `AKC_FAILPOINT_LOG=path` appends the name of every place that is reached, one a line.
 */
import { appendFileSync } from "node:fs";

/** True in a binary for tests alone; nobody defines it in source. */
declare const AKC_FAILPOINTS: boolean | undefined;

/** Every place, with what is true there. */
export const failpointPlaces = {
  "store.before_migration": "the database is as it was found, the transaction that changes it has begun",
  "store.between_migrations": "one migration is applied, the version still says the old one",
  "store.migrated": "the database has its new shape, nobody uses it yet",
  "lease.before_grant": "the run does not exist",
  "lease.inside_grant": "the row of the run is written, its lease is not, nothing is committed",
  "lease.granted": "the run exists and is held, it has no event",
  "takeover.before": "the run belongs to its old holder",
  "takeover.inside": "the lease is rewritten, nothing is committed",
  "takeover.after": "the run has a new holder, which has read and written nothing",
  "lease.before_renewal": "the lease is to be moved on",
  "lease.renewed": "the lease is moved on, the holder does not know",
  "lease.before_release": "all is done, the lease is held",
  "lease.released": "the lease is free, the process still lives",
  "commit.before_begin": "a turn is ready, the database knows nothing of it",
  "commit.begun": "the transaction is open, the token is not compared yet",
  "commit.events_written": "the events stand in the open transaction",
  "commit.before_commit": "the whole turn stands in the open transaction",
  "commit.committed": "the turn is durable, whoever made it does not know",
  "artifact.before_rename": "an output is whole in a temporary file",
  "artifact.kept": "an output has its name, no event speaks of it",
  "kernel.intents_durable": "what was allowed is recorded, nothing of it has started",
  "effect.before_start": "one intent is recorded, its effect has not started",
  "effect.ended": "the effect is over, nobody has recorded how",
  "kernel.before_finish": "every action has its end, the run has none",
  "kernel.finished": "the run has its outcome, no evidence is written",
  "file.before_sync": "a file is written to its temporary name",
  "file.before_rename": "the temporary file is durable, the old one still has the name",
  "file.in_place": "the new file has its name, the folder may not be durable",
  "evidence.before_seal": "every file of evidence is written, the database has no digest of them",
  "evidence.sealed": "the digests are durable, the lease is held",
  "reconcile.intent_recorded":
    "a change of a resource is recorded as begun, the provider knows nothing of it",
  "reconcile.change_made": "the provider has made a change, nobody has recorded it",
  "reconcile.change_recorded": "a change is recorded as made, nobody has looked what stands",
  "validation.answered": "a binding has answered, nobody has recorded it",
  "validation.recorded": "an answer is recorded, its files are not written",
  "validation.all_recorded": "every answer is recorded, the run is not judged",
  "validation.attested": "the judgement is recorded, the evidence does not tell it yet",
  "prune.set_aside": "the folder of a run that goes is set aside, its rows stand",
  "prune.inside": "some rows of it are gone, nothing is committed",
  "prune.deleted": "its rows are gone, its folder is not",
  "autopilot.before_append": "facts of a scope are ready, nobody knows of them",
  "autopilot.inside_append": "they stand in the open transaction",
  "autopilot.appended": "they are durable, whoever wrote them does not know",
  "autopilot.lease_acquired": "the lease of a scope is taken, its fence is that of the holder before",
  "autopilot.fence_raised": "the fence of a scope is a new one, its holder does not know",
} as const;

export type Failpoint = keyof typeof failpointPlaces;

/** What happens there. `pause` stops the whole process until somebody continues it. */
const acts = ["kill", "exit", "eio", "enospc", "pause"] as const;
type Act = (typeof acts)[number];

/** Exit code of `exit`, which no other end of akc has. */
export const failpointExitCode = 86;

/** @throws Error with `code` EIO or ENOSPC, as a system call would, where it was asked to. */
export function failpoint(place: Failpoint): void {
  if (typeof AKC_FAILPOINTS === "undefined" || !AKC_FAILPOINTS) return;
  const count = (reached.get(place) ?? 0) + 1;
  reached.set(place, count);
  const log = process.env["AKC_FAILPOINT_LOG"];
  if (log !== undefined) appendFileSync(log, `${place}\n`);
  orders ??= ordersOf(process.env["AKC_FAILPOINT"] ?? "");
  for (const order of orders) {
    const due = order.place === place && (count === order.nth || (order.onwards && count > order.nth));
    if (due) perform(order.act, place);
  }
}

interface Order {
  readonly place: Failpoint;
  readonly nth: number;
  readonly onwards: boolean;
  readonly act: Act;
}

const reached = new Map<Failpoint, number>();
let orders: readonly Order[] | undefined;

function ordersOf(text: string): readonly Order[] {
  return text === "" ? [] : text.split(",").map(orderOf);
}

function orderOf(text: string): Order {
  const [name = "", times = "", what = ""] = text.split(":");
  const act = acts.find((one) => one === what);
  const [, nth, plus] = /^([1-9]\d*)(\+?)$/.exec(times) ?? [];
  if (!isPlace(name) || act === undefined || nth === undefined) {
    throw new Error(`AKC_FAILPOINT: "${text}" is not name:N:${acts.join("|")}`);
  }
  return { place: name, nth: Number(nth), onwards: plus === "+", act };
}

function isPlace(name: string): name is Failpoint {
  return Object.hasOwn(failpointPlaces, name);
}

function perform(act: Act, place: Failpoint): void {
  switch (act) {
    case "kill":
      process.kill(process.pid, "SIGKILL");
      return;
    case "pause":
      process.kill(process.pid, "SIGSTOP");
      return;
    case "exit":
      process.exit(failpointExitCode);
      return;
    case "eio":
    case "enospc":
      throw Object.assign(new Error(`${act.toUpperCase()}: failpoint ${place}`), { code: act.toUpperCase() });
  }
}
