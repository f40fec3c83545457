/**
 * A map in a list of a YAML file, with its unknown keys named: the reader of YAML finds those in maps of maps only.
 * Knows no file.
 */
import * as v from "valibot";

export const AnyMap = v.custom<object>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  "must be a map",
);

export function mapInList<const Entries extends v.ObjectEntries>(entries: Entries) {
  const unknown = (value: object) => Object.keys(value).filter((key) => !Object.hasOwn(entries, key));
  return v.pipe(
    AnyMap,
    v.check(
      (value) => unknown(value).length === 0,
      ({ input }) => `must not have ${unknown(input).join(", ")}; known: ${Object.keys(entries).join(", ")}`,
    ),
    v.object(entries),
  );
}
