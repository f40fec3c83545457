/**
 * What a step put out, as far as a picture shows it: short, redacted, without what other members say already. All steps share one
 * bound, so that a picture of ten thousand of them stays small.
 */
import { canonicalJson } from "../../json/canonical.ts";
import type { JsonObject, JsonValue } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { PicturedStep } from "../model.ts";
import { cutText } from "./shown-text.ts";

/** Names of the action itself, how it was held, and digests and sizes of texts that are shown. */
const untold =
  /^(action_id|action_type|adapter_id|containment.*|effect|route|idempotency_key|.*_sha256|.*_bytes|.*_truncated|duration_ms)$/;
const keysMax = 12;

export class OutputsOf {
  readonly #charsMax: number;

  constructor(steps: number) {
    const share = Math.floor(limits.picturedOutputsChars / Math.max(1, steps));
    this.#charsMax = Math.min(limits.picturedOutputCharsMax, Math.max(limits.picturedOutputCharsMin, share));
  }

  /** undefined where there is nothing to show */
  shown(outputs: JsonObject): PicturedStep["outputs"] {
    const shown: { key: string; text: string; isCut: boolean }[] = [];
    let left = this.#charsMax;
    for (const [key, value] of Object.entries(outputs)) {
      if (untold.test(key) || shown.length === keysMax) continue;
      const text = textOf(value);
      if (text === "") continue;
      const cut = left <= 0 ? { text: "", isCut: true } : cutText(text, left);
      shown.push({ key: cutText(key, 80).text, ...cut });
      left -= cut.text.length;
    }
    return shown.length === 0 ? undefined : shown;
  }
}

function textOf(value: JsonValue): string {
  if (typeof value === "string")
    return value.includes("\0") ? "(no text: it has bytes that no page can show)" : value;
  if (value === null) return "";
  return canonicalJson(value);
}
