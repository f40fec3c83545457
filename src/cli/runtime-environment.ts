/**
 * Refuses to work in a process whose environment steers the runtime below it. The build already shuts out foreign code;
 * this makes what is left (options, a switched-off certificate check) an error instead of a surprise.
 *
 * Source: docs/decisions/0003-environment-of-the-binary.md; Bun's executables.mdx, "Runtime arguments via BUN_OPTIONS".
 */
import { AkcError } from "../errors.ts";
import type { Environment } from "./io.ts";

const refused = ["BUN_OPTIONS", "BUN_INSPECT", "BUN_INSPECT_NOTIFY", "BUN_INSPECT_PRELOAD"];
/** Bun's `fetch` accepts any certificate with it. */
const uncheckedTls = "NODE_TLS_REJECT_UNAUTHORIZED";

/** @throws AkcError ENVIRONMENT_REFUSED */
export function refuseSteeredRuntime(env: Environment): void {
  const present = refused.filter((name) => (env[name] ?? "") !== "");
  if (env[uncheckedTls] === "0") present.push(uncheckedTls);
  if (present.length === 0) return;
  throw new AkcError("ENVIRONMENT_REFUSED", {
    hint: `Start akc without ${present.join(", ")}: env ${present.map((name) => `-u ${name}`).join(" ")} akc …`,
    details: { variables: present },
  });
}
