/**
 * The changes of one unit: made to stand as its revision says, and removed. Each begins with a look and goes on from what it finds, so
 * that it may be asked again after it was cut off anywhere. It never touches a file that bears no mark of this scope, unless told to adopt.
 */
import { AkcError } from "../../errors.ts";
import { canonicalJson } from "../../json/canonical.ts";
import type { JsonValue } from "../../json/value.ts";
import type { Change, Deletion, ProviderCall, Standing } from "../contract.ts";
import { type Look, type LookDeps, placeOf, type Seen, type Subject } from "./look.ts";
import { changeDigest, markedText, markSection } from "./mark.ts";
import type { Preparation, Reloads } from "./reload.ts";
import { ownsDropIn, type WantedUnit, wantedOf } from "./revision.ts";
import { readDropIns, removeUnit, type UnitFile, writeDropIns, writeUnit } from "./unit-files.ts";
import { isEnabled, isUp, type UnitState } from "./unit-state.ts";
import { readUnitText, type UnitText, unitFields } from "./unit-text.ts";

export interface ChangeDeps extends Omit<LookDeps, "clock"> {
  readonly look: Look;
  readonly reloads: Reloads;
}

/** @throws AkcError PROVIDER_CONFLICT, PROVIDER_NOT_OWNED, PROVIDER_FAILED, TOOL_MISSING, TOOL_TIMEOUT, CANCELLED */
export async function applyUnit(change: Change, deps: ChangeDeps, call: ProviderCall): Promise<void> {
  const preparation = deps.reloads.prepare();
  try {
    await applyPrepared(change, deps, preparation, call);
  } finally {
    preparation.end();
  }
}

async function applyPrepared(
  change: Change,
  deps: ChangeDeps,
  preparation: Preparation,
  call: ProviderCall,
): Promise<void> {
  const { revision, mark, adopt, expectedVersion } = change;
  const wanted = wantedOf(revision);
  const { text } = wanted;
  if (text === undefined) throw notToChange(revision.resourceId);
  const subject = deps.look.subjectOf(revision, true);
  const seen = await lookAt(subject, deps, call);
  const { standing, own } = seen;
  const place = placeOf(subject);
  const file = own.find((one) => placeOf(one) === place);
  const digest = changeDigest(change.idempotencyKey);
  // A try of this very change wrote the file: what is left of it is done, whatever version that made.
  if (file?.mark?.change !== digest) {
    if (standing.kind === "present" && standing.owner === "other" && !adopt) throw notOwned(subject);
    mustBeAt(subject, standing, expectedVersion);
  }
  const same = file !== undefined && standsAs(wanted, text, file);
  if (file === undefined && !adopt && standing.kind === "absent") await refuseStrangers(subject, wanted);
  let dirty = await retireOthers(own, subject, deps, call);
  const content = markedText(text, { ...mark, resourceClass: revision.resourceClass, change: digest });
  if (!same) {
    // First the file: it is newer than what runs from here on, so that a try that is cut off is seen as not in effect.
    await writeUnit(place, content);
    await writeDropIns(place, wanted.drop_ins, (one) => ownsDropIn(wanted, one));
    // What systemd has not loaded yet it loads when it is started.
    dirty ||= standing.kind === "present" || seen.state?.load !== "not-found";
  } else if (file.text !== content) await writeUnit(place, content, file.writtenMs);
  const linked = await link(wanted, same ? "as before" : installChange(file, text), seen, deps, call);
  if (dirty || linked || seen.state?.stale === true) await reloaded(preparation, call);
  preparation.end();
  await bringUp(wanted, same && wasInEffect(standing), seen, deps, call);
}

/** @throws AkcError as `applyUnit` */
export async function deleteUnit(deletion: Deletion, deps: ChangeDeps, call: ProviderCall): Promise<void> {
  const preparation = deps.reloads.prepare();
  try {
    await deletePrepared(deletion, deps, preparation, call);
  } finally {
    preparation.end();
  }
}

async function deletePrepared(
  deletion: Deletion,
  deps: ChangeDeps,
  preparation: Preparation,
  call: ProviderCall,
): Promise<void> {
  const { resource, expectedVersion } = deletion;
  const subject = deps.look.subjectOfOwned(resource);
  if (subject === undefined) {
    throw new AkcError("PROVIDER_FAILED", {
      message: `the inventory names no unit of ${resource.resourceId}`,
      details: { resourceId: resource.resourceId, retryable: false },
    });
  }
  const seen = await lookAt(subject, deps, call);
  const { standing, own, state } = seen;
  if (standing.kind === "present") {
    if (standing.owner === "other") throw notOwned(subject);
    if (expectedVersion !== null) mustBeAt(subject, standing, expectedVersion);
  }
  const up = state !== undefined && isUp(state) && standing.kind === "present";
  if (up && own.every((file) => file.name !== subject.name))
    await deps.systemctl.stop(subject.name, true, call);
  for (const file of own) await retire(file, deps, call);
  if (own.length > 0 || state?.stale === true) await reloaded(preparation, call);
  for (const name of new Set([subject.name, ...own.map((file) => file.name)])) {
    await deps.systemctl.resetFailed(name, call);
  }
}

