/** What a plan's compiler has to say that stops nothing: words for stderr, each with its place. */
import { printable } from "../render/text.ts";
import type { GivenPlan } from "./given.ts";

export function warningsOf({ path, compiled }: Pick<GivenPlan, "path" | "compiled">): readonly string[] {
  return compiled.warnings.map(
    ({ line, column, message, rule }) =>
      `warning: ${printable(`${path}:${line}:${column}: ${message}`)} [${rule}]\n`,
  );
}
