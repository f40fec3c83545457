/**
 * From what a bundle wants to a unit file that is complete in itself, and back from the store. Reads the bundle's own files and
 * nothing else; what it makes can be applied again when they are gone.
 */
import { join } from "node:path";
import * as v from "valibot";
import { listAt, member } from "../../bundle/member.ts";
import { AkcError } from "../../errors.ts";
import { sha256Hex } from "../../json/fingerprint.ts";
import { toPlain } from "../../json/plain.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { readFileBounded, resolveConfined } from "../../system/files.ts";
import type { DesiredResource, Resolution, Revision } from "../contract.ts";
import { markSection } from "./mark.ts";
import { serviceText } from "./service-keys.ts";
import { type ResourceSettings, readResourceSettings, type SystemdSettings } from "./settings.ts";
import { dropInFile, unitNameOf, unitTypeOf } from "./unit-name.ts";
import { lastValue, readUnitText, type UnitText, unitFields } from "./unit-text.ts";

const WantedSchema = v.object({
  unit: v.pipe(
    v.string(),
    v.check((name) => unitTypeOf(name) !== undefined),
  ),
  /** Without akc's mark; absent: only looked at. */
  text: v.exactOptional(v.string()),
  drop_ins: v.record(
    v.pipe(
      v.string(),
      v.check((name) => dropInFile(name) === name),
    ),
    v.string(),
  ),
  /** Drop-ins that somebody else keeps; `*` is all that `drop_ins` does not have. */
  kept_drop_ins: v.array(v.string()),
  enabled: v.exactOptional(v.boolean()),
  active: v.exactOptional(v.boolean()),
});

/** What is kept of a unit: all that it takes to make it stand again. */
export type WantedUnit = v.InferOutput<typeof WantedSchema>;

/** @throws AkcError PROVIDER_FAILED for a snapshot of another kind */
export function wantedOf({ resourceId, snapshot }: Revision): WantedUnit {
  const read = v.safeParse(WantedSchema, toPlain(snapshot));
  if (read.success) return read.output;
  throw new AkcError("PROVIDER_FAILED", {
    message: `what is kept of ${resourceId} is no unit`,
    details: { resourceId, retryable: false },
  });
}

/** Whether a drop-in is the resource's own, to be changed and removed. */
export function ownsDropIn({ drop_ins, kept_drop_ins: kept }: WantedUnit, file: string): boolean {
  return Object.hasOwn(drop_ins, file) || !(kept.includes("*") || kept.includes(file));
}

/** Never rejects for what the bundle says: that is a refusal. */
export async function resolveUnit(
  resource: DesiredResource,
  provider: SystemdSettings,
  repoRoot: string,
): Promise<Resolution> {
  const { resourceId } = resource;
  const refused = (message: string): Resolution => ({ kind: "refused", resourceId, message });
  const section = member(resource.settings, "systemd");
  if (!isJsonObject(section)) {
    return refused("runtime_deployment.systemd is missing: give it a `service` or a `unit_file`");
  }
  const reading = readResourceSettings(section);
  if (reading.kind === "refused") return refused(reading.message);
  const text = await textOf(reading.settings, provider, repoRoot);
  if (text.kind === "refused") return refused(text.message);
  const name = reading.settings.unit ?? unitNameOf(provider.unitPrefix, resourceId);
  const made = wantedUnit(name, text.text, reading.settings, resource.settings);
  return typeof made === "string"
    ? refused(made)
    : { kind: "resolved", revision: revisionOf(resource, made, provider) };
}

type TextReading =
  | { readonly kind: "read"; readonly text: string | undefined }
  | { readonly kind: "refused"; readonly message: string };

