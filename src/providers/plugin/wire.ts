/**
 * Resources as a plugin is told of them, and what it answers, read once and bounded. Trusts nothing that it reads; numbers that
 * JavaScript cannot hold lose digits on the way out.
 *
 * Source: docs/plugin-protocol.md, "Methods of providers"
 */
import * as v from "valibot";
import { AkcError } from "../../errors.ts";
import { fromPlain, toPlain } from "../../json/plain.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { Json, JsonMap, WireResource } from "../../sdk/protocol.ts";
import type { Revision } from "../contract.ts";

/** What a revision keeps of the bundle: all that a plugin is ever told of what should stand. */
export function snapshotOf(intent: JsonValue): JsonObject {
  return { intent };
}

export function intentOf({ snapshot }: Pick<Revision, "snapshot">): JsonValue {
  return snapshot["intent"] ?? null;
}

export function wireResource(revision: Revision): JsonMap & WireResource {
  const { resourceId, resourceClass, desiredHash } = revision;
  return {
    resource_id: resourceId,
    resource_class: resourceClass,
    desired_hash: desiredHash,
    intent: wireJson(intentOf(revision)),
  };
}

export function wireJson(value: JsonValue): Json {
  const json: Json = JSON.parse(JSON.stringify(toPlain(value)));
  return json;
}

const Fields = v.pipe(
  v.record(v.string(), v.unknown()),
  v.transform((map): JsonObject => {
    const value = fromPlain(map);
    return isJsonObject(value) ? value : {};
  }),
);
const Short = v.pipe(v.string(), v.maxLength(limits.pluginErrorChars));
const Id = v.pipe(v.string(), v.minLength(1), v.maxLength(limits.pluginErrorChars));

const ObservedSchema = v.object({
  exists: v.boolean(),
  health: v.picklist(["healthy", "unknown", "degraded", "failed"]),
  version: v.exactOptional(Short),
  fields: v.exactOptional(Fields),
  observed_hash: v.exactOptional(Short),
  message: v.exactOptional(v.string()),
  scope: v.exactOptional(v.string()),
});
export type SeenByPlugin = v.InferOutput<typeof ObservedSchema>;

const AllSchema = v.object({
  resources: v.array(
    v.union([
      v.object({ resource_id: Id, resource_class: v.exactOptional(Short), observed: ObservedSchema }),
      v.object({ resource_id: Id, resource_class: v.exactOptional(Short), unobservable: v.string() }),
    ]),
  ),
});
export type SeenRow = v.InferOutput<typeof AllSchema>["resources"][number];

const ChangesSchema = v.object({
  changes: v.pipe(
    v.array(
      v.object({
        path: v.pipe(v.string(), v.regex(/^(\/[^/]*)*$/, "must be a JSON pointer")),
        from: v.exactOptional(v.unknown()),
        to: v.exactOptional(v.unknown()),
      }),
    ),
    v.maxLength(limits.pluginDiffChangesMax),
  ),
});

const WatchedSchema = v.object({ changed: v.array(Id), cursor: v.string() });

/** One field that `apply` would change. */
export interface FieldChange {
  /** Keys from the top. */
  readonly path: readonly string[];
  /** Absent: nothing was there. */
  readonly from?: JsonValue;
  /** Absent: nothing will be there. */
  readonly to?: JsonValue;
}

/** @throws AkcError PLUGIN_GARBAGE, PLUGIN_MESSAGE_TOO_LARGE */
export function readObserved(answer: Json): SeenByPlugin {
  return mindSize(read(ObservedSchema, answer));
}

/** @throws AkcError PLUGIN_GARBAGE, PLUGIN_MESSAGE_TOO_LARGE */
export function readObservedAll(answer: Json): readonly SeenRow[] {
  const { resources } = read(AllSchema, answer);
  for (const row of resources) if ("observed" in row) mindSize(row.observed);
  return resources;
}

/** @throws AkcError PLUGIN_GARBAGE */
export function readChanges(answer: Json): readonly FieldChange[] {
  return read(ChangesSchema, answer).changes.map(({ path, ...values }) => ({
    path: path
      .split("/")
      .slice(1)
      .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~")),
    ...("from" in values ? { from: fromPlain(values.from) } : {}),
    ...("to" in values ? { to: fromPlain(values.to) } : {}),
  }));
}

/** @throws AkcError PLUGIN_GARBAGE */
export function readWatched(answer: Json): v.InferOutput<typeof WatchedSchema> {
  return read(WatchedSchema, answer);
}

function read<Schema extends v.GenericSchema>(schema: Schema, answer: Json): v.InferOutput<Schema> {
  const reading = v.safeParse(schema, answer);
  if (reading.success) return reading.output;
  const why = reading.issues
    .slice(0, 10)
    .map((issue) => `${v.getDotPath(issue) ?? "result"}: ${issue.message}`);
  throw new AkcError("PLUGIN_GARBAGE", {
    message: `the plugin's answer is malformed: ${why[0] ?? ""}`.slice(0, limits.pluginErrorChars),
    details: { why },
  });
}

function mindSize(seen: SeenByPlugin): SeenByPlugin {
  const bytes = Buffer.byteLength(JSON.stringify(toPlain(seen.fields ?? {})));
  if (bytes <= limits.resourceBytesMax) return seen;
  throw new AkcError("PLUGIN_MESSAGE_TOO_LARGE", {
    message: "the plugin tells more of a resource than it may",
    details: { bytes, limitBytes: limits.resourceBytesMax },
  });
}
