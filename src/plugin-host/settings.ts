/**
 * A plugin's own settings: the JSON schema in its manifest, and the operator's values under it.
 * Knows a part of JSON Schema and refuses the rest, so that nothing a schema says is ever left unchecked; it runs no
 * pattern of a plugin's in akc's process.
 *
 * Source: https://json-schema.org/draft/2020-12/json-schema-validation
 */
import { AkcError, type Issue } from "../errors.ts";
import { canonicalJson } from "../json/canonical.ts";
import { pointer } from "../json/pointer.ts";
import { asDouble, isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import { limits } from "../limits.ts";
import type { OperatorPolicy } from "../policy/model.ts";
import { nearestWord } from "../spelling.ts";
import type { PluginManifest } from "./contract.ts";

const annotations = [
  "$schema",
  "$id",
  "$comment",
  "title",
  "description",
  "default",
  "examples",
  "deprecated",
  "format",
];
const counts = ["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"];
const bounds = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];
const others = ["type", "properties", "required", "additionalProperties", "items", "enum", "const"];
const keywords = [...others, ...bounds, ...counts, ...annotations];
const types = ["object", "array", "string", "number", "integer", "boolean", "null"];

/** Schemas inside one another; settings are small. */
const depthMax = 32;

/**
 * The operator's settings for the plugin, with the schema's defaults for those left out.
 * @throws AkcError PLUGIN_CONFIG_INVALID with every issue
 */
export function settingsOf(manifest: PluginManifest, operator: OperatorPolicy | undefined): JsonObject {
  const given = operator?.plugins?.settings?.get(manifest.id) ?? {};
  return completeSettings(manifest, given, operator === undefined ? {} : { policy: operator.path });
}

/**
 * `given` with the schema's defaults for those left out. `from` says in an error where they stand.
 * @throws AkcError PLUGIN_CONFIG_INVALID with every issue
 */
export function completeSettings(
  { id, config }: PluginManifest,
  given: JsonObject,
  from: Readonly<Record<string, string>>,
): JsonObject {
  const settings = { ...defaultsOf(config), ...given };
  const issues = settingIssues(config, settings, []);
  if (issues.length === 0) return settings;
  throw new AkcError("PLUGIN_CONFIG_INVALID", {
    details: { plugin: id, ...from },
    issues: issues.slice(0, limits.issuesShownMax),
  });
}

function defaultsOf(schema: JsonObject): JsonObject {
  const properties = objectAt(schema, "properties");
  return Object.fromEntries(
    Object.entries(properties).flatMap(([key, property]): [string, JsonValue][] => {
      const value = isJsonObject(property) ? property["default"] : undefined;
      return value === undefined || key === "__proto__" ? [] : [[key, value]];
    }),
  );
}

export interface SchemaFault {
  readonly path: readonly string[];
  readonly message: string;
}

/** What is wrong with a manifest's `config` as a schema. */
export function schemaFaults(schema: JsonValue, path: readonly string[] = []): readonly SchemaFault[] {
  if (typeof schema === "boolean" && path.length > 0) return [];
  const fault = (message: string, ...below: readonly string[]) => ({ path: [...path, ...below], message });
  if (!isJsonObject(schema)) return [fault("must be a JSON schema: a map")];
  if (path.length > depthMax * 2) return [fault(`is nested too deeply: at most ${depthMax}`)];
  return Object.entries(schema).flatMap(([keyword, value]): readonly SchemaFault[] => {
    if (keyword === "pattern")
      return [fault("`pattern` is not supported here: check the text in the plugin", keyword)];
    if (!keywords.includes(keyword)) {
      const near = nearestWord(keyword, keywords);
      const hint = near === undefined ? `known: ${keywords.join(", ")}` : `did you mean \`${near}\`?`;
      return [fault(`\`${keyword}\` is no keyword of JSON Schema that akc knows; ${hint}`, keyword)];
    }
    if (counts.includes(keyword) && !isCount(value)) return [fault("must be a whole number", keyword)];
    if (bounds.includes(keyword) && asDouble(value) === undefined)
      return [fault("must be a number", keyword)];
    switch (keyword) {
      case "type":
        return [value].flat().every((type) => typeof type === "string" && types.includes(type))
          ? []
          : [fault(`must be one or more of ${types.join(", ")}`, keyword)];
      case "required":
        return isJsonArray(value) && value.every((name) => typeof name === "string")
          ? []
          : [fault("must be a list of names", keyword)];
      case "enum":
        return isJsonArray(value) && value.length > 0 ? [] : [fault("must be a list of values", keyword)];
      case "properties":
        return isJsonObject(value)
          ? Object.entries(value).flatMap(([key, below]) => schemaFaults(below, [...path, keyword, key]))
          : [fault("must be a map of schemas", keyword)];
      case "items":
      case "additionalProperties":
        return schemaFaults(value, [...path, keyword]);
      default:
        return [];
    }
  });
}

