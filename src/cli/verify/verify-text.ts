/**
 * A verification for people: what was verified, a line for each criterion with what was seen against what was expected, then what was
 * found and what to do next. The first lines are those of old, `key: value`, one fact each.
 *
 * Source: spec reconcile Appendix B.
 */

import { canonicalJson } from "../../json/canonical.ts";
import type { Coupling } from "../../validation/assurance/couple.ts";
import type { EmittedResult } from "../../validation/assurance/emitted.ts";
import { type Finding, findingCodes } from "../../validation/assurance/finding.ts";
import type { CriterionVerdict } from "../../validation/operational-spec/model.ts";
import { type Verdict, verdicts } from "../../validators/contract.ts";
import type { Place } from "../io.ts";
import { type Style, styleOf } from "../render/style.ts";
import { counted, padEnd, printable, width, wrap } from "../render/text.ts";
import { checkWords, deciding } from "./check-words.ts";
import type { Verified } from "./verified.ts";

interface Telling {
  readonly style: Style;
  /** Undefined where there is no terminal: there nothing wraps. */
  readonly columns: number | undefined;
  /** Whether every check and all that is behind a finding is told. */
  readonly detailed: boolean;
}

export function verifyText(
  verified: Verified,
  place: Pick<Place, "color" | "isTerminal" | "columns">,
  { detailed }: Pick<Telling, "detailed">,
): string {
  const telling: Telling = {
    style: styleOf(place.color),
    columns: place.isTerminal ? place.columns() : undefined,
    detailed,
  };
  const { coupling, emitted } = verified;
  return [
    ...headLines(verified),
    ...resultLines("tests", emitted.tests, telling),
    ...resultLines("verifier_results", emitted.verifier, telling),
    ...(coupling === undefined ? [] : couplingLines(coupling, telling)),
  ].join("\n");
}

function headLines({ place, target, context }: Verified): readonly string[] {
  const { scope, outputsRoot } = place;
  const subject = target?.subject;
  return [
    `tenant_id: ${scope.tenantId}`,
    `repo_id: ${scope.repoId}`,
    `outputs_root: ${printable(outputsRoot)}`,
    `run_id: ${subject?.runId ?? "none"}`,
    ...(subject?.runtimeRunId === undefined ? [] : [`runtime_run_id: ${printable(subject.runtimeRunId)}`]),
    `manifest_path: ${subject?.manifest === undefined ? "none" : printable(subject.manifest.path)}`,
    ...(context === undefined ? [] : [`verify_context_sidecar: ${context}`]),
  ];
}

function resultLines(name: string, results: readonly EmittedResult[], telling: Telling): readonly string[] {
  if (results.length === 0) return [`${name}: none`];
  const count = (outcome: EmittedResult["outcome"]) =>
    results.filter((one) => one.outcome === outcome).length;
  const parts = (["passed", "failed", "unreadable", "unknown"] as const).flatMap((outcome) =>
    count(outcome) === 0 ? [] : [`${count(outcome)} ${outcome}`],
  );
  const shown = telling.detailed ? results : results.filter(({ outcome }) => outcome !== "passed");
  return [`${name}: ${parts.join(", ")}`, ...shown.flatMap((result) => resultLine(result, telling))];
}

function resultLine(result: EmittedResult, telling: Telling): readonly string[] {
  const { style, detailed } = telling;
  const mark = {
    passed: style.good("✓"),
    failed: style.bad("✗"),
    unreadable: style.bad("!"),
    unknown: style.warn("?"),
  }[result.outcome];
  const findings = detailed ? result.findings.map((found) => `      ${printable(canonicalJson(found))}`) : [];
  return [...hung(`  ${mark} ${printable(result.name)}  `, printable(result.says), telling), ...findings];
}

function couplingLines(coupling: Coupling, telling: Telling): readonly string[] {
  const { validity, governance, authority, findings, passed } = coupling;
  const { style } = telling;
  const criteria = validity?.criteria ?? [];
  const wides = {
    id: widest(criteria.map(({ id }) => id)),
    verdict: widest(criteria.map(({ verdict }) => verdict)),
  };
  return [
    `authority: ${authority}`,
    ...(authority === "none"
      ? ["criteria: none; the bundle wants nothing to be judged by"]
      : [`criteria_source: ${coupling.criteriaSource}`]),
    `enforcement_mode: ${governance.enforcement}`,
    `report_present: ${coupling.hadReport ? "yes" : "no"}`,
    ...(validity === undefined ? [] : [`recomputed_attestation_sha256: ${validity.attestationSha256}`]),
    ...(coupling.storedAttestation === undefined
      ? []
      : [`stored_attestation_sha256: ${printable(coupling.storedAttestation)}`]),
    `strict_manifest_consistency: ${coupling.manifestCompared ? "checked" : "skipped"}`,
    ...(criteria.length === 0
      ? []
      : ["", ...criteria.flatMap((criterion) => criterionLines(criterion, wides, telling))]),
    ...providerLines(coupling, telling),
    ...(findings.length === 0
      ? []
      : ["", ...byCode(findings).flatMap((same) => findingLines(same, telling))]),
    "",
    `verdict: ${paint(style, validity?.verdict)}`,
    `passed: ${passed ? style.good("true") : style.bad("false")}`,
    ...(!passed && governance.enforcement === "advisory"
      ? ["advisory_outcome: findings are told and block nothing, as the governance profile says"]
      : []),
  ];
}

