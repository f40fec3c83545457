/**
 * Reads the operator's policy file: YAML, every fault with its line and column, nothing unknown accepted.
 * Never touches a disk, and never takes a file by half: one fault refuses it whole.
 */
import * as v from "valibot";
import { LineCounter, parseDocument } from "yaml";
import { AkcError, type Issue } from "../errors.ts";
import { limits } from "../limits.ts";
import { nearestWord } from "../spelling.ts";
import { pointer } from "./border.ts";
import { type OperatorPolicy, type PolicyResolution, policyActions } from "./model.ts";
import { placeAt, placeOfOffset, shapeIssues, type YamlText } from "./operator-places.ts";
import { OperatorFileSchema } from "./operator-schema.ts";

type OperatorFile = v.InferOutput<typeof OperatorFileSchema>;

/** A policy file has use for some repetition, not for a bomb. */
const aliasesMax = 100;

/**
 * @param path where the text was read from, for explanations and errors
 * @throws AkcError POLICY_FILE_INVALID with every issue and its place
 */
export function parseOperatorPolicy(text: string, path: string): OperatorPolicy {
  const sizeBytes = new TextEncoder().encode(text).byteLength;
  if (sizeBytes > limits.yamlTextBytesMax) {
    throw invalid(path, [
      { path: "", message: `the file has ${sizeBytes} bytes; at most ${limits.yamlTextBytesMax} are read` },
    ]);
  }
  try {
    const yaml = readYaml(text, path);
    const shape = shapeIssues(yaml);
    const result = v.safeParse(OperatorFileSchema, yaml.document.toJS({ maxAliasCount: aliasesMax }));
    if (result.success && shape.length === 0) return toPolicy(result.output, path);
    const shapeless = shape.map((issue) => issue.path);
    const values = (result.issues ?? [])
      .filter((issue) => issue.expected !== "never")
      .map((issue) => valueIssue(issue, yaml))
      .filter((issue) => !shapeless.some((path) => `${issue.path}/`.startsWith(`${path}/`)));
    throw invalid(path, [...shape, ...values].sort(byPlace));
  } catch (cause) {
    if (cause instanceof AkcError) throw cause;
    // The library throws when it runs out of stack or meets too many aliases.
    const why = cause instanceof RangeError ? "the file is nested too deeply" : messageOf(cause);
    throw invalid(path, [{ path: "", message: why }], cause);
  }
}

/** @throws AkcError POLICY_FILE_INVALID when the text is not one YAML document of plain values */
function readYaml(text: string, path: string): YamlText {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: "error",
    schema: "core",
    customTags: [],
    resolveKnownTags: false,
    uniqueKeys: true,
    merge: false,
    strict: true,
  });
  // A tag that the core schema does not know is only a warning to the library; here it is a fault.
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    throw invalid(
      path,
      faults.map((fault) => ({ path: "", message: fault.message, ...placeOfOffset(lines, fault.pos[0]) })),
    );
  }
  if (document.contents === null) {
    const message = "the file is empty: it needs at least `schema: akc.policy/v1`";
    throw invalid(path, [{ path: "", message, line: 1, column: 1 }]);
  }
  return { document, lines };
}

function toPolicy(file: OperatorFile, path: string): OperatorPolicy {
  const bounds = file.limits;
  return {
    path,
    ...given("allowActions", file.allow_actions),
    ...given("denyActions", file.deny_actions),
    ...given("subprocess", file.subprocess),
    ...given("http", file.http),
    ...given("providers", file.providers),
    ...given("containment", file.containment),
    ...given("requireEffects", file.require_effects),
    ...given("strictIntentAuthority", file.strict_intent_authority),
    ...given("readOnlyRoots", file.read_only_roots),
    ...given("policies", file.policies === undefined ? undefined : resolutions(file.policies)),
    ...(bounds === undefined
      ? {}
      : {
          limits: {
            ...given("runSeconds", bounds.run_seconds),
            ...given("actionSeconds", bounds.action_seconds),
            ...given("actionsInFlight", bounds.actions_in_flight),
            ...given("outputBytes", bounds.output_bytes),
            ...given("memoryBytes", bounds.memory_bytes),
            ...given("processes", bounds.processes),
            ...given("openFiles", bounds.open_files),
            ...given("fileBytes", bounds.file_bytes),
          },
        }),
  };
}

function resolutions(file: NonNullable<OperatorFile["policies"]>): ReadonlyMap<string, PolicyResolution> {
  return new Map(
    Object.entries(file).map(([id, entry]) => [
      id,
      {
        ...given("allowActions", entry.allow_actions),
        ...given("denyActions", entry.deny_actions),
        ...given("acknowledge", entry.acknowledge),
      },
    ]),
  );
}

/** The member, or none: an absent setting must not become one that is there and undefined. */
function given<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { readonly [Name in Key]?: Value } | Record<never, never> {
  return value === undefined ? {} : { [key]: value };
}

/** One fault of a value, at its place in the text. */
function valueIssue(issue: v.BaseIssue<unknown>, yaml: YamlText): Issue {
  const path = (issue.path ?? []).map((item) => String(item.key));
  return { path: pointer(...path), message: messageFor(issue, path), ...placeAt(yaml, path) };
}

function messageFor(issue: v.BaseIssue<unknown>, path: readonly string[]): string {
  if (issue.type === "strict_object" && issue.input === undefined) return `\`${path.at(-1)}\` is missing`;
  if (typeof issue.input === "string" && isActionList(path.at(-2))) {
    const near = nearestWord(issue.input, policyActions);
    const hint = near === undefined ? `known: ${policyActions.join(", ")}` : `did you mean \`${near}\`?`;
    return `\`${issue.input}\` ${issue.message}; ${hint}`;
  }
  return `\`${path.join(".")}\` ${issue.message}`;
}

function isActionList(key: string | undefined): boolean {
  return key === "allow_actions" || key === "deny_actions";
}

function byPlace(a: Issue, b: Issue): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

function invalid(path: string, issues: readonly Issue[], cause?: unknown): AkcError {
  const [first] = issues;
  const where = first?.line === undefined ? "" : ` at line ${first.line}, column ${first.column}`;
  return new AkcError("POLICY_FILE_INVALID", {
    message: `the operator's policy file is not valid${where}`,
    details: { path, issueCount: issues.length },
    issues: issues.slice(0, limits.issuesShownMax),
    ...(cause === undefined ? {} : { cause }),
  });
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : "the text cannot be read";
}
