/**
 * What a recompile hook answered. Pure; it reads no file that is named, and trusts nothing.
 *
 * Source: spec cli §15.3; cli:W-29.
 */
import { member, textAt } from "../../bundle/member.ts";
import { AkcError } from "../../errors.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";

export type HookAnswer =
  | { readonly kind: "bundle" | "manifest"; readonly path: string }
  | { readonly kind: "unchanged" }
  | { readonly kind: "refused"; readonly reason: string };

/**
 * All of the text, or else its last line that is not blank: what tools print before that is no answer.
 * @throws AkcError RECOMPILE_ANSWER_INVALID
 */
export function readAnswerText(bytes: Uint8Array): HookAnswer {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes).trim();
  } catch {
    throw invalid("it is not UTF-8");
  }
  if (text === "") throw invalid("it is empty");
  const last = text.slice(text.lastIndexOf("\n") + 1);
  const value = parsed(text) ?? parsed(last);
  if (value === undefined) throw invalid("its last line is not JSON");
  return readAnswer(value);
}

/** @throws AkcError RECOMPILE_ANSWER_INVALID */
export function readAnswer(value: JsonValue): HookAnswer {
  if (!isJsonObject(value)) throw invalid("it is not an object");
  const given = answerKeys.filter((key) => (member(value, key) ?? null) !== null);
  const [key, another] = given;
  if (key === undefined) throw invalid(`it has none of ${answerKeys.join(", ")}`);
  if (another !== undefined) throw invalid(`it has both ${key} and ${another}`);
  return answerBy(key, value);
}

const answerKeys = ["bundle", "manifest", "unchanged", "refused"] as const;

function answerBy(key: (typeof answerKeys)[number], value: JsonObject): HookAnswer {
  const text = textAt(value, key);
  switch (key) {
    case "unchanged":
      if (member(value, key) !== true) throw invalid("`unchanged` is not true");
      return { kind: key };
    case "refused":
      if (text === undefined) throw invalid("`refused` is not a reason");
      return { kind: key, reason: text };
    default:
      if (text === undefined || text.includes("\0")) throw invalid(`\`${key}\` is not a path`);
      return { kind: key, path: text };
  }
}

function parsed(text: string): JsonValue | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function invalid(why: string): AkcError {
  return new AkcError("RECOMPILE_ANSWER_INVALID", {
    message: `the recompile hook's answer is not understood: ${why}`,
  });
}
