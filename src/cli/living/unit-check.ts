/** Whether the service's unit is as this akc would write it, for the doctor. Reads the unit file and asks systemctl its version. */
import { existsSync, realpathSync } from "node:fs";
import { type Finding, ok, warn } from "../../autopilot/doctor/finding.ts";
import { AkcError } from "../../errors.ts";
import { choicesOf, provenanceOf, renderUnit, unitName } from "../../service/unit.ts";
import type { Environment } from "../io.ts";
import { credentialsIn } from "../service/credentials.ts";
import { servicePlace } from "../service/place.ts";
import { ServiceManager } from "../service/systemd.ts";
import { unitTextAt } from "../service/unit-file.ts";

const check = "unit";
/** The oldest one with all that the unit says. */
const systemdOldest = 252;

export interface UnitLook {
  readonly findings: readonly Finding[];
  /** The configuration that the installed service goes by. */
  readonly configPath?: string | undefined;
  /** Files that it hands over to the service, by the names of the credentials. */
  readonly credentials?: ReadonlyMap<string, string> | undefined;
}

export async function unitLook(env: Environment, configPath: string | undefined): Promise<UnitLook> {
  const place = servicePlace({}, env);
  const text = await unitTextAt(place.unitPath);
  if (text === undefined) {
    return { findings: [ok(check, `${unitName} is not installed for the ${place.manager} manager`)] };
  }
  const choices = choicesOf(text);
  const manager = new ServiceManager({ env, kind: place.manager, signal: new AbortController().signal });
  const systemd = await orItsFault(() => manager.version());
  const whole = await orItsFault(async () => credentialsIn(await manager.text()));
  const findings: Finding[] = [];
  if (typeof systemd === "number") {
    findings.push(
      systemd >= systemdOldest
        ? ok(check, `systemd ${systemd} knows all that the unit says`)
        : warn(
            check,
            `systemd ${systemd} does not know all that the unit says`,
            `Use systemd ${systemdOldest} or newer.`,
          ),
    );
  } else
    findings.push(
      warn(check, `systemctl does not say its version: ${systemd}`, "See that systemd runs here."),
    );
  const again = "`akc service install` brings it up to date.";
  switch (provenanceOf(text)) {
    case "foreign":
      findings.push(warn(check, `${place.unitPath} was not written by akc`, again));
      break;
    case "edited":
      findings.push(
        warn(
          check,
          `${place.unitPath} was changed by hand: an update would undo that`,
          `Keep changes in a drop-in: systemctl edit ${unitName}`,
        ),
      );
      break;
    case "written": {
      const wanted =
        choices === undefined || typeof systemd !== "number"
          ? undefined
          : renderUnit({ ...choices, manager: place.manager, systemd });
      findings.push(
        wanted === undefined || wanted === text
          ? ok(check, `${place.unitPath} is as akc writes it`)
          : warn(check, `${place.unitPath} is of another akc`, again),
      );
    }
  }
  if (choices !== undefined) findings.push(...choiceFindings(choices, configPath));
  // What systemd cannot be asked for, the unit itself still says.
  const credentials = typeof whole === "string" ? credentialsIn(text) : whole;
  return { findings, configPath: choices?.config, credentials };
}

function choiceFindings(
  { binary, config }: { readonly binary: string; readonly config: string },
  configPath: string | undefined,
): readonly Finding[] {
  const findings: Finding[] = [];
  if (!existsSync(binary)) {
    findings.push(
      warn(check, `the unit's binary ${binary} is not there`, "Install it, or `akc service install`."),
    );
  } else if (Bun.isStandaloneExecutable && realpathSync(binary) !== realpathSync(process.execPath)) {
    findings.push(
      warn(
        check,
        `the unit runs ${binary}, and this is ${process.execPath}`,
        "Run that one, or `akc service install`.",
      ),
    );
  }
  if (configPath !== undefined && configPath !== config) {
    findings.push(
      warn(
        check,
        `the unit goes by ${config}, and ${configPath} is looked at`,
        "Name the one that the service uses.",
      ),
    );
  }
  return findings;
}

/** What came of it, or why nothing did. */
async function orItsFault<T>(work: () => Promise<T>): Promise<T | string> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof AkcError) return cause.message;
    throw cause;
  }
}
