/**
 * From a binding without faults to what a validator is told: every default filled in, every length of time in milliseconds, every
 * path absolute. Doing it again changes nothing. Reads no disk: where a path leads comes in as a function.
 *
 * Source: spec reconcile §6.2.
 */
import * as v from "valibot";
import { AkcError } from "../../errors.ts";
import { fromPlain } from "../../json/plain.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { captures, recordings } from "./kinds/devices.ts";
import { CommonFields, formatOf } from "./kinds/formats.ts";
import type { Binding } from "./model.ts";
import { queryForm } from "./query-form.ts";
import { isMap, trimmed, type Written } from "./written.ts";

export interface BindingPlace {
  readonly id: string;
  readonly line: number;
  /** The absolute path, without links, that a path of the registry means. */
  resolve(path: string): string;
}

/** Fields that are files or folders which must lie below the scope. */
const confinedFields = ["flow_path", "apk_path", "app_path", "workdir"] as const;

/** @param written a binding in which `bindingFaults` finds none */
export function normaliseBinding(written: unknown, place: BindingPlace): Binding {
  const binding = trimmed(written);
  const kind = isMap(binding) ? binding["kind"] : undefined;
  if (!isMap(binding) || typeof kind !== "string") throw unchecked();
  const format = formatOf(kind, binding["operation"]);
  const common = parsed(CommonFields, binding);
  const timeoutMs = numberOf(common["timeout_ms"]) ?? timeoutMsOf(kind, binding);
  const fields = format === undefined ? binding : parsed(format.schema, binding);
  const { kind: _, tries, dry_run: __, timeout_ms: ___, ...own } = fields;
  const settings =
    format === undefined
      ? jsonOf(own)
      : jsonOf({
          ...withPaths({ ...defaultsOf(kind, place.id, own), ...own }, place),
          timeout_ms: timeoutMs,
        });
  return {
    id: place.id,
    kind,
    timeoutMs,
    tries: numberOf(common["tries"]) ?? limits.bindingTriesDefault,
    dryRun: common["dry_run"] === true,
    settings,
    paths: confinedFields.flatMap((field) => {
      const path = format === undefined ? undefined : settings[field];
      return typeof path === "string" ? [{ field, path }] : [];
    }),
    secrets: format === undefined ? [] : secretsOf(settings),
    line: place.line,
  };
}

/** A binding as a registry would write it; read again, it is the same. */
export function writtenForm({ kind, timeoutMs, tries, dryRun, settings }: Binding): JsonObject {
  return { kind, ...settings, timeout_ms: timeoutMs, tries, dry_run: dryRun };
}

function defaultsOf(kind: string, id: string, own: Written): JsonObject {
  const operation = own["operation"];
  switch (kind) {
    case "promql_query":
    case "logql_query":
    case "traceql_query":
      return {
        target: id,
        method: "GET",
        query_param: "query",
        headers: {},
        no_data: "inconclusive",
        ...formDefaults(kind, own),
      };
    case "http_json":
      return { target: id, method: "GET", headers: {}, pointer: "", status: [200] };
    case "command":
      return ["expect", "equals", "aggregate"].some((name) => own[name] !== undefined)
        ? { target: id, pointer: "" }
        : { target: id };
    case "maestro_flow":
      return { journey_id: id };
    default: {
      const device = kind === "ios_simulator_helper" ? { device_id: "booted" } : {};
      if (typeof operation !== "string" || !captures.includes(operation)) return device;
      const recording = recordings.includes(operation) ? { duration_s: limits.recordingSecondsDefault } : {};
      return { ...device, artifact_name: operation, ...recording };
    }
  }
}

function formDefaults(kind: string, { query }: Written): JsonObject {
  switch (queryForm(kind, typeof query === "string" ? query : "")) {
    case "lines":
      return { limit: limits.logLinesDefault };
    case "search":
      return { limit: limits.tracesFoundDefault };
    default:
      return { aggregate: "single" };
  }
}

function timeoutMsOf(kind: string, { duration_s: seconds }: Written): number {
  switch (kind) {
    case "promql_query":
    case "logql_query":
    case "traceql_query":
    case "http_json":
      return limits.queryTimeoutMsDefault;
    case "maestro_flow":
      return limits.flowTimeoutMsDefault;
    case "android_helper":
    case "ios_simulator_helper": {
      const recordedMs = Math.trunc(numberOf(seconds) ?? 0) * 1_000;
      return Math.max(limits.flowTimeoutMsDefault, recordedMs + limits.recordingMarginMs);
    }
    default:
      return limits.checkTimeoutMsDefault;
  }
}

function withPaths(fields: Written, { resolve }: BindingPlace): Written {
  const isPath = (name: string) => name === "tls_ca_file" || confinedFields.some((field) => field === name);
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      isPath(name) && typeof value === "string" ? resolve(value) : value,
    ]),
  );
}

function secretsOf({ secret_headers: headers }: JsonObject): readonly string[] {
  const named = isJsonObject(headers) ? Object.values(headers) : [];
  const names = named.flatMap((header) => (isJsonObject(header) ? [header["secret"]] : []));
  return [...new Set(names.filter((name) => typeof name === "string"))].sort();
}

function parsed(schema: v.GenericSchema<unknown, Written>, binding: unknown): Written {
  const result = v.safeParse(schema, binding);
  if (!result.success) throw unchecked();
  return result.output;
}

function jsonOf(fields: Written): JsonObject {
  const value = fromPlain(fields);
  if (!isJsonObject(value)) throw unchecked();
  return value;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function unchecked(): AkcError {
  return new AkcError("INTERNAL", { message: "a binding with faults was to be normalised" });
}