const marks = { pass: "✓", fail: "✗", inconclusive: "?", error: "!" } as const;

function criterionLines(
  criterion: CriterionVerdict,
  wides: { readonly id: number; readonly verdict: number },
  telling: Telling,
): readonly string[] {
  const { id, verdict, advisory, checks } = criterion;
  const { style, detailed } = telling;
  const name = padEnd(printable(id), wides.id);
  const word = padEnd(verdict, wides.verdict);
  const head = `  ${painted(style, verdict, marks[verdict])} ${name}  ${painted(style, verdict, word)}  `;
  const says = [...deciding(criterion), ...(advisory ? ["advisory: it counts for nothing"] : [])];
  const lines = hung(head, says.map(printable).join("; "), telling);
  if (!detailed) return lines;
  const inner = checks.flatMap((check) => {
    const mark = painted(style, check.verdict, marks[check.verdict]);
    return hung(`      ${mark} ${printable(check.name)}  `, printable(checkWords(check)), telling);
  });
  return [...lines, ...inner];
}

/** What each binding said; those that have no verdict have no answer, or one of the old runtime. */
function providerLines({ providers }: Coupling, telling: Telling): readonly string[] {
  if (providers.length === 0) return [];
  const { style } = telling;
  const rows = providers.map(({ stubId, provider, status, details }) => {
    const verdict = verdicts.find((known) => known === details["verdict"]);
    return { id: stubId, kind: provider, verdict, word: verdict ?? status, details };
  });
  const wide = {
    id: widest(rows.map(({ id }) => id)),
    kind: widest(rows.map(({ kind }) => kind)),
    word: widest(rows.map(({ word }) => word)),
  };
  const lines = rows.flatMap(({ id, kind, verdict, word, details }) => {
    const paintOf = (text: string) =>
      verdict === undefined ? style.warn(text) : painted(style, verdict, text);
    const mark = paintOf(verdict === undefined ? "–" : marks[verdict]);
    const cells = [
      padEnd(printable(id), wide.id),
      padEnd(printable(kind), wide.kind),
      paintOf(padEnd(word, wide.word)),
    ];
    const why = [details["reason"], details["message"]].filter(
      (part): part is string => typeof part === "string" && part !== "",
    );
    return hung(`  ${mark} ${cells.join("  ")}  `, why.map(printable).join(": "), telling);
  });
  return ["", `validators: ${counted(providers.length, "binding")}`, ...lines];
}

/** In the order in which each code was first found. */
function byCode(findings: readonly Finding[]): readonly (readonly Finding[])[] {
  return [...Map.groupBy(findings, ({ code }) => code).values()];
}

/** What was found alike has one heading, and one thing to do next. */
function findingLines(same: readonly Finding[], telling: Telling): readonly string[] {
  const [first] = same;
  if (first === undefined) return [];
  const { style, detailed } = telling;
  const { code, severity } = first;
  const paintOf = severity === "error" ? style.bad : style.warn;
  return [
    `${paintOf(severity)} ${code}`,
    ...same.flatMap(({ message, evidence }) => [
      ...hung("  ", printable(message), telling),
      ...(detailed && evidence !== undefined
        ? hung(`  ${style.faint("evidence:")} `, printable(canonicalJson(evidence)), telling)
        : []),
    ]),
    ...hung(`  ${style.faint("next:")} `, findingCodes[code].next, telling),
  ];
}

function widest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map((text) => width(printable(text))));
}

/** `head` and `text` on one line; what does not fit the terminal goes on below the text, or where that is too far right, below the head. */
function hung(head: string, text: string, { columns }: Telling): readonly string[] {
  if (columns === undefined) return [`${head}${text}`.trimEnd()];
  const indent = Math.min(width(head), Math.max(4, Math.floor(columns / 3)));
  const [first = "", ...rest] = wrap(text, Math.max(16, columns - width(head)));
  const below = wrap(rest.join(" "), Math.max(16, columns - indent));
  return [
    `${head}${first}`.trimEnd(),
    ...below.filter((line) => line !== "").map((line) => `${" ".repeat(indent)}${line}`),
  ];
}

function paint(style: Style, verdict: Verdict | undefined): string {
  return verdict === undefined ? "none" : painted(style, verdict, verdict);
}

function painted(style: Style, verdict: Verdict, text: string): string {
  switch (verdict) {
    case "pass":
      return style.good(text);
    case "inconclusive":
      return style.warn(text);
    case "fail":
    case "error":
      return style.bad(text);
  }
}