async function lookAt(subject: Subject, { look }: ChangeDeps, call: ProviderCall): Promise<Seen> {
  const [seen] = await look.at([subject], false, call);
  if (seen === undefined) throw new AkcError("INTERNAL");
  const { standing } = seen;
  if (standing.kind !== "unobservable") return seen;
  throw new AkcError(standing.reason === "tool_missing" ? "TOOL_MISSING" : "PROVIDER_FAILED", {
    message: standing.message,
    details: { resourceId: subject.resourceId, reason: standing.reason, retryable: true },
  });
}

function mustBeAt({ resourceId, name }: Subject, standing: Standing, expected: string | null): void {
  const version = standing.kind === "present" ? standing.version : null;
  if (version === expected) return;
  throw new AkcError("PROVIDER_CONFLICT", { details: { resourceId, unit: name, expected, found: version } });
}

/** Drop-ins that lie where nothing of akc's stands are somebody's. */
async function refuseStrangers(subject: Subject, wanted: WantedUnit): Promise<void> {
  for (const [file, unit] of await readDropIns(placeOf(subject))) {
    const ours = wanted.drop_ins[file];
    if (ownsDropIn(wanted, file) && (ours === undefined || !equal(fieldsOf(ours), unitFields(unit)))) {
      throw notOwned(subject, `${placeOf(subject)}.d/${file}`);
    }
  }
}

/** The same unit under another name or in another folder goes first: two of it would be in each other's way. */
async function retireOthers(
  own: readonly UnitFile[],
  subject: Subject,
  deps: ChangeDeps,
  call: ProviderCall,
): Promise<boolean> {
  const others = own.filter((file) => placeOf(file) !== placeOf(subject));
  for (const file of others) await retire(file, deps, call, file.name === subject.name);
  return others.length > 0;
}

async function retire(file: UnitFile, deps: ChangeDeps, call: ProviderCall, staysUp = false): Promise<void> {
  const { systemctl, settings } = deps;
  if (!staysUp) await systemctl.stop(file.name, true, call);
  if (installs(file.unit)) await systemctl.link("disable", file.name, settings.runtime, call);
  await removeUnit(placeOf(file), () => true);
}

function standsAs(wanted: WantedUnit, text: string, file: UnitFile): boolean {
  const dropIns = [...file.dropIns].filter(([name]) => ownsDropIn(wanted, name));
  return (
    equal(fieldsOf(text), unitFields(file.unit, [markSection])) &&
    equal(
      Object.fromEntries(Object.entries(wanted.drop_ins).map(([name, one]) => [name, fieldsOf(one)])),
      Object.fromEntries(dropIns.map(([name, unit]) => [name, unitFields(unit)])),
    )
  );
}

function installChange(file: UnitFile | undefined, text: string): "as before" | "other" {
  const install = (unit: UnitText) => unitFields(unit)["Install"] ?? {};
  return file === undefined || equal(install(readUnitText(text)), install(file.unit)) ? "as before" : "other";
}

/** Whether something was changed of which systemd knows only after a reload. */
async function link(
  { enabled }: WantedUnit,
  install: "as before" | "other",
  { standing, subject, state }: Seen,
  { systemctl, settings }: ChangeDeps,
  call: ProviderCall,
): Promise<boolean> {
  if (enabled === undefined) return false;
  const stands = state !== undefined && standing.kind === "present" && isEnabled(state);
  if (enabled === stands && (install === "as before" || !enabled)) return false;
  const verb = !enabled ? "disable" : stands ? "reenable" : "enable";
  await systemctl.link(verb, subject.name, settings.runtime, call);
  return standing.kind === "present";
}

async function bringUp(
  { active }: WantedUnit,
  inEffect: boolean,
  { subject, state }: Seen,
  { systemctl }: ChangeDeps,
  call: ProviderCall,
): Promise<void> {
  if (active === undefined) return;
  const up = state !== undefined && isUp(state);
  if (!active) {
    if (up) await systemctl.stop(subject.name, false, call);
    return;
  }
  if (up && inEffect) return;
  // Else a unit that was started too often is not started once more.
  if (state?.active === "failed" || (state?.restarts ?? 0) > 0)
    await systemctl.resetFailed(subject.name, call);
  await systemctl.start(isRunning(state) ? "restart" : "start", subject.name, call);
}

function isRunning(state: UnitState | undefined): boolean {
  return state !== undefined && state.active !== "inactive" && state.active !== "failed";
}

function wasInEffect(standing: Standing): boolean {
  return standing.kind === "present" && standing.fields["in_effect"] === true;
}

/** A reload serves others too, so it goes on when this call is told to end. */
async function reloaded(preparation: Preparation, { signal }: ProviderCall): Promise<void> {
  if (signal.aborted) throw new AkcError("CANCELLED");
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(new AkcError("CANCELLED"));
  signal.addEventListener("abort", abort, { once: true });
  try {
    await Promise.race([preparation.ask(), promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function installs(unit: UnitText): boolean {
  return unit.assignments.some(({ section, value }) => section === "Install" && value !== "");
}

function fieldsOf(text: string): JsonValue {
  return unitFields(readUnitText(text));
}

function equal(a: JsonValue, b: JsonValue): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

function notOwned({ resourceId, name }: Subject, path?: string): AkcError {
  return new AkcError("PROVIDER_NOT_OWNED", {
    message: `${path ?? name} is not akc's, or another resource's or scope's`,
    details: { resourceId, unit: name },
  });
}

function notToChange(resourceId: string): AkcError {
  return new AkcError("PROVIDER_FAILED", {
    message: "the resource is only looked at",
    details: { resourceId, retryable: false },
  });
}
