/**
 * What must hold of a run that died and was gone on with: each rule says in words what is wrong, and nothing when all is well.
 * It compares pictures of the run with each other and with the run that nobody disturbed.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { EventChain, genesisOf } from "../../src/store/chain.ts";
import type { StoredEvent } from "../../src/store/contract.ts";
import { halfDone, integrityOf, type Picture, type Ran, type Stage } from "./stage.ts";

/** How a run ends that nobody disturbed. */
export interface Undisturbed {
  readonly code: number;
  readonly outcome: string | null;
  readonly status: string;
  /** Each action's node, step, phase and output. */
  readonly ends: readonly string[];
  readonly durationMs: number;
}

export function undisturbed(picture: Picture, ran: Ran, durationMs: number): Undisturbed {
  const { outcome, status } = picture.row;
  return { code: ran.code, outcome, status, ends: endsOf(picture), durationMs };
}

/** @param before what was found after each death, in order */
export function faultsOf(
  before: readonly Picture[],
  after: Picture,
  reference: Undisturbed,
  last: Ran,
): readonly string[] {
  return [
    ...before.flatMap((picture) => [...lost(picture, after), ...repeated(picture, after)]),
    ...uncounted(after),
    ...chainFaults(after),
    ...storyFaults(after),
    ...differences(after, reference, last),
  ];
}

/** What must hold of the files, the processes and what akc itself says. */
export async function leftovers(stage: Stage): Promise<readonly string[]> {
  const here = [stage.runtimeRunId, "--outputs-root", stage.root];
  const [stale, verified, replayed] = await Promise.all([
    stage.akc(["runtime", "list", "--stale", "--outputs-root", stage.root, "-o", "json"]),
    stage.akc(["runtime", "verify", ...here, "-o", "json"]),
    stage.akc(["runtime", "replay", ...here, "--mode", "runtime_replay", "-o", "json"]),
  ]);
  const items = stale.report["items"];
  const integrity = integrityOf(stage.scope);
  const processes = await stillRunning(stage);
  return [
    ...(Array.isArray(items) && items.length === 0 ? [] : [`stale runs: ${stale.stdout || stale.stderr}`]),
    ...[verified, replayed].flatMap(({ code, report, stdout, stderr }) =>
      code === 0 && report["verdict"] === "verified"
        ? []
        : [`not verified: exit ${code}: ${stdout}${stderr}`],
    ),
    ...(integrity === "ok" ? [] : [`the database: ${integrity}`]),
    ...processes.map((line) => `still running: ${line}`),
    ...halfDone(stage.base).map((name) => `left half done: ${name}`),
    ...evidenceFaults(stage),
  ];
}

/** A process that was killed is on the table until its parent has asked. */
async function stillRunning(stage: Stage): Promise<readonly string[]> {
  for (let round = 0; round < 100 && stage.processes().length > 0; round += 1) await Bun.sleep(20);
  return stage.processes();
}

/** Nothing that was recorded is missing or changed. */
function lost(before: Picture, after: Picture): readonly string[] {
  const row = before.events.flatMap((event, index) => {
    const now = after.events[index];
    const same =
      now !== undefined &&
      now.seq === event.seq &&
      now.type === event.type &&
      now.atMs === event.atMs &&
      now.payload === event.payload &&
      now.sha256 === event.sha256;
    return same ? [] : [`event ${event.seq} (${event.type}) is ${now === undefined ? "missing" : "changed"}`];
  });
  const identity = JSON.stringify(identityOf(before)) === JSON.stringify(identityOf(after));
  return [...row, ...(identity ? [] : ["the run's identity has changed"])];
}

function identityOf({ row }: Picture) {
  const { context, bundleSha256, coordinationSha256, traceId, startedAtMs, factsSha256 } = row;
  return [context, bundleSha256, coordinationSha256, traceId, startedAtMs, factsSha256];
}

/** What had its end on record when akc died was not begun again. */
function repeated(before: Picture, after: Picture): readonly string[] {
  return endedActions(before.events).flatMap(({ actionId, key }) => {
    const begun = (picture: Picture) => picture.begun.filter((one) => one.actionId === actionId).length;
    const asked = (picture: Picture) => picture.asked.filter((one) => one.key === key).length;
    return [
      ...(begun(after) === begun(before)
        ? []
        : [`${actionId} had ended, and a child of it was started again`]),
      ...(asked(after) === asked(before) ? [] : [`${actionId} had ended, and its server was asked again`]),
    ];
  });
}

