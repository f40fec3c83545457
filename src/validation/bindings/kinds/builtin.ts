/**
 * The two kinds that akc judges itself: a JSON document over HTTP, and a program that checks.
 * Schemas only; which fields exclude each other is in `rules.ts`.
 */
import * as v from "valibot";
import { limits } from "../../../limits.ts";
import { Executable } from "../../../policy/plugin-words.ts";
import { aggregateField, commonFields, expectField, optional, requestFields, targetField } from "./fields.ts";
import { Method, Path, Pointer, wholeNumber } from "./words.ts";

const listItemsMax = limits.bindingListItemsMax;
const tooMany = `must not have more than ${listItemsMax} items`;

const judgedFields = {
  pointer: optional(Pointer, "JSON pointer (RFC 6901) of what is judged; the whole document when absent."),
  ...aggregateField,
  ...expectField,
  equals: optional(v.unknown(), "What it must be, as JSON."),
};

export const HttpJson = v.strictObject({
  kind: v.literal("http_json"),
  ...requestFields,
  ...targetField,
  method: optional(Method, "GET, the default, or POST."),
  body: optional(v.unknown(), "What is sent: text as it is, anything else as JSON. With POST only."),
  status: optional(
    v.pipe(
      v.array(wholeNumber(100, 599), "must be a list of status codes"),
      v.minLength(1, "needs at least one"),
      v.maxLength(listItemsMax, tooMany),
    ),
    "Status codes of an answer that is judged, [200] when absent.",
  ),
  ...judgedFields,
  ...commonFields,
});

const Argument = v.pipe(
  v.string("must be text"),
  v.maxLength(limits.bindingTextCharsMax, `must not be longer than ${limits.bindingTextCharsMax} characters`),
  v.regex(/^[^\0]*$/, "must not hold a NUL"),
);

export const CommandCheck = v.strictObject({
  kind: v.literal("command"),
  argv: v.pipe(
    v.array(Argument, "must be a list of texts"),
    v.minLength(1, "needs at least a program"),
    v.maxLength(listItemsMax, tooMany),
    v.check(
      ([program]) => program === undefined || v.is(Executable, program),
      "must begin with an absolute path or a name without slashes",
    ),
    v.description("Program and arguments; no shell. Exit code 0 passes, 1 fails, 2 is inconclusive."),
  ),
  workdir: optional(Path, "Folder that it works in, below the scope."),
  ...targetField,
  ...judgedFields,
  ...commonFields,
});
