/**
 * Which fields a binding may have: by its kind, and for devices by its operation. Reads the two words and nothing else.
 *
 * Source: spec reconcile §6.2.
 */
import * as v from "valibot";
import { type DocumentShape, shapeOf } from "../../../json/yaml-shape.ts";
import { builtinKinds, documentedKinds } from "../model.ts";
import { CommandCheck, HttpJson } from "./builtin.ts";
import { androidOperations, MaestroFlow, simulatorOperations } from "./devices.ts";
import { commonFields } from "./fields.ts";
import { Logql, Promql, Traceql } from "./queries.ts";

export type BindingSchema = v.GenericSchema<unknown, Readonly<Record<string, unknown>>>;

export interface BindingFormat {
  readonly schema: BindingSchema;
  readonly shape: DocumentShape;
}

/** The kinds that every akc knows. */
export const ownKinds: readonly string[] = [...documentedKinds, ...builtinKinds];

/** Undefined for a kind that is not akc's own, and for an operation that the kind does not have. */
export function formatOf(kind: string, operation: unknown): BindingFormat | undefined {
  const formats = operationsOf(kind);
  if (formats === undefined) return plain.get(kind);
  return typeof operation === "string" ? formats.get(operation) : undefined;
}

/** The operations of a kind that has them. */
export function operationsOf(kind: string): ReadonlyMap<string, BindingFormat> | undefined {
  return byOperation.get(kind);
}

/** What every kind has that only a plugin knows; the rest is the plugin's own. */
export const CommonFields = v.looseObject(commonFields);

/** Every field of every kind of akc's own. */
export function everyField(): ReadonlySet<string> {
  return new Set(everyFormat.flatMap(({ shape }) => shape.keysAt([]) ?? []));
}

function format(schema: BindingSchema): BindingFormat {
  return { schema, shape: shapeOf(schema) };
}

const plain: ReadonlyMap<string, BindingFormat> = new Map([
  ["promql_query", format(Promql)],
  ["logql_query", format(Logql)],
  ["traceql_query", format(Traceql)],
  ["maestro_flow", format(MaestroFlow)],
  ["http_json", format(HttpJson)],
  ["command", format(CommandCheck)],
]);

const byOperation: ReadonlyMap<string, ReadonlyMap<string, BindingFormat>> = new Map([
  ["android_helper", formatsOf(androidOperations)],
  ["ios_simulator_helper", formatsOf(simulatorOperations)],
]);

/** In the order of the documentation. */
export const everyFormat: readonly BindingFormat[] = [
  ...plain.values(),
  ...[...byOperation.values()].flatMap((formats) => [...formats.values()]),
];

function formatsOf(schemas: Readonly<Record<string, BindingSchema>>): ReadonlyMap<string, BindingFormat> {
  return new Map(Object.entries(schemas).map(([operation, schema]) => [operation, format(schema)]));
}