/** Every effect was recorded as intended before it began, and no attempt began twice. */
function uncounted(after: Picture): readonly string[] {
  const allowed = new Set(
    attemptsAllowed(after.events).map(({ actionId, attempt }) => `${actionId} ${attempt}`),
  );
  const seen = new Set<string>();
  const children = after.begun.flatMap(({ actionId, attempt }) => {
    const name = `${actionId} ${attempt}`;
    const twice = seen.has(name);
    seen.add(name);
    return [
      ...(twice ? [`attempt ${attempt} of ${actionId} began twice`] : []),
      ...(allowed.has(name) ? [] : [`attempt ${attempt} of ${actionId} began and was never recorded`]),
    ];
  });
  const keys = new Map(endedActions(after.events).map(({ actionId, key }) => [key, actionId]));
  const calls = [...new Set(after.asked.map(({ key }) => key))].flatMap((key) => {
    const actionId = keys.get(key);
    if (actionId === undefined) return [`a server was asked with the key ${key}, which no action has`];
    const asked = after.asked.filter((one) => one.key === key).length;
    const attempts = attemptsAllowed(after.events).filter((one) => one.actionId === actionId).length;
    return asked <= attempts ? [] : [`${actionId} asked ${asked} times in ${attempts} attempts`];
  });
  return [...children, ...calls];
}

function chainFaults({ row, events }: Picture): readonly string[] {
  const chain = new EventChain(genesisOf(row));
  return events.flatMap((event, index) => {
    const digest = Buffer.from(chain.append(event.seq, event.type, event.atMs, event.payload)).toString(
      "hex",
    );
    return [
      ...(event.seq === index + 1 ? [] : [`event ${event.seq} stands in place ${index + 1}`]),
      ...(digest === event.sha256 ? [] : [`the chain breaks at event ${event.seq}`]),
    ];
  });
}

/** A run begins once, and each of its actions has one end. */
function storyFaults({ events }: Picture): readonly string[] {
  const count = (type: string) => events.filter((event) => event.type === type).length;
  const ends = new Map<string, number>();
  for (const { actionId } of endedActions(events)) ends.set(actionId, (ends.get(actionId) ?? 0) + 1);
  return [
    ...(count("runtime.kernel.started") === 1 ? [] : [`started ${count("runtime.kernel.started")} times`]),
    ...(count("runtime.coordination.plan_enqueued") <= 1 ? [] : ["the plan was enqueued twice"]),
    ...[...ends].filter(([, times]) => times !== 1).map(([id, times]) => `${id} has ${times} ends`),
  ];
}

function differences(after: Picture, reference: Undisturbed, last: Ran): readonly string[] {
  const now = undisturbed(after, last, 0);
  const wrong = (what: string, found: unknown, expected: unknown) =>
    JSON.stringify(found) === JSON.stringify(expected)
      ? []
      : [`${what}: ${JSON.stringify(found)}, undisturbed ${JSON.stringify(expected)}`];
  return [
    ...wrong("exit code", now.code, reference.code),
    ...wrong("outcome", now.outcome, reference.outcome),
    ...wrong("status", now.status, reference.status),
    ...now.ends.filter((end) => !reference.ends.includes(end)).map((end) => `ends otherwise: ${end}`),
    ...reference.ends.filter((end) => !now.ends.includes(end)).map((end) => `does not end so: ${end}`),
    ...wrong("number of actions", now.ends.length, reference.ends.length),
  ];
}

function evidenceFaults(stage: Stage): readonly string[] {
  const path = join(stage.runFolder, "events.json");
  if (!existsSync(path)) return ["there is no events.json"];
  const parsed: unknown = JSON.parse(readFileSync(path, "utf8"));
  return Array.isArray(parsed) && parsed.length > 0 ? [] : ["events.json holds no events"];
}

/** By node, since the ids of triggered actions hold the time of their event. */
function endsOf({ actions }: Picture): readonly string[] {
  return actions
    .map(({ nodeId, stepId, phase, outputSha256 }) => `${nodeId} ${stepId} ${phase} ${outputSha256}`)
    .toSorted();
}

const Ended = v.pipe(
  v.string(),
  v.parseJson(),
  v.looseObject({ action: v.looseObject({ action_id: v.string(), idempotency_key: v.string() }) }),
);

/** Actions with their end on record; their attempts are over. */
function endedActions(
  events: readonly StoredEvent[],
): readonly { readonly actionId: string; readonly key: string }[] {
  return events
    .filter(({ type }) => /^runtime\.action\.(completed|dead_lettered)$/.test(type))
    .map(({ payload }) => {
      const { action } = v.parse(Ended, payload);
      return { actionId: action.action_id, key: action.idempotency_key };
    });
}

const Allowed = v.pipe(
  v.string(),
  v.parseJson(),
  v.looseObject({ action_id: v.string(), attempt: v.optional(v.number(), 1) }),
);

function attemptsAllowed(
  events: readonly StoredEvent[],
): readonly { readonly actionId: string; readonly attempt: number }[] {
  return events
    .filter(({ type }) => type === "runtime.action.policy_allowed")
    .map(({ payload }) => {
      const { action_id: actionId, attempt } = v.parse(Allowed, payload);
      return { actionId, attempt };
    });
}
