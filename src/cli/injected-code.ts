/**
 * Refuses to work in a process into which the environment may have put foreign code. It cannot undo that (a preload has
 * run by now); it keeps such a process from being mistaken for akc, and makes a forgotten variable visible.
 *
 * Source: docs/decisions/0003-environment-of-the-binary.md; Bun's executables.mdx, "Runtime arguments via BUN_OPTIONS".
 */
import { AkcError } from "../errors.ts";
import type { Environment } from "./io.ts";

const refused = ["BUN_OPTIONS", "BUN_INSPECT", "BUN_INSPECT_NOTIFY", "BUN_INSPECT_PRELOAD"];

/** @throws AkcError ENVIRONMENT_REFUSED */
export function refuseInjectedCode(env: Environment): void {
  const present = refused.filter((name) => (env[name] ?? "") !== "");
  if (present.length === 0) return;
  throw new AkcError("ENVIRONMENT_REFUSED", {
    hint: `Start akc without ${present.join(", ")}: env ${present.map((name) => `-u ${name}`).join(" ")} akc …`,
    details: { variables: present },
  });
}
