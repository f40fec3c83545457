/**
 * The shape of an intent file, as a table. Unknown keys are left out of the normal form and are no fault.
 *
 * Source: spec bundle §4.1.
 */
import { isJsonObject } from "../../json/value.ts";
import { identifier } from "../identifier.ts";
import { listAt, member, textAt } from "../member.ts";
import {
  all,
  anyObject,
  decimal,
  distinct,
  fault,
  filledText,
  flag,
  integer,
  listOf,
  type Members,
  oneOf,
  orNull,
  type Rule,
  record,
  text,
  texts,
} from "../shape/rule.ts";

export const qualityDimensions = [
  "taste",
  "domain_knowledge",
  "judgment",
  "instincts",
  "user_empathy",
  "engineering_discipline",
] as const;

const maybe = orNull(anyObject);

function itemsWith(required: Members, optional: Members = {}): Rule {
  return orNull(all(listOf(record({ id: filledText, ...required }, optional)), distinct("id")));
}

const positive = orNull(integer({ min: 1 }));
const operatingBounds = record(
  {},
  {
    max_seconds: orNull(decimal({ above: 0 })),
    max_steps: positive,
    max_input_tokens: positive,
    max_output_tokens: positive,
    allow_network: flag,
  },
);

const qualityDimension = record(
  { target_score: decimal({ min: 0, max: 1 }), weight: decimal({ above: 0 }) },
  {
    gate_min_score: orNull(decimal({ min: 0, max: 1 })),
    evidence_requirements: texts,
    enforcement_stage: oneOf(["advisory", "gate"]),
  },
);

const says: Rule = (value, report) => {
  if (!isJsonObject(value)) return;
  const silent =
    textAt(value, "goal_statement") === undefined &&
    listAt(value, "objectives").length === 0 &&
    listAt(value, "constraints").length === 0;
  if (silent) fault(report, "must have a goal_statement, an objective or a constraint");
};

const version1: Rule = (value, report) => {
  if (!isJsonObject(value)) return;
  const version = member(value, "spec_version");
  if (version !== undefined && version !== 1) fault(report, "spec_version must be 1");
};

export const intentShape: Rule = all(
  record(
    { intent_id: identifier, tenant_id: filledText, repo_id: filledText },
    {
      status: oneOf(["draft", "active", "superseded", "archived"]),
      title: orNull(text()),
      goal_statement: orNull(text()),
      summary: orNull(text()),
      derived_from_goal_text: flag,
      objectives: itemsWith(
        { priority: integer({ min: 0 }), statement: filledText },
        { target: orNull(text()), metadata: maybe },
      ),
      constraints: itemsWith({ kind: oneOf(["hard", "soft"]), statement: filledText }, { metadata: maybe }),
      policies: itemsWith({}, { source: orNull(text()), requirement: orNull(text()), metadata: maybe }),
      success_criteria: itemsWith(
        {
          evaluation_mode: oneOf([
            "tests",
            "manifest_check",
            "artifact_check",
            "metric_threshold",
            "operational_spec",
            "quality_contract",
            "human_gate",
          ]),
          description: filledText,
        },
        { params: maybe },
      ),
      operating_bounds: orNull(operatingBounds),
      quality_contract: orNull(
        record(Object.fromEntries(qualityDimensions.map((dimension) => [dimension, qualityDimension]))),
      ),
      assumptions: itemsWith({ statement: filledText }),
      risk_notes: orNull(texts),
      tags: orNull(texts),
      metadata: maybe,
      created_at_ms: integer(),
      updated_at_ms: integer(),
    },
  ),
  version1,
  says,
);
