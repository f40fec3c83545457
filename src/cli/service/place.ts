/** Which manager a command of `akc service` means, and where that one keeps units and configuration. */
import { homedir } from "node:os";
import { join } from "node:path";
import { AkcError } from "../../errors.ts";
import { defaultConfig, type ManagerKind, unitName } from "../../service/unit.ts";
import type { Environment } from "../io.ts";

export const managerArgs = {
  system: { type: "boolean", description: "The machine's systemd; the default for root." },
  user: { type: "boolean", description: "Your own systemd; the default for anybody else." },
} as const;

export interface ServicePlace {
  readonly manager: ManagerKind;
  readonly home: string;
  readonly uid: number;
  readonly unitPath: string;
  readonly configPath: string;
}

/** @throws AkcError USAGE for both flags */
export function servicePlace(
  flags: { readonly system?: boolean | undefined; readonly user?: boolean | undefined },
  env: Environment,
): ServicePlace {
  if (flags.system === true && flags.user === true)
    throw new AkcError("USAGE", { message: "--system and --user exclude each other" });
  const uid = process.getuid?.() ?? 0;
  const home = env["HOME"] ?? homedir();
  const manager = flags.system === true || (flags.user !== true && uid === 0) ? "system" : "user";
  const units =
    manager === "system"
      ? "/etc/systemd/system"
      : join(env["XDG_CONFIG_HOME"] ?? join(home, ".config"), "systemd/user");
  return { manager, home, uid, unitPath: join(units, unitName), configPath: defaultConfig(manager, home) };
}

/** @throws AkcError SERVICE_NEEDS_ROOT */
export function needRoot({ manager, uid }: ServicePlace): void {
  if (manager === "system" && uid !== 0) throw new AkcError("SERVICE_NEEDS_ROOT");
}
