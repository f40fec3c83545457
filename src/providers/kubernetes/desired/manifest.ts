/**
 * From the text of a manifest to the objects in it, as kubectl would read them. Pure: never opens a file, never asks a server.
 *
 * Numbers and words are those of YAML 1.1, because that is what kubectl reads: `0644` is octal, `yes` is true.
 */
import { LineCounter, parseAllDocuments, type Tags } from "yaml";
import { listAt, objectAt } from "../../../bundle/member.ts";
import type { Issue } from "../../../errors.ts";
import { fromPlain } from "../../../json/plain.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../../json/value.ts";
import { limits } from "../../../limits.ts";
import { keyOf, refOf, wordsFor } from "../object.ts";

export type ManifestReading =
  | { readonly kind: "read"; readonly objects: readonly JsonObject[] }
  | { readonly kind: "faulty"; readonly issues: readonly Issue[] };

const aliasesMax = 1_000;

/** Objects in the order of the text; lists are unpacked. Two documents for one object are a fault. */
export function readManifest(text: string, namespace: string): ManifestReading {
  const issues: Issue[] = [];
  const objects: JsonObject[] = [];
  for (const [at, value] of documents(text, issues).entries()) {
    const path = `/${at}`;
    if (value === null) continue;
    if (!isJsonObject(value)) issues.push({ path, message: "a document is not an object" });
    else objects.push(...unpacked(value).map(withProtocols));
  }
  const seen = new Set<string>();
  for (const [at, object] of objects.entries()) {
    const fault = faultOf(object, namespace, seen);
    if (fault !== undefined) issues.push({ path: `/${at}`, message: fault });
  }
  if (objects.length > limits.manifestObjectsMax)
    issues.push({ path: "", message: `more than ${limits.manifestObjectsMax} objects` });
  if (objects.length === 0 && issues.length === 0) issues.push({ path: "", message: "it holds no object" });
  return issues.length === 0 ? { kind: "read", objects } : { kind: "faulty", issues };
}

function documents(text: string, issues: Issue[]): readonly JsonValue[] {
  const lines = new LineCounter();
  try {
    const parsed = parseAllDocuments(text, {
      version: "1.1",
      schema: "yaml-1.1",
      customTags: withoutForeignTags,
      resolveKnownTags: false,
      uniqueKeys: true,
      intAsBigInt: true,
      prettyErrors: false,
      lineCounter: lines,
      logLevel: "error",
    });
    return [...parsed].map((document) => {
      for (const fault of [...document.errors, ...document.warnings]) {
        const { line, col } = lines.linePos(fault.pos[0]);
        issues.push({ path: "", message: fault.message, line, column: col });
      }
      if (document.errors.length > 0 || document.contents === null) return null;
      const plain: unknown = document.toJS({ maxAliasCount: aliasesMax });
      return withSmallIntegers(fromPlain(plain));
    });
  } catch (cause) {
    // The library throws when it runs out of stack or meets too many aliases; a number that is none has no JSON form.
    const why = cause instanceof RangeError ? "it is nested too deeply" : String(cause);
    issues.push({ path: "", message: why });
    return [];
  }
}

/** Dates and times of the day are texts to kubectl; so `22:22` stays two ports. */
function withoutForeignTags(tags: Tags): Tags {
  return tags.filter((tag) => {
    if (typeof tag === "string") return true;
    if ("format" in tag && tag.format === "TIME") return false;
    return !/:(timestamp|binary|omap|pairs|set)$/.test(tag.tag);
  });
}

function withSmallIntegers(value: JsonValue): JsonValue {
  if (typeof value === "bigint") {
    const small = Number(value);
    return Number.isSafeInteger(small) ? small : value;
  }
  if (Array.isArray(value)) return value.map(withSmallIntegers);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withSmallIntegers(inner)]));
}

function unpacked(object: JsonObject): readonly JsonObject[] {
  const kind = object["kind"];
  if (typeof kind !== "string" || !kind.endsWith("List") || !Array.isArray(object["items"])) return [object];
  return listAt(object, "items").flatMap((item) => (isJsonObject(item) ? unpacked(item) : []));
}

/**
 * A Service's port is known by its number and its protocol, and servers up to 1.20 refuse to apply one that leaves the protocol to
 * its default.
 */
function withProtocols(object: JsonObject): JsonObject {
  if (object["kind"] !== "Service" || object["apiVersion"] !== "v1") return object;
  const spec = objectAt(object, "spec");
  if (listAt(spec, "ports").length === 0) return object;
  const ports = listAt(spec, "ports").map((port) =>
    isJsonObject(port) ? { protocol: "TCP", ...port } : port,
  );
  return { ...object, spec: { ...spec, ports } };
}

function faultOf(object: JsonObject, namespace: string, seen: Set<string>): string | undefined {
  const ref = refOf(object);
  if (ref === undefined) {
    return "generateName" in objectAt(object, "metadata")
      ? "an object needs a name; generateName makes a new one with every apply"
      : "an object needs apiVersion, kind and metadata.name";
  }
  if (ref.namespace !== undefined && ref.namespace !== namespace)
    return `${wordsFor(ref)} is in namespace ${ref.namespace}, the provider works in ${namespace}`;
  const key = keyOf(ref, namespace);
  if (seen.has(key)) return `${wordsFor(ref)} stands in it twice`;
  seen.add(key);
  return undefined;
}
