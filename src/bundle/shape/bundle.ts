/**
 * The shape of a runtime bundle, schema versions 1 to 4, as tables. Keys that stand in no table are kept and never
 * judged; what agrees with what is not said here (see `validate.ts`).
 *
 * Source: spec bundle §5.2, §4.4, §4.5; bundle:W-33.
 */
import { identifier } from "../identifier.ts";
import {
  anyObject,
  anything,
  decimal,
  flag,
  integer,
  listOf,
  type Members,
  oneOf,
  orNull,
  type Rule,
  record,
  sha256Text,
  text,
  texts,
} from "./rule.ts";

const schemaVersions = [1, 2, 3, 4] as const;
export type SchemaVersion = (typeof schemaVersions)[number];

export const schemaIds: ReadonlyMap<string, SchemaVersion> = new Map(
  schemaVersions.map((version) => [`akc:runtime_bundle:v${version}`, version]),
);

const fingerprint16 = text({
  pattern: /^[0-9a-f]{16}$/,
  wants: "must be 16 lower-case hexadecimal digits",
});
const notEmpty = text({ min: 1 });

const intentRef = record({
  intent_id: identifier,
  stable_intent_sha256: sha256Text,
  semantic_fingerprint: fingerprint16,
  // An intent without a goal text has no fingerprint of one: the compiler writes "" then.
  goal_text_fingerprint: text({
    pattern: /^([0-9a-f]{16})?$/,
    wants: "must be 16 lower-case hexadecimal digits, or empty when the intent has no goal text",
  }),
});

const bound = orNull(decimal({ min: 0 }));
const intentPolicyProjection = record(
  {},
  {
    operating_bounds_effective: orNull(
      record(
        {},
        {
          max_seconds: bound,
          max_steps: orNull(integer({ min: 0 })),
          max_input_tokens: orNull(integer({ min: 0 })),
          max_output_tokens: orNull(integer({ min: 0 })),
          allow_network: flag,
        },
      ),
    ),
    policies: listOf(
      record(
        {},
        { id: text(), requirement: orNull(text()), source: orNull(text()), metadata: orNull(anyObject) },
      ),
    ),
    success_criteria_summary: record(
      {},
      { count: integer({ min: 0 }), evaluation_modes: texts, criteria: listOf(anyObject) },
    ),
  },
);

const systemIrRef = record(
  {},
  {
    path: notEmpty,
    fingerprint: sha256Text,
    format_version: notEmpty,
    schema_version: integer({ min: 1 }),
  },
);

const knowledgeLayerRef = record(
  {},
  {
    knowledge_hub_node_id: notEmpty,
    knowledge_semantic_fingerprint_16: text(),
    knowledge_provenance_fingerprint_16: text(),
    persisted_snapshot_relpath: orNull(text()),
    knowledge_assertion_ids: texts,
  },
);

const required: Members = {
  tenant_id: identifier,
  repo_id: identifier,
  run_id: identifier,
  referenced_ir_nodes: listOf(anyObject),
  referenced_contracts: listOf(anyObject),
  deployment_intents: listOf(anyObject),
  spec_hashes: record({ orchestration_spec_sha256: sha256Text, coordination_spec_sha256: sha256Text }),
  // Its members are judged with the other keys that steer a run.
  runtime_policy_envelope: anything,
};

const sinceVersion1: Members = {
  schema_version: integer({ min: 1 }),
  schema_id: text(),
  intent_ref: intentRef,
  intent_policy_projection: intentPolicyProjection,
  system_ir_ref: systemIrRef,
  system_ir: anyObject,
  knowledge_layer_ref: knowledgeLayerRef,
};

const sinceVersion3: Members = { embed_system_ir: flag };

const sinceVersion4: Members = {
  coordination_ref: record({ path: notEmpty, fingerprint: sha256Text }),
  coordination_spec: anyObject,
  // An addition of akc's own: docs/akc-yaml.md.
  orchestration_spec: anyObject,
  reconcile_desired_state_source: oneOf(["ir", "deployment_intents"]),
  reconcile_deploy_targets_from_ir_only: flag,
  deployment_intents_ir_alignment: oneOf(["off", "strict"]),
  deployment_provider_contract: anyObject,
};

/** The table of one schema version. */
export function bundleShape(version: SchemaVersion): Rule {
  return shapes[version];
}

const version2 = record(required, sinceVersion1);
const version3 = record(required, { ...sinceVersion1, ...sinceVersion3 });
const version4 = record(required, { ...sinceVersion1, ...sinceVersion3, ...sinceVersion4 });
const shapes: Readonly<Record<SchemaVersion, Rule>> = { 1: version2, 2: version2, 3: version3, 4: version4 };
