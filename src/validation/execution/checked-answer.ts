/**
 * Takes an answer for what it is only once it is one: a verdict that is known, values that are JSON, names that are file names.
 * Whoever answers anything else has broken, and what it said is not used.
 */
import { canonicalJson, prettyJson } from "../../json/canonical.ts";
import { fromPlain } from "../../json/plain.ts";
import { isJsonArray, isJsonObject, type JsonValue } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { type Answer, type Attachment, verdicts } from "../../validators/contract.ts";
import { errorAnswer } from "./judgement.ts";

/** The answer, or the `plugin_fault` that it is. Never throws. */
export function checkedAnswer(answer: Answer): Answer {
  const broken = (fault: string) => errorAnswer("plugin_fault", `the validator broke its contract: ${fault}`);
  if (!verdicts.includes(answer.verdict)) return broken("there is no such verdict");
  const fault = attachmentFault(answer.attachments);
  if (fault !== undefined) return broken(fault);
  const seen = seenOf(answer);
  if (seen === undefined) return broken("what it saw is no JSON object, or too large");
  // A reason belongs to every verdict that is no pass.
  const reason = answer.reason ?? (answer.verdict === "pass" ? undefined : "unsaid");
  return {
    ...answer,
    ...seen,
    ...(reason === undefined ? {} : { reason: words(reason, limits.idLengthMax) }),
    ...(answer.message === undefined ? {} : { message: words(answer.message, limits.healthMessageCharsMax) }),
  };
}

function words(text: string, charsMax: number): string {
  return text.slice(0, charsMax).toWellFormed();
}

/** As it will be read back from its file, so that its fingerprint is that of the file. */
function seenOf({ observed, evidence }: Answer): Pick<Answer, "observed" | "evidence"> | undefined {
  try {
    const seen = fromPlain(observed);
    const how = fromPlain(evidence);
    if (!isJsonObject(seen) || !isJsonObject(how)) return undefined;
    const both = [seen, how];
    const fits =
      lengthOf(both, canonicalJson) <= limits.bindingEvidenceCharsMax &&
      !both.some((value) => isDeeper(value, limits.bindingEvidenceDepthMax)) &&
      lengthOf(both, prettyJson) <= limits.bindingEvidenceIndentedMax;
    return fits ? { observed: seen, evidence: how } : undefined;
  } catch {
    return undefined;
  }
}

function lengthOf(values: readonly JsonValue[], write: (value: JsonValue) => string): number {
  return values.reduce((sum: number, value) => sum + write(value).length, 0);
}

/** Each level indents all that is in it: a small text can become one of hundreds of megabytes. */
function isDeeper(value: JsonValue, levels: number): boolean {
  if (!isJsonArray(value) && !isJsonObject(value)) return false;
  return levels === 0 || Object.values(value).some((item) => isDeeper(item, levels - 1));
}

function attachmentFault(attachments: readonly Attachment[]): string | undefined {
  if (attachments.length > limits.bindingFilesMax) return `more than ${limits.bindingFilesMax} attachments`;
  if (attachments.some(({ name }) => !isFileName(name))) return "an attachment's name is no file name";
  const bytes = attachments.reduce((sum, attachment) => sum + attachment.bytes.length, 0);
  return bytes > limits.validatorFileBytesMax ? "its attachments are too large" : undefined;
}

/** As artifact names are documented: no folder, not `.` or `..`, and nothing that a terminal would obey. */
function isFileName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[/\\\p{Cc}]/u.test(name) && name.isWellFormed();
}
