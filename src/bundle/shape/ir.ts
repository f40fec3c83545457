/**
 * The shape of IR documents, their nodes and the operational contracts on them. Contracts are strict: a key that is not
 * listed is a fault at every level. What must agree between two places of a document is said at the end of each table.
 *
 * Source: spec bundle §3, spec kernel §5.1.
 */
import { asDouble, isJsonObject } from "../../json/value.ts";
import { listAt, member, objectAt, objectsAt, textAt } from "../member.ts";
import {
  all,
  anyObject,
  distinct,
  fault,
  faultAt,
  filledText,
  filledTexts,
  flag,
  integer,
  listOf,
  oneOf,
  orNull,
  type Rule,
  record,
  text,
} from "./rule.ts";
import { nodeExecution } from "./runtime-keys.ts";

export const nodeKinds = [
  "service",
  "workflow",
  "intent",
  "entity",
  "knowledge",
  "integration",
  "policy",
  "agent",
  "infrastructure",
  "other",
] as const;

export const contractCategories = ["runtime", "deployment", "authorization", "acceptance"] as const;

const closed = { closed: true };
const keyNames: Rule = listOf(filledText, { min: 1 });

const trigger = record(
  { trigger_id: filledText, source: filledText },
  { details: record({}, { event_type: orNull(text()) }) },
  closed,
);

const transition = record(
  { transition_id: filledText, from_state: filledText, to_state: filledText },
  { trigger_id: filledText, guard: anyObject },
  closed,
);

const stateMachine = record(
  {
    initial_state: filledText,
    transitions: all(listOf(transition, { min: 1 }), distinct("transition_id")),
  },
  {},
  closed,
);

const atLeastOneLimit: Rule = (value, report) => {
  if (isJsonObject(value) && Object.keys(value).length === 0) fault(report, "must set at least one limit");
};

const runtimeBudget = all(
  record(
    {},
    { max_seconds: integer({ min: 0 }), max_steps: integer({ min: 0 }), max_tokens: integer({ min: 0 }) },
    closed,
  ),
  atLeastOneLimit,
);

const category: Rule = (value, report) => {
  oneOf(contractCategories)(typeof value === "string" ? value.trim().toLowerCase() : value, report);
};

/** A transition may only name a trigger that its own contract has. */
const knownTriggers: Rule = (value, report) => {
  if (!isJsonObject(value)) return;
  const ids = new Set(objectsAt(value, "triggers").map((item) => textAt(item, "trigger_id")));
  for (const [index, item] of listAt(objectAt(value, "state_machine"), "transitions").entries()) {
    const id = isJsonObject(item) ? textAt(item, "trigger_id") : undefined;
    if (id === undefined || ids.has(id)) continue;
    faultAt(
      report,
      ["state_machine", "transitions", index, "trigger_id"],
      "names no trigger of this contract",
    );
  }
};

/** Spec bundle §3.3. */
export const operationalContract: Rule = all(
  record(
    {
      contract_id: filledText,
      contract_category: category,
      triggers: all(listOf(trigger, { min: 1 }), distinct("trigger_id")),
      io_contract: record({ input_keys: keyNames, output_keys: keyNames }, { schema: anyObject }, closed),
    },
    { state_machine: stateMachine, runtime_budget: runtimeBudget, acceptance: anyObject },
    closed,
  ),
  knownTriggers,
);

/** Only a contract of category `runtime` may carry a state machine on a node. */
const stateMachineIsRuntime: Rule = (value, report) => {
  if (!isJsonObject(value) || member(value, "state_machine") === undefined) return;
  if (textAt(value, "contract_category")?.toLowerCase() !== "runtime") {
    faultAt(report, ["state_machine"], 'may only stand in a contract of category "runtime"');
  }
};
const nodeContract: Rule = all(operationalContract, stateMachineIsRuntime);

const effects = record(
  {},
  { network: flag, fs_read: filledTexts, fs_write: filledTexts, secrets: filledTexts, tools: filledTexts },
);

const provenance = record(
  {
    tenant_id: filledText,
    kind: oneOf(["doc_chunk", "message", "openapi_operation", "file", "other"]),
    source_id: filledText,
  },
  {
    locator: orNull(filledText),
    sha256: orNull(text({ pattern: /^[0-9a-fA-F]{64}$/, wants: "must be 64 hexadecimal digits" })),
    metadata: orNull(anyObject),
  },
);

const nodeMembers = {
  depends_on: orNull(filledTexts),
  effects: orNull(effects),
  provenance: orNull(listOf(provenance)),
  contract: orNull(nodeContract),
};

const executionOf: Rule = record(
  {},
  {
    runtime_execution: (value, report) => {
      if (isJsonObject(value)) nodeExecution(value, report);
    },
  },
);

/** Whatever a compiler says of a node; only what akc added to it is judged. */
const nodeProperties: Rule = all(anyObject, (value, report) => {
  if (isJsonObject(value)) executionOf(value, report);
});

/** Everything of a node's pointers belongs to the node's tenant. */
const provenanceOfTenant: Rule = (value, report) => {
  if (!isJsonObject(value)) return;
  const tenant = textAt(value, "tenant_id");
  for (const [index, item] of listAt(value, "provenance").entries()) {
    if (isJsonObject(item) && textAt(item, "tenant_id") !== tenant) {
      faultAt(report, ["provenance", index, "tenant_id"], "must equal the node's tenant_id");
    }
  }
};

/** Spec bundle §3.2. */
const irNode: Rule = all(
  record(
    { id: filledText, tenant_id: filledText, name: filledText, properties: nodeProperties },
    { kind: oneOf(nodeKinds), ...nodeMembers },
  ),
  provenanceOfTenant,
);

/** A node that a bundle refers to: enough to find it in the IR, and sound in what it says beside that. */
export const referencedNode: Rule = record(
  { id: filledText, kind: oneOf(nodeKinds) },
  { tenant_id: filledText, name: filledText, properties: nodeProperties, ...nodeMembers },
);

/** What such a node must also say when no IR says it. */
export const inlineNode: Rule = all(
  record({ tenant_id: filledText, name: filledText, properties: anyObject }),
  provenanceOfTenant,
);

const versionPair: Rule = (value, report) => {
  if (!isJsonObject(value)) return;
  const schema = asDouble(member(value, "schema_version") ?? 2);
  const format = member(value, "format_version") ?? "2.0";
  if (!((schema === 1 && format === "1.0") || (schema === 2 && format === "2.0"))) {
    faultAt(report, ["schema_version"], 'must be 1 with format_version "1.0", or 2 with "2.0"');
  }
};

const nodesOfTenant: Rule = (value, report) => {
  if (!isJsonObject(value)) return;
  const tenant = textAt(value, "tenant_id");
  for (const [index, item] of listAt(value, "nodes").entries()) {
    if (isJsonObject(item) && textAt(item, "tenant_id") !== tenant) {
      faultAt(report, ["nodes", index, "tenant_id"], "must equal the document's tenant_id");
    }
  }
};

/** Spec bundle §3.1. */
export const irDocument: Rule = all(
  record({
    schema_kind: oneOf(["akc_ir"]),
    tenant_id: filledText,
    repo_id: filledText,
    nodes: all(listOf(irNode), distinct("id")),
  }),
  versionPair,
  nodesOfTenant,
);
