/**
 * Says everything that is wrong with a bundle's document, at once and with places, without reading any file. A document
 * without issues may still refer to files that are missing or changed; loading finds that out.
 *
 * Source: spec bundle §5.2; bundle:W-7, bundle:W-9, bundle:W-11, bundle:W-30.
 */
import { strictIssues } from "../coordination/strict.ts";
import type { Issue } from "../errors.ts";
import { canonicalJson } from "../json/canonical.ts";
import { asDouble, isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import { listAt, member, objectAt, textAt } from "./member.ts";
import { bundleShape, type SchemaVersion, schemaIds } from "./shape/bundle.ts";
import { irDocument, operationalContract, referencedNode } from "./shape/ir.ts";
import {
  all,
  distinct,
  faultAt,
  issuesOf,
  listOf,
  placedAt,
  type Report,
  type Rule,
  record,
  sortIssues,
} from "./shape/rule.ts";
import { runtimeKeys } from "./shape/runtime-keys.ts";

/** What stops a bundle, and what is only worth saying. Both sorted by path and then by message; paths are JSON pointers. */
export interface Judgement {
  readonly issues: Issue[];
  readonly warnings: Issue[];
}

/** Every issue of the document, see `judgeBundle`. */
export function validateBundle(document: JsonValue): Issue[] {
  return judgeBundle(document).issues;
}

/** Unknown keys are neither. An embedded IR and an inline coordination spec are judged with the rest. */
export function judgeBundle(document: JsonValue): Judgement {
  if (!isJsonObject(document)) return { issues: [{ path: "", message: "must be an object" }], warnings: [] };
  const version = schemaVersionOf(document) ?? 4;
  const issues = issuesOf(document, all(bundleShape(version), runtimeKeys, referenced, agreements));
  const ir = member(document, "system_ir");
  if (isJsonObject(ir)) issues.push(...issuesOf(ir, irDocument, "/system_ir"));
  const coordination = member(document, "coordination_spec");
  const judged = isJsonObject(coordination)
    ? judgeCoordination(coordination, "/coordination_spec")
    : { issues: [], warnings: [] };
  return { issues: sortIssues([...issues, ...judged.issues]), warnings: judged.warnings };
}

/** A coordination spec on its own, as a run wants it. @param base JSON pointer of the spec in its file */
export function judgeCoordination(spec: JsonValue, base: string): Judgement {
  const issues: Issue[] = [];
  const warnings: Issue[] = [];
  for (const { severity, ...issue } of strictIssues(spec)) {
    (severity === "error" ? issues : warnings).push(placedAt(base, issue));
  }
  return { issues: sortIssues(issues), warnings: sortIssues(warnings) };
}

/** The version that the document's schema_id names; undefined when it names none that is known. */
export function schemaVersionOf(document: JsonObject): SchemaVersion | undefined {
  const id = member(document, "schema_id");
  return typeof id === "string" ? schemaIds.get(id) : undefined;
}

/** Nodes and contracts: only what is an object is judged here, the schema's own table says that all must be. */
const referenced: Rule = record(
  {},
  {
    referenced_ir_nodes: ifList(all(listOf(ifObject(referencedNode)), distinct("id"))),
    referenced_contracts: ifList(listOf(ifObject(operationalContract))),
  },
);

/** What must agree between two places of the document. */
const agreements: Rule = (value, report) => {
  if (!isJsonObject(value)) return;
  schemaAgrees(value, report);
  contractsAgree(value, report);
  filesArePinned(value, report);
};

function schemaAgrees(document: JsonObject, report: Report): void {
  const named = schemaVersionOf(document);
  if (named === undefined) {
    const ids = [...schemaIds.keys()].map((id) => `"${id}"`).join(", ");
    faultAt(report, ["schema_id"], `must be one of ${ids}`);
    return;
  }
  const version = member(document, "schema_version");
  if (version !== undefined && asDouble(version) !== named) {
    faultAt(report, ["schema_version"], `must be ${named}, as schema_id says`);
  }
}

/** The same contract may be listed more than once; two that share an id but differ leave open which one counts. */
function contractsAgree(document: JsonObject, report: Report): void {
  const first = new Map<string, JsonObject>();
  for (const [index, item] of listAt(document, "referenced_contracts").entries()) {
    const id = isJsonObject(item) ? textAt(item, "contract_id") : undefined;
    if (!isJsonObject(item) || id === undefined) continue;
    const earlier = first.get(id);
    if (earlier === undefined) first.set(id, item);
    else if (canonicalJson(earlier) !== canonicalJson(item)) {
      faultAt(
        report,
        ["referenced_contracts", index, "contract_id"],
        `"${id}" is given twice, with different content`,
      );
    }
  }
}

/** A file that is read on behalf of a bundle must be pinned by its fingerprint. */
function filesArePinned(document: JsonObject, report: Report): void {
  for (const [inline, ref] of [
    ["system_ir", "system_ir_ref"],
    ["coordination_spec", "coordination_ref"],
  ] as const) {
    if (isJsonObject(member(document, inline))) continue;
    const reference = objectAt(document, ref);
    if (textAt(reference, "path") === undefined || textAt(reference, "fingerprint") !== undefined) continue;
    const known = member(reference, "fingerprint");
    if (known !== undefined || ref === "system_ir_ref" || schemaVersionOf(document) !== 4) {
      faultAt(
        report,
        [ref, "fingerprint"],
        "is required: a file that is read must be pinned by its fingerprint",
      );
    }
  }
}

function ifObject(rule: Rule): Rule {
  return (value, report) => {
    if (isJsonObject(value)) rule(value, report);
  };
}

function ifList(rule: Rule): Rule {
  return (value, report) => {
    if (Array.isArray(value)) rule(value, report);
  };
}
