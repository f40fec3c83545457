/**
 * A check as a table: what must be true when the run has been. It becomes a criterion of operational validity.
 *
 * Source: docs/operational-validity.md.
 */
import { byName, map, may, named } from "../form/composed.ts";
import { count, flag, number, text } from "../form/plain.ts";
import { type ReadBy, verbatimMap } from "../form/reader.ts";
import { idPattern } from "./words.ts";

const bound = map("a map with gte, lte or eq", {
  gte: may(number, "At least."),
  lte: may(number, "At most."),
  eq: may(number, "Exactly, within 1e-9."),
});

export const check = map("a map with binding, evidence, healthy, converged or params", {
  title: may(text(), "For people: what must be true."),
  binding: may(
    text({
      pattern: /^[-A-Za-z0-9_.]{1,128}$/,
      wants: "the id of a binding: letters, digits, `.`, `_`, `-`",
    }),
    "The binding of the host's registry that is asked (docs/validators.md).",
  ),
  evidence: may(
    text(),
    "The type of evidence that is looked at; of a binding `akc_observability_query_result`.",
  ),
  at: may(text(), "Where in it, with dots; of a binding `summary.value`."),
  is: may(bound, "What the number there must be; without it, it only has to be there."),
  healthy: may(flag, "Everything that was deployed ends healthy."),
  converged: may(flag, "Everything that was deployed stands as wanted."),
  min_samples: may(count(1, 1_000_000), "Fewer records are too few to tell."),
  consecutive: may(count(1, 1_000_000), "So many newest records must hold."),
  advisory: may(flag, "Told, and fails nothing."),
  dry_run: may(flag, "Judged and told, and counts for nothing."),
  params: may(verbatimMap, "Merged over the criterion's params: all that a criterion can say."),
});

export const checks = byName(named("the name of a check", idPattern, check, "a map of checks"));

export type CheckForm = ReadBy<typeof check>;
