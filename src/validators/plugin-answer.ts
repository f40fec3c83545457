/**
 * What a plugin's validator answered, read once at the border: a verdict that is known, words that are bounded, files that were given
 * or are known by their digest. Trusts nothing that it reads; what is malformed is the plugin's fault.
 *
 * Source: docs/plugin-protocol.md, "Methods of validators"
 */
import * as v from "valibot";
import { AkcError } from "../errors.ts";
import { canonicalJson } from "../json/canonical.ts";
import { fromPlain } from "../json/plain.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import { limits } from "../limits.ts";
import type { Json } from "../sdk/protocol.ts";
import { type Answer, type Attachment, verdicts } from "./contract.ts";

const Line = v.pipe(
  v.string(),
  v.check((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), "holds control characters"),
);

const Sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "is no SHA-256"));

const AttachmentSchema = v.pipe(
  v.object({
    name: v.pipe(
      Line,
      v.maxLength(limits.attachmentNameCharsMax),
      v.check(
        (name) => name !== "" && name !== "." && name !== ".." && !/[/\\]/.test(name),
        "is no file name",
      ),
    ),
    media_type: v.pipe(
      Line,
      v.regex(/^[\w.+-]+\/[\w.+-]+(?:\s*;.*)?$/, "is no media type"),
      v.maxLength(256),
    ),
    data_base64: v.exactOptional(v.string()),
    sha256: v.exactOptional(Sha256),
  }),
  v.check(
    (one) => (one.data_base64 === undefined) !== (one.sha256 === undefined),
    "needs either data_base64 or sha256",
  ),
);

/** A list is an object to a record schema too. */
const JsonMap = v.custom<object>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  "is no object",
);

const AnswerSchema = v.object({
  verdict: v.picklist(verdicts, "is no verdict"),
  reason: v.nullish(v.pipe(v.string(), v.regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, "must be one word"))),
  message: v.nullish(v.pipe(Line, v.maxLength(limits.validatorMessageCharsMax))),
  observed: v.optional(v.unknown()),
  evidence: v.nullish(JsonMap),
  attachments: v.nullish(v.pipe(v.array(AttachmentSchema), v.maxLength(limits.bindingFilesMax))),
});

/**
 * @param known contents that akc handed over in this call, by digest
 * @throws AkcError PLUGIN_GARBAGE, PLUGIN_MESSAGE_TOO_LARGE
 */
export function readAnswer(answer: Json, known: ReadonlyMap<string, Uint8Array>): Answer {
  const reading = v.safeParse(AnswerSchema, answer);
  if (!reading.success) {
    const [first] = reading.issues;
    throw malformed(`${v.getDotPath(first) ?? "the result"} ${first.message}`);
  }
  const { verdict, reason, message, evidence, attachments } = reading.output;
  const observed = jsonOf(reading.output.observed ?? {});
  const seen = {
    observed: isJsonObject(observed) ? observed : { value: observed },
    evidence: objectOf(jsonOf(evidence ?? {})),
  };
  mindSize(seen);
  return {
    verdict,
    ...(typeof reason === "string" ? { reason } : {}),
    ...(typeof message === "string" && message !== "" ? { message } : {}),
    ...seen,
    attachments: attachmentsOf(attachments ?? [], known),
  };
}

function attachmentsOf(
  written: readonly v.InferOutput<typeof AttachmentSchema>[],
  known: ReadonlyMap<string, Uint8Array>,
): readonly Attachment[] {
  const names = new Set<string>();
  let total = 0;
  return written.map(({ name, media_type: mediaType, data_base64: data, sha256 = "" }) => {
    if (names.has(name)) throw malformed(`two attachments are called ${name}`);
    names.add(name);
    const bytes = data === undefined ? known.get(sha256) : decoded(name, data);
    if (bytes === undefined) throw malformed(`${name} names a content that it was not handed`);
    total += bytes.length;
    if (total > limits.validatorFileBytesMax) throw tooLarge("the validator's attachments are too large");
    return { name, mediaType, bytes };
  });
}

/** Not by a pattern: that gives up on what is many megabytes long. */
function decoded(name: string, data: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(data);
  } catch {
    throw malformed(`data_base64 of ${name} is no base64`);
  }
}

function mindSize({ observed, evidence }: Pick<Answer, "observed" | "evidence">): void {
  const chars = canonicalJson(observed).length + canonicalJson(evidence).length;
  if (chars > limits.bindingEvidenceCharsMax) throw tooLarge("the validator tells more than it may");
}

/** @throws AkcError PLUGIN_GARBAGE for what canonical JSON cannot hold */
function jsonOf(value: unknown): JsonValue {
  try {
    const json = fromPlain(value);
    canonicalJson(json);
    return json;
  } catch (cause) {
    throw malformed("what was seen cannot be kept as JSON", cause);
  }
}

function objectOf(value: JsonValue): JsonObject {
  return isJsonObject(value) ? value : {};
}

function tooLarge(message: string): AkcError {
  return new AkcError("PLUGIN_MESSAGE_TOO_LARGE", { message });
}

function malformed(why: string, cause?: unknown): AkcError {
  return new AkcError("PLUGIN_GARBAGE", {
    message: `the validator's answer is malformed: ${why}`.slice(0, limits.pluginErrorChars),
    ...(cause === undefined ? {} : { cause }),
  });
}
