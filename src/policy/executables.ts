/**
 * Whether an executable may be started, from its name as written and the file that it stands for.
 * Never looks at a disk: who calls has resolved the name and its links already.
 *
 * Source: spec bundle §14.5; bundle:W-26.
 */
import type { ErrorCode } from "../errors.ts";
import type { SubprocessLane } from "./model.ts";

export type ExecutableRefusal =
  | "subprocess_disabled"
  | "allowlist_empty"
  | "not_in_bundle_allowlist"
  | "not_in_operator_list";

export type ExecutableAnswer =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly reason: ExecutableRefusal; readonly code: ErrorCode };

/**
 * @param argv0 as the bundle writes it
 * @param resolved absolute path of the file that would be started, symbolic links resolved
 * @param lane the run's bounds
 * @param foundAs absolute paths that lead to that file: where the name was found, and the same place by its folder's other
 *   names, as `/bin/sh` is `/usr/bin/sh` where `/bin` is a link
 */
export function executableAllowed(
  argv0: string,
  resolved: string,
  lane: SubprocessLane,
  foundAs: readonly string[] = [],
): ExecutableAnswer {
  if (!lane.enabled) return refused("subprocess_disabled", "SUBPROCESS_DISABLED");
  if (lane.allowlist.length === 0) return refused("allowlist_empty", "SUBPROCESS_ALLOWLIST_EMPTY");
  const bare = !argv0.includes("/");
  // The file itself, or the very path written: who lists /bin/sh means it, though it is a link to another shell.
  const written = new Set(bare ? [resolved, ...foundAs] : [resolved, argv0]);
  const listed = lane.allowlist.some((entry) =>
    entry.includes("/") ? entry.startsWith("/") && written.has(entry) : bare && entry === argv0,
  );
  if (!listed) return refused("not_in_bundle_allowlist", "SUBPROCESS_NOT_ALLOWED");
  // The operator means the file, by whatever name the bundle reaches it.
  const names = new Set([...written, ...foundAs]);
  if (lane.operatorPaths !== undefined && !lane.operatorPaths.some((path) => names.has(path))) {
    return refused("not_in_operator_list", "SUBPROCESS_NOT_ALLOWED");
  }
  return { allowed: true };
}

function refused(reason: ExecutableRefusal, code: ErrorCode): ExecutableAnswer {
  return { allowed: false, reason, code };
}
