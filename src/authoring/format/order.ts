/**
 * The order in which the members of a plan stand once it has been formatted: that of the tables which say what a plan is.
 * Maps whose keys an author chooses (steps, roles, variables) have no order here and keep their own.
 */
import { check } from "../tables/check.ts";
import { plan, role } from "../tables/plan.ts";
import { service } from "../tables/service.ts";
import { http, step, wait } from "../tables/step.ts";

const own: readonly { readonly at: readonly string[]; readonly keys: readonly string[] }[] = [
  { at: [], keys: Object.keys(plan.members) },
  { at: ["roles", "*"], keys: Object.keys(role.members) },
  { at: ["steps", "*"], keys: Object.keys(step.members) },
  { at: ["steps", "*", "run"], keys: ["argv", "stdin"] },
  { at: ["steps", "*", "http"], keys: Object.keys(http.members) },
  { at: ["steps", "*", "wait"], keys: Object.keys(wait.members) },
  { at: ["services", "*"], keys: Object.keys(service.members) },
  { at: ["checks", "*"], keys: Object.keys(check.members) },
  ...Object.entries(plan.members).flatMap(([key, { reader }]) => {
    const keys = membersOf(reader);
    return keys === undefined ? [] : [{ at: [key], keys }];
  }),
];

/** The members of the map at `path` in their order; others follow as they were. Empty where an author chooses the keys. */
export function memberOrder(path: readonly string[]): readonly string[] {
  const found = own.find(
    ({ at }) => at.length === path.length && at.every((key, index) => key === "*" || key === path[index]),
  );
  return found?.keys ?? [];
}

function membersOf(reader: object): readonly string[] | undefined {
  if (!("members" in reader)) return undefined;
  const { members } = reader;
  return typeof members === "object" && members !== null ? Object.keys(members) : undefined;
}