/** What is wrong with `value` under a schema without faults. */
export function settingIssues(
  schema: JsonValue | undefined,
  value: JsonValue,
  path: readonly string[],
): readonly Issue[] {
  const name = path.length === 0 ? "the settings" : `\`${path.join(".")}\``;
  const issue = (message: string): Issue => ({ path: pointer(...path), message: `${name} ${message}` });
  if (schema === false) return [issue("must not be there")];
  if (!isJsonObject(schema)) return [];
  const allowed = [schema["type"] ?? []].flat();
  if (allowed.length > 0 && !allowed.some((type) => isOfType(value, type))) {
    return [issue(`must be of type ${allowed.join(" or ")}`)];
  }
  const listed = schema["enum"];
  if (isJsonArray(listed) && !listed.some((known) => isEqual(known, value))) {
    return [issue(`must be one of ${listed.map((known) => canonicalJson(known)).join(", ")}`)];
  }
  const constant = schema["const"];
  if (constant !== undefined && !isEqual(constant, value))
    return [issue(`must be ${canonicalJson(constant)}`)];
  const range = sizeIssue(schema, value);
  return [
    ...(range === undefined ? [] : [issue(range)]),
    ...(isJsonArray(value)
      ? value.flatMap((item, index) => settingIssues(schema["items"], item, [...path, String(index)]))
      : []),
    ...(isJsonObject(value) ? memberIssues(schema, value, path) : []),
  ];
}

function memberIssues(schema: JsonObject, value: JsonObject, path: readonly string[]): readonly Issue[] {
  const properties = objectAt(schema, "properties");
  const rest = schema["additionalProperties"];
  const required = [schema["required"] ?? []].flat();
  return [
    ...required
      .filter((key) => typeof key === "string" && !Object.hasOwn(value, key))
      .map((key) => ({ path: pointer(...path), message: `\`${[...path, key].join(".")}\` is missing` })),
    ...Object.entries(value).flatMap(([key, member]) => {
      const here = [...path, key];
      if (Object.hasOwn(properties, key)) return settingIssues(properties[key], member, here);
      if (rest !== false) return settingIssues(rest, member, here);
      const near = nearestWord(key, Object.keys(properties));
      const hint = near === undefined ? "" : `; did you mean \`${near}\`?`;
      return [{ path: pointer(...here), message: `unknown setting \`${here.join(".")}\`${hint}` }];
    }),
  ];
}

function sizeIssue(schema: JsonObject, value: JsonValue): string | undefined {
  const at = (keyword: string) => asDouble(schema[keyword]);
  const number = asDouble(value);
  if (number !== undefined) {
    const [least, most] = [at("minimum"), at("maximum")];
    const [above, below] = [at("exclusiveMinimum"), at("exclusiveMaximum")];
    if (least !== undefined && number < least) return `must be at least ${least}`;
    if (most !== undefined && number > most) return `must be at most ${most}`;
    if (above !== undefined && number <= above) return `must be more than ${above}`;
    if (below !== undefined && number >= below) return `must be less than ${below}`;
    return undefined;
  }
  const [kind, unit, size] =
    typeof value === "string"
      ? ["Length", "characters", [...value].length]
      : isJsonArray(value)
        ? ["Items", "items", value.length]
        : isJsonObject(value)
          ? ["Properties", "members", Object.keys(value).length]
          : ["", "", 0];
  const [least, most] = [at(`min${kind}`), at(`max${kind}`)];
  if (least !== undefined && size < least) return `must have at least ${least} ${unit}`;
  if (most !== undefined && size > most) return `must have at most ${most} ${unit}`;
  return undefined;
}

function isOfType(value: JsonValue, type: JsonValue): boolean {
  switch (type) {
    case "object":
      return isJsonObject(value);
    case "array":
      return isJsonArray(value);
    case "null":
      return value === null;
    case "number":
      return asDouble(value) !== undefined;
    case "integer":
      return Number.isInteger(asDouble(value));
    default:
      return typeof value === type;
  }
}

/** `1` and `1.0` are one number to JSON Schema. */
function isEqual(a: JsonValue, b: JsonValue): boolean {
  const [x, y] = [asDouble(a), asDouble(b)];
  return x !== undefined || y !== undefined ? x === y : canonicalJson(a) === canonicalJson(b);
}

function isCount(value: JsonValue): boolean {
  const number = asDouble(value);
  return number !== undefined && Number.isSafeInteger(number) && number >= 0;
}

function objectAt(schema: JsonObject, key: string): JsonObject {
  const value = schema[key];
  return isJsonObject(value) ? value : {};
}