async function textOf(
  { unit_file: file, service, enabled }: ResourceSettings,
  { kind, user }: SystemdSettings,
  repoRoot: string,
): Promise<TextReading> {
  const refused = (message: string): TextReading => ({ kind: "refused", message });
  if (file !== undefined && service !== undefined)
    return refused("it has both a `service` and a `unit_file`");
  if (service !== undefined) {
    const wantedBy = service.WantedBy ?? [user ? "default.target" : "multi-user.target"];
    const installs = enabled !== false || service.WantedBy !== undefined;
    return { kind: "read", text: serviceText({ ...service, ...(installs ? { WantedBy: wantedBy } : {}) }) };
  }
  if (file === undefined) {
    return kind === "systemd_observe"
      ? { kind: "read", text: undefined }
      : refused("it has neither a `service` nor a `unit_file`");
  }
  try {
    const path = await resolveConfined(repoRoot, file.path);
    const bytes = await readFileBounded(path, limits.resourceBytesMax);
    if (sha256Hex(bytes) !== file.sha256)
      return refused(`${file.path} is not the file whose sha256 the bundle gives`);
    return { kind: "read", text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch (cause) {
    if (cause instanceof AkcError) return refused(`${file.path}: ${cause.message}`);
    if (cause instanceof TypeError) return refused(`${file.path} is not UTF-8`);
    throw cause;
  }
}

/** Or why it cannot be. */
function wantedUnit(
  unit: string,
  text: string | undefined,
  { drop_ins: dropIns, enabled, active }: ResourceSettings,
  deployment: JsonObject,
): WantedUnit | string {
  const type = unitTypeOf(unit);
  if (type === undefined) return `${unit} is no name that a unit may have; name it in \`unit\``;
  const texts = Object.entries(dropIns).map(([name, one]) => [dropInFile(name) ?? name, one] as const);
  const read = [[unit, text ?? ""] as const, ...texts].map(
    ([name, one]) => [name, readUnitText(one)] as const,
  );
  for (const [name, { faults, assignments }] of read) {
    const [fault] = faults;
    if (fault !== undefined) return `${name}, line ${fault.line}: ${fault.why}`;
    if (assignments.some(({ section }) => section === markSection))
      return `${name} has a section [${markSection}]`;
  }
  if (new Set(texts.map(([name]) => name)).size < texts.length) return "two drop-ins have one name";
  const main = read[0]?.[1] ?? { assignments: [], faults: [] };
  if (text !== undefined && main.assignments.length === 0) return `${unit} says nothing`;
  const installs = main.assignments.some(({ section, value }) => section === "Install" && value !== "");
  if (enabled === true && text !== undefined && !installs)
    return `${unit} has no [Install], so it cannot be enabled`;
  const ends = type === "service" && endsByItself(read.map(([, one]) => one));
  if (active === true && ends) {
    return `${unit} is a oneshot that is over when it is done: with "active" it needs RemainAfterExit=yes`;
  }
  const ignored = listAt(deployment, "ignore");
  const wantsEnabled = ignored.includes("/enabled") ? undefined : (enabled ?? (installs ? true : undefined));
  const wantsActive = ignored.includes("/active") ? undefined : (active ?? (ends ? undefined : true));
  return {
    unit,
    ...(text === undefined ? {} : { text }),
    drop_ins: Object.fromEntries(texts),
    kept_drop_ins: ignored.flatMap((path) => {
      if (path === "/drop_ins") return ["*"];
      return typeof path === "string" && path.startsWith("/drop_ins/") ? [path.split("/")[2] ?? ""] : [];
    }),
    ...(wantsEnabled === undefined ? {} : { enabled: wantsEnabled }),
    ...(wantsActive === undefined ? {} : { active: wantsActive }),
  };
}

/** Nobody can tell a oneshot that has run from one that has not, unless it remains. */
function endsByItself(units: readonly UnitText[]): boolean {
  const last = (key: string) =>
    units.map((unit) => lastValue(unit, "Service", key)).findLast((one) => one !== undefined);
  return last("Type") === "oneshot" && !/^(1|yes|y|true|t|on)$/i.test(last("RemainAfterExit") ?? "no");
}

function revisionOf(
  { resourceId, resourceClass, desiredHash, dependsOn }: DesiredResource,
  wanted: WantedUnit,
  { unitDir }: SystemdSettings,
): Revision {
  const { unit, text, drop_ins, kept_drop_ins, enabled, active } = wanted;
  const states = {
    ...(enabled === undefined ? {} : { enabled }),
    ...(active === undefined ? {} : { active }),
  };
  const dropIns = Object.entries(drop_ins).map(
    ([name, one]) => [name, unitFields(readUnitText(one))] as const,
  );
  return {
    resourceId,
    resourceClass,
    desiredHash,
    dependsOn,
    snapshot: { unit, ...(text === undefined ? {} : { text }), drop_ins, kept_drop_ins, ...states },
    fields:
      text === undefined
        ? states
        : {
            files: [join(unitDir, unit)],
            unit: unitFields(readUnitText(text)),
            drop_ins: Object.fromEntries(dropIns),
            in_effect: true,
            ...states,
          },
  };
}
