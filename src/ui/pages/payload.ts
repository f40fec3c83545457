/** JSON of an event or an output as people read it: in lines, cut where it is long, without what looks like a secret. Pure. */
import { redactText } from "../../evidence/redact.ts";
import { prettyJson } from "../../json/canonical.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { redactJson } from "../../service/log-line.ts";

export function payloadText(text: string): string {
  const shown = readable(text);
  const rest = shown.length - limits.uiTextCharsMax;
  return rest <= 0 ? shown : `${shown.slice(0, limits.uiTextCharsMax)}\n… and ${rest} characters more`;
}

/** What is no JSON is shown as the text that it is. */
function readable(text: string): string {
  try {
    const value = parseJson(text);
    return prettyJson(isJsonObject(value) ? redactJson(value, []) : value).trimEnd();
  } catch {
    return redactText(text, []);
  }
}
