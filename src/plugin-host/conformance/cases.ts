/**
 * `plugin.test.yaml`: an author's examples of what the plugin does, read whole or refused at their place.
 * `${scratch}` and `${plugin}` in any text become the folder of this test and the plugin's own.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { AkcError } from "../../errors.ts";
import { shapeOf } from "../../json/yaml-shape.ts";
import { readYamlAs } from "../../json/yaml-text.ts";
import { limits } from "../../limits.ts";
import { type Cases, noCases } from "../../sdk/conformance/cases.ts";
import type { Json, JsonMap } from "../../sdk/protocol.ts";
import { ExchangeSchema, loadExchange } from "./exchanges.ts";
import { mapInList } from "./map-in-list.ts";

export const casesFile = "plugin.test.yaml";

const JsonSchema = v.custom<Json>(isJson, "must be something that JSON can write");
const JsonMapSchema = v.custom<JsonMap>(
  (value) => isJson(value) && typeof value === "object" && value !== null && !Array.isArray(value),
  "must be a map",
);
const Texts = v.record(v.string(), v.string());

const AdapterCaseSchema = mapInList({
  name: v.string(),
  settings: v.optional(JsonMapSchema, {}),
  node: v.optional(JsonMapSchema, {}),
  handoffs: v.optional(Texts, {}),
  expect: v.optional(
    mapInList({
      status: v.optional(v.picklist(["succeeded", "failed"]), "succeeded"),
      outputs: v.exactOptional(JsonSchema),
      output: v.exactOptional(v.string()),
    }),
    { status: "succeeded" },
  ),
  slow: v.optional(v.boolean(), false),
  volatile: v.optional(v.array(v.string()), []),
});

const ProviderCaseSchema = mapInList({
  name: v.string(),
  resource_id: v.string(),
  resource_class: v.optional(v.string(), ""),
  intent: JsonSchema,
  changed: v.exactOptional(JsonSchema),
  fields: v.exactOptional(JsonSchema),
});

const ValidatorCaseSchema = mapInList({
  name: v.string(),
  binding_kind: v.string(),
  binding: v.optional(JsonMapSchema, {}),
  evaluated_at_ms: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  exchanges: v.exactOptional(v.array(ExchangeSchema)),
  expect: v.optional(
    mapInList({
      verdict: v.exactOptional(v.picklist(["pass", "fail", "inconclusive", "error"])),
      reason: v.exactOptional(v.string()),
      observed: v.exactOptional(JsonSchema),
      evidence: v.exactOptional(JsonSchema),
      attachments: v.exactOptional(v.array(v.string())),
    }),
    {},
  ),
});

const CasesSchema = v.strictObject({
  settings: v.optional(JsonMapSchema, {}),
  secrets: v.optional(Texts, {}),
  fetch: v.optional(
    v.record(
      v.string(),
      v.strictObject({
        status: v.optional(v.pipe(v.number(), v.integer(), v.minValue(100), v.maxValue(599)), 200),
        headers: v.optional(Texts, {}),
        body: v.optional(v.string(), ""),
      }),
    ),
    {},
  ),
  adapters: v.optional(v.record(v.string(), v.array(AdapterCaseSchema)), {}),
  providers: v.optional(v.record(v.string(), v.array(ProviderCaseSchema)), {}),
  validators: v.optional(v.record(v.string(), v.array(ValidatorCaseSchema)), {}),
});

const casesShape = shapeOf(CasesSchema);

/** No file: no cases. @throws AkcError PLUGIN_CASES_INVALID with every fault and its place */
export function readCases(root: string, scratch: string): Cases {
  const path = join(root, casesFile);
  if (!existsSync(path)) return noCases;
  const reading = readYamlAs(readFileSync(path, "utf8"), {
    schema: CasesSchema,
    shape: casesShape,
    bytesMax: limits.pluginManifestBytesMax,
    leastText: "settings: {}",
    messageFor: (issue, at) => `${at.join(".") || "the file"}: ${issue.message}`,
  });
  if (reading.kind === "faulty") {
    throw new AkcError("PLUGIN_CASES_INVALID", { details: { path }, issues: reading.issues });
  }
  const filled = fill(reading.value, { scratch, plugin: root });
  const { validators, ...cases } = v.parse(CasesSchema, filled);
  return { ...cases, validators: recordedWorlds(validators, root) };
}

type WrittenCases = v.InferOutput<typeof CasesSchema>["validators"];

function recordedWorlds(written: WrittenCases, root: string): Cases["validators"] {
  const loaded = Object.entries(written).map(([id, cases]) => [
    id,
    cases.map(({ exchanges, ...rest }) => ({
      ...rest,
      ...(exchanges === undefined ? {} : { exchanges: exchanges.map((one) => loadExchange(one, root)) }),
    })),
  ]);
  return Object.fromEntries(loaded);
}

function isJson(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return value === null || typeof value !== "bigint";
  return Object.values(value).every(isJson);
}

function fill(value: unknown, places: Readonly<Record<string, string>>): unknown {
  if (typeof value === "string") {
    return value.replaceAll(/\$\{(scratch|plugin)\}/g, (_whole, name: string) => places[name] ?? "");
  }
  if (Array.isArray(value)) return value.map((item: unknown) => fill(item, places));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, places)]));
}
