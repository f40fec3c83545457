/**
 * Reads the operator's policy file: YAML, every fault with its line and column, nothing unknown accepted.
 * Never touches a disk, and never takes a file by half: one fault refuses it whole.
 */
import type * as v from "valibot";
import { AkcError, type Issue } from "../errors.ts";
import { readYamlAs } from "../json/yaml-text.ts";
import { limits } from "../limits.ts";
import { nearestWord } from "../spelling.ts";
import { type OperatorPolicy, type PolicyResolution, policyActions } from "./model.ts";
import { pluginPolicyOf } from "./operator-plugins.ts";
import { OperatorFileSchema, operatorShape } from "./operator-schema.ts";

type OperatorFile = v.InferOutput<typeof OperatorFileSchema>;

/**
 * @param path where the text was read from, for explanations and errors
 * @throws AkcError POLICY_FILE_INVALID with every issue and its place
 */
export function parseOperatorPolicy(text: string, path: string): OperatorPolicy {
  const reading = readYamlAs(text, {
    schema: OperatorFileSchema,
    shape: operatorShape,
    bytesMax: limits.yamlTextBytesMax,
    leastText: "schema: akc.policy/v1",
    messageFor,
  });
  if (reading.kind === "faulty") throw invalid(path, reading.issues, reading.cause);
  return toPolicy(reading.value, path);
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
    ...given("plugins", file.plugins === undefined ? undefined : pluginPolicyOf(file.plugins)),
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
