/** How the parts of the configuration's schema are put together: choices, lists, keys that may be absent. Knows no key itself. */
import * as v from "valibot";
import { limits } from "../../limits.ts";
import { nearestWord } from "../../spelling.ts";

/** One of some words; a misspelt one is told the word that was probably meant. */
export function choice<const Options extends readonly string[]>(options: Options) {
  return v.picklist(options, ({ input }) => {
    const near = typeof input === "string" ? nearestWord(input, options) : undefined;
    return `must be ${orOf(options)}${near === undefined ? "" : `; did you mean \`${near}\`?`}`;
  });
}

function orOf(options: readonly string[]): string {
  return `${options.slice(0, -1).join(", ")} or ${options.at(-1) ?? ""}`;
}

export function list<const Item extends v.GenericSchema>(item: Item) {
  return v.pipe(
    v.array(item, "must be a list"),
    v.maxLength(
      limits.autopilotListItemsMax,
      `must not have more than ${limits.autopilotListItemsMax} entries`,
    ),
  );
}

/** A key that may be absent, and what it means. */
export function described<const Schema extends v.GenericSchema>(schema: Schema, words: string) {
  return v.optional(v.pipe(schema, v.description(words)));
}

/** A rule about which keys stand beside each other. It is asked also where their values are faulty, so that every fault is told at once. */
export function keysMust<Value extends object>(
  rule: (has: (key: keyof Value & string) => boolean) => boolean,
  message: string,
) {
  return v.rawCheck<Value>(({ dataset, addIssue }) => {
    const value: unknown = dataset.value;
    if (typeof value !== "object" || value === null) return;
    if (!rule((key) => Reflect.get(value, key) !== undefined)) addIssue({ message });
  });
}
