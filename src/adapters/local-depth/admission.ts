/**
 * Whether a subprocess may be started at all, before anything is prepared for it: the lane, the executable, the host.
 * Looks at the disk for the executable only.
 *
 * Source: spec bundle §14.5 (the order of the checks); bundle:W-26.
 */
import type { SubprocessRoute } from "../../bundle/model.ts";
import { type ErrorCode, errorCodes } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { executableAllowed } from "../../policy/executables.ts";
import type { ContainmentLevel, SubprocessLane } from "../../policy/model.ts";
import { type ExecutablePlace, findExecutable } from "../../system/executable.ts";
import { atLeast } from "../../system/sandbox.ts";

export type Admission =
  | { readonly kind: "admitted"; readonly executable: string }
  | { readonly kind: "refused"; readonly code: ErrorCode; readonly message: string };

/**
 * @param level what this host gives its children
 * @param find looks for the executable; whoever asks about many steps at one moment may look once for each program
 */
export function admit(
  route: SubprocessRoute,
  lane: SubprocessLane,
  level: ContainmentLevel,
  find: (argv0: string) => ExecutablePlace = findExecutable,
): Admission {
  const [argv0 = ""] = route.argv;
  const found = find(argv0);
  const answer =
    found.kind === "found"
      ? executableAllowed(argv0, found.real, lane, found.foundAs)
      : executableAllowed(argv0, argv0, lane);
  if (!answer.allowed) {
    return answer.reason === "not_in_operator_list"
      ? {
          kind: "refused",
          code: answer.code,
          message: `the operator does not allow this executable: ${shown(argv0)}`,
        }
      : refused(answer.code, shown(argv0));
  }
  switch (found.kind) {
    case "relative":
      return refused("SUBPROCESS_NOT_ALLOWED", `${shown(argv0)} is neither a bare name nor an absolute path`);
    case "missing":
      return refused("SUBPROCESS_NOT_FOUND", shown(argv0));
    case "found":
      break;
  }
  if (!atLeast(level, lane.containment)) {
    return refused("CONTAINMENT_UNAVAILABLE", `${lane.containment} is required, ${level} is available`);
  }
  if (route.argv.some((item) => item.includes("\0"))) {
    return refused("ROUTE_MALFORMED", "an argument holds a NUL character");
  }
  if (route.stdin !== undefined && Buffer.byteLength(route.stdin) > limits.subprocessStdinBytesMax) {
    return refused("ROUTE_MALFORMED", `stdin is longer than ${limits.subprocessStdinBytesMax} bytes`);
  }
  return { kind: "admitted", executable: found.real };
}

function refused(code: ErrorCode, what: string): Admission {
  return { kind: "refused", code, message: `${errorCodes[code].message}: ${what}` };
}

/** The name is safe to show and to store, the arguments may not be: they often carry what is secret. */
function shown(argv0: string): string {
  return JSON.stringify(argv0.length > 200 ? `${argv0.slice(0, 200)}…` : argv0);
}
