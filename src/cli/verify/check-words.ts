/**
 * What a check saw against what it expected, in a few words. It reads the evidence of checks by its documented keys, and never the text
 * of a message.
 *
 * Source: spec reconcile §7.4.
 */
import { member, textAt } from "../../bundle/member.ts";
import { canonicalJson } from "../../json/canonical.ts";
import { asDouble, type JsonObject } from "../../json/value.ts";
import type { Check, CriterionVerdict } from "../../validation/operational-spec/model.ts";
import { counted } from "../render/text.ts";

/** Checks that are told of one criterion; the others are counted. */
const toldMax = 3;

/** What made the verdict: of a pass the numbers that were measured, else the checks that are no pass. */
export function deciding({ verdict, checks }: CriterionVerdict): readonly string[] {
  if (verdict === "pass") {
    const measured = checks.flatMap((check) => {
      const seen = seenAgainst(check);
      return seen === undefined ? [] : [`${seen} (${check.name})`];
    });
    const told = measured.slice(0, toldMax);
    return [...told, `${counted(checks.length, "check")} passed`];
  }
  const bad = checks.filter((check) => check.verdict !== "pass" && check.dryRun !== true);
  const told = bad.slice(0, toldMax).map((check) => `${checkWords(check)} (${check.name})`);
  return bad.length > told.length ? [...told, `and ${bad.length - told.length} more`] : told;
}

/** What it saw against what it expected, or where it measured nothing, why it is no pass. */
export function checkWords(check: Check): string {
  const why = check.verdict === "pass" ? undefined : (check.message ?? check.reason);
  const says = seenAgainst(check) ?? why ?? check.verdict;
  return check.dryRun === true ? `${says}, dry run` : says;
}

/** `saw 12, expected lte 3`; undefined where a check measured nothing. */
function seenAgainst({ evidence }: Check): string | undefined {
  if (evidence === null) return undefined;
  const seen = firstNumber(evidence, ["numeric_value", "aggregated_value", "fraction", "ratio"]);
  const bound = firstNumber(evidence, ["threshold", "target"]);
  const comparator = textAt(evidence, "comparator");
  if (bound !== undefined && comparator !== undefined) {
    return seen === undefined ? undefined : `saw ${seen}, expected ${comparator} ${bound}`;
  }
  const observed = member(evidence, "observed");
  const expected = member(evidence, "expected");
  if (observed === undefined || expected === undefined) return undefined;
  return `saw ${canonicalJson(observed)}, expected ${canonicalJson(expected)}`;
}

function firstNumber(evidence: JsonObject, keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const value = asDouble(member(evidence, key));
    if (value !== undefined) return String(value);
  }
  return undefined;
}
