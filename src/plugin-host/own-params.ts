/**
 * Reads the params of a plugin's own calls: what is missing or of another type is the plugin's fault, told to it by its place.
 * Knows no method.
 */
import { type Json, type JsonMap, rpcErrors } from "../sdk/protocol.ts";

/** The plugin asked wrongly. */
export class OwnCallFault extends Error {
  readonly rpcCode: number;
  constructor(rpcCode: number, message: string) {
    super(message);
    this.rpcCode = rpcCode;
  }
}

export function textAt(params: JsonMap, name: string): string {
  const value = params[name];
  if (typeof value !== "string") throw wrongParam(name);
  return value;
}

export function countAt(params: JsonMap, name: string): number {
  const value = params[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw wrongParam(name);
  return value;
}

export function optionalCountAt(params: JsonMap, name: string): number | undefined {
  return params[name] === undefined ? undefined : countAt(params, name);
}

export function listOfTexts(params: JsonMap, name: string): readonly string[] {
  const value = params[name];
  if (!Array.isArray(value)) throw wrongParam(name);
  return value.map((item: Json) => {
    if (typeof item !== "string") throw wrongParam(name);
    return item;
  });
}

export function wrongParam(name: string): OwnCallFault {
  return new OwnCallFault(rpcErrors.invalidParams, `params.${name} is missing or of the wrong type`);
}
