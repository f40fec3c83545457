/**
 * Reads the text of a registry: YAML 1.2 or JSON, every fault of every binding with its line and column, nothing unknown accepted.
 * Never touches a disk, and never takes a registry by half: one fault refuses it whole.
 *
 * Source: spec reconcile §6.2; reconcile:W-28.
 */
import * as v from "valibot";
import { AkcError, type Issue } from "../../errors.ts";
import { parseJson } from "../../json/read.ts";
import { decodeUtf8, refuseByteOrderMark } from "../../json/utf8.ts";
import { shapeOf } from "../../json/yaml-shape.ts";
import { readYamlAs, type YamlFault } from "../../json/yaml-text.ts";
import { limits } from "../../limits.ts";
import { bindingFaults } from "./check.ts";
import { wholeNumber } from "./kinds/words.ts";
import type { Binding } from "./model.ts";
import { normaliseBinding } from "./normalise.ts";
import { isMap } from "./written.ts";

export interface RegistrySource {
  readonly bytes: Uint8Array;
  /** Absolute; `.yaml` and `.yml` are YAML, all else is JSON. */
  readonly path: string;
  /** Kinds beside akc's own that a binding may have. */
  readonly kinds: readonly string[];
  /** The absolute path, without links, that a path of the registry means. */
  resolve(path: string): string;
}

/** What criteria ask for (`validator_stub`, spec reconcile §7.2): a binding of any other name could never be asked. */
const BindingId = v.pipe(
  v.string("must be text"),
  v.regex(/^[-A-Za-z0-9_.]{1,128}$/, "must be 1 to 128 letters, digits, `.`, `_` and `-`"),
);

export const RegistrySchema = v.strictObject(
  {
    schema_version: v.optional(v.pipe(wholeNumber(1, 1), v.description("Version of this format: 1."))),
    schema_kind: v.optional(v.literal("validator_bindings", "must be validator_bindings")),
    bindings: v.pipe(
      v.record(BindingId, v.unknown(), "must be a map of bindings"),
      v.description("A binding's id, as criteria name it in `validator_stub`, to what it looks at."),
    ),
  },
  "must be a map with `bindings`",
);

const registryShape = shapeOf(RegistrySchema, { bindings: "a binding's id" });

/** @throws AkcError BINDINGS_INVALID with every issue and its place */
export function parseRegistry(source: RegistrySource): ReadonlyMap<string, Binding> {
  const text = textOf(source);
  const reading = readYamlAs(text, {
    schema: RegistrySchema,
    shape: registryShape,
    bytesMax: limits.bindingsFileBytesMax,
    leastText: "bindings: {}",
    messageFor,
    faultsIn: (raw) => registryFaults(raw, source.kinds),
  });
  if (reading.kind === "faulty") throw invalid(source.path, reading.issues, reading.cause);
  const places = reading.keyPlaces(["bindings"]);
  return new Map(
    Object.entries(reading.value.bindings).map(([id, written]) => {
      const line = places.get(id)?.line ?? 1;
      return [id, normaliseBinding(written, { id, line, resolve: source.resolve })];
    }),
  );
}

function registryFaults(raw: unknown, kinds: readonly string[]): readonly YamlFault[] {
  const bindings = isMap(raw) ? raw["bindings"] : undefined;
  if (!isMap(bindings)) return [];
  const entries = Object.entries(bindings);
  if (entries.length > limits.bindingsMax) {
    const message = `\`bindings\` has ${entries.length} entries; at most ${limits.bindingsMax} are read`;
    return [{ path: ["bindings"], message, at: "key" }];
  }
  const faults: YamlFault[] = [];
  for (const [id, written] of entries) {
    if (faults.length >= limits.issuesCollectedMax) break;
    for (const { path, message, at } of bindingFaults(written, kinds)) {
      // What is missing or no map is shown at the binding's name.
      const where = at ?? (path.length === 0 ? "key" : "value");
      faults.push({ path: ["bindings", id, ...path], message, at: where });
    }
  }
  return faults;
}

function textOf({ bytes, path }: RegistrySource): string {
  try {
    const text = decodeUtf8(bytes);
    refuseByteOrderMark(text);
    // YAML holds all of JSON and more; who writes JSON is told where it is none.
    if (!isYaml(path)) parseJson(text, { textBytesMax: limits.bindingsFileBytesMax });
    return text;
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    const { line, column } = cause.details;
    const place = typeof line === "number" && typeof column === "number" ? { line, column } : {};
    throw invalid(path, [{ path: "", message: cause.message, ...place }], cause);
  }
}

function isYaml(path: string): boolean {
  return /\.ya?ml$/i.test(path);
}

function messageFor(issue: v.BaseIssue<unknown>, path: readonly string[]): string {
  if (issue.type === "strict_object" && issue.input === undefined) return `\`${path.at(-1)}\` is missing`;
  return `\`${path.at(-1) ?? "the file"}\` ${issue.message}`;
}

function invalid(path: string, issues: readonly Issue[], cause?: unknown): AkcError {
  const [first] = issues;
  const where = first?.line === undefined ? "" : ` at line ${first.line}, column ${first.column}`;
  return new AkcError("BINDINGS_INVALID", {
    message: `the registry of validator bindings is not valid${where}`,
    details: { path, issueCount: issues.length },
    issues: issues.slice(0, limits.issuesShownMax),
    ...(cause === undefined ? {} : { cause }),
  });
}
