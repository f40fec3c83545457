/**
 * Takes members of an event's payload by what they must be. Pure; it never guesses: what is not there is said to be lacking.
 */
import type { ArtifactRef } from "../adapters/contract.ts";
import { member } from "../bundle/member.ts";
import { asDouble, isJsonArray, isJsonObject, type JsonObject } from "../json/value.ts";

/** Says which member is not what it must be; whoever decodes a payload turns it into an answer. */
export class LacksMember extends Error {}

export function object(from: JsonObject, key: string): JsonObject {
  const value = member(from, key);
  if (!isJsonObject(value)) throw new LacksMember(`${key} is not an object`);
  return value;
}

export function text(from: JsonObject, key: string): string {
  const value = member(from, key);
  if (typeof value !== "string" || value === "") throw new LacksMember(`${key} is not a text`);
  return value;
}

export function optionalText(from: JsonObject, key: string): string | undefined {
  const value = member(from, key);
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function texts(from: JsonObject, key: string): readonly string[] {
  const value = member(from, key);
  if (!isJsonArray(value)) throw new LacksMember(`${key} is not a list`);
  return value.map((item) => {
    if (typeof item !== "string") throw new LacksMember(`${key} holds something else than texts`);
    return item;
  });
}

export function count(from: JsonObject, key: string): number {
  const value = asDouble(member(from, key));
  if (value === undefined || !Number.isSafeInteger(value) || value < 0) {
    throw new LacksMember(`${key} is not a count`);
  }
  return value;
}

export function digest(from: JsonObject, key: string): string {
  const value = text(from, key);
  if (!/^[0-9a-f]{64}$/.test(value)) throw new LacksMember(`${key} is not a SHA-256`);
  return value;
}

/** Of an object with `sha256` and `size_bytes`. @throws LacksMember */
export function artifactRef(ref: JsonObject): ArtifactRef {
  return { sha256: digest(ref, "sha256"), sizeBytes: count(ref, "size_bytes") };
}

/** null where the member is no object. @throws LacksMember */
export function optionalRef(from: JsonObject, key: string): ArtifactRef | null {
  const ref = member(from, key);
  return isJsonObject(ref) ? artifactRef(ref) : null;
}
