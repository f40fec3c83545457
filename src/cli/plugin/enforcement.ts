/** How this host enforces what a plugin was granted, in words for `akc plugin inspect`. Decides nothing: the host does. */
import type { Granted, PermissionName } from "../../plugin-host/contract.ts";
import type { ContainmentLevel } from "../../policy/model.ts";
import { landlockAbi } from "../../system/landlock.ts";
import { atLeast, strongestContainment } from "../../system/sandbox.ts";

export interface Enforcement {
  /** What the plugin's process gets here. */
  readonly level: ContainmentLevel;
  readonly required: ContainmentLevel;
  /** Whether the host can give what is required; if not, the plugin is not started. */
  readonly possible: boolean;
  readonly by: Readonly<Record<PermissionName, string>>;
}

/** TCP by port came with the fourth ABI (landlock(7)). */
const abiWithTcp = 4;

export function enforcementOf({ containment, requestsOnly, toolsOnly }: Granted): Enforcement {
  const level = strongestContainment();
  const kernel = level === "landlock";
  const trusted = "not enforced: this host has no Landlock";
  const files = kernel ? "landlock" : trusted;
  const ports = kernel && landlockAbi() >= abiWithTcp ? "landlock, by port" : trusted;
  return {
    level,
    required: containment,
    possible: atLeast(level, containment),
    by: {
      net: `${requestsOnly === true ? "requests through akc only" : ports}; host/fetch: by host and port`,
      read: files,
      write: files,
      run: toolsOnly === true ? "programs through akc only: host/run, by executable" : files,
      env: "no other variable is passed",
      secrets: "handed over by name, at call time",
    },
  };
}
