/**
 * How the single fields of a binding are written: texts, numbers, lengths of time, URLs, headers. Schemas only; what one field
 * means for another is in `rules.ts`.
 *
 * Source: spec reconcile §6.2.
 */
import * as v from "valibot";
import { limits } from "../../../limits.ts";
import { SecretName } from "../../../policy/plugin-words.ts";
import { queryHoldsCredential } from "../credentials.ts";
import { durationMs, durationPattern } from "../duration.ts";

const charsMax = limits.bindingTextCharsMax;
const tooLong = `must not be longer than ${charsMax} characters`;

/** Of several lines, as queries are. */
export const Text = v.pipe(
  v.string("must be text"),
  v.minLength(1, "must not be empty"),
  v.maxLength(charsMax, tooLong),
  v.regex(/^[^\0]*$/, "must not hold a NUL"),
);

/** One line. */
export const Word = v.pipe(
  v.string("must be text"),
  v.minLength(1, "must not be empty"),
  v.maxLength(1_024, "must not be longer than 1024 characters"),
  v.regex(/^\P{Cc}*$/u, "must be one line without control characters"),
);

/** One line that no program takes for a flag. */
export const Name = v.pipe(
  Word,
  v.regex(/^(?!-)/, "must not begin with `-`"),
  v.maxLength(256, "must not be longer than 256 characters"),
);

/** Python and YAML know both; what is behind the point is cut off (spec reconcile §6.2). */
export function wholeNumber(min: number, max: number) {
  return v.pipe(
    v.number("must be a number"),
    v.transform(Math.trunc),
    v.minValue(min, `must be at least ${min}`),
    v.maxValue(max, `must be at most ${max}`),
  );
}

export const Numeric = v.pipe(
  v.number("must be a number"),
  v.check((value) => Number.isFinite(value), "must be a finite number"),
);

export const Switch = v.boolean("must be true or false");

const durationFault = 'must be a length of time such as "30s", "10m" or "1h", or whole milliseconds';

/** Milliseconds, once read. */
export const Duration = v.pipe(
  v.union(
    [v.pipe(v.string(), v.regex(durationPattern, durationFault)), v.number(durationFault)],
    durationFault,
  ),
  v.check(
    (written) =>
      (typeof written === "string" && !durationPattern.test(written)) || durationMs(written) !== undefined,
    "must be from 1ms to 366d",
  ),
  v.transform((written) => durationMs(written) ?? 0),
);

/** A check that leaves what is no URL to the check before it. */
function urlCheck(holds: (url: URL) => boolean, message: string) {
  return v.check((text: string) => {
    const url = URL.parse(text);
    return url === null || holds(url);
  }, message);
}

export const Url = v.pipe(
  v.string("must be text"),
  v.maxLength(charsMax, tooLong),
  v.regex(/^https?:\/\/[^\s\\]+$/i, "must be an http:// or https:// URL"),
  v.check((text) => URL.canParse(text), "is not a URL"),
  urlCheck(
    (url) => url.username === "" && url.password === "",
    "must not hold a user or a password: use `secret_headers`",
  ),
  urlCheck(
    (url) => !queryHoldsCredential(url),
    "must not hold a credential in its query: use `secret_headers`",
  ),
);

export const Method = v.pipe(
  v.string("must be GET or POST"),
  v.regex(/^(?:[Gg][Ee][Tt]|[Pp][Oo][Ss][Tt])$/, "must be GET or POST"),
  v.transform((text) => text.toUpperCase()),
);

/** Source: RFC 9110 §5.6.2. */
const HeaderName = v.pipe(
  v.string("must be text"),
  v.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "is not the name of a header"),
  v.maxLength(128, "must not be longer than 128 characters"),
);

const HeaderValue = v.pipe(
  v.string("must be text"),
  v.maxLength(8_192, "must not be longer than 8192 characters"),
  v.regex(/^[\t\x20-\x7e\x80-\xff]*$/, "must be one line of Latin-1 text"),
);

export const Headers = v.record(HeaderName, HeaderValue, "must be a map of headers");

export const SecretHeaders = v.record(
  HeaderName,
  v.strictObject(
    {
      secret: v.pipe(
        SecretName,
        v.description("Name of the secret, as under `plugins.secrets` of the operator's policy."),
      ),
      prefix: v.optional(
        v.pipe(
          HeaderValue,
          v.maxLength(64, "must not be longer than 64 characters"),
          v.description('What stands before it, e.g. "Bearer ".'),
        ),
      ),
    },
    "must be a map with `secret`, and `prefix` where it needs one",
  ),
  "must be a map of headers to { secret: NAME }",
);

export const Path = v.pipe(
  v.string("must be text"),
  v.regex(/^\P{Cc}{1,4096}$/u, "must be a path: one line of at most 4096 characters"),
  v.regex(/^(?!~[^/])/, "must not begin with `~` and a name: only ~/ is known"),
);

/** Source: RFC 6901. */
export const Pointer = v.pipe(
  v.string("must be text"),
  v.maxLength(4_096, "must not be longer than 4096 characters"),
  v.regex(/^(?:\/(?:[^~/]|~[01])*)*$/, "must be a JSON pointer such as /data/value"),
);
