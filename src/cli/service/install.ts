/** `akc service install`: makes the autopilot a service of systemd, or brings one up to date. */
import { constants } from "node:fs";
import { access, realpath, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { AkcError } from "../../errors.ts";
import { exampleConfig, examplePlaces } from "../../service/example-config.ts";
import { provenanceOf, renderUnit, unitName } from "../../service/unit.ts";
import { writeFileAtomic } from "../../system/files.ts";
import { command } from "../command.ts";
import { changedLines } from "./changed-lines.ts";
import { managerArgs, needRoot, type ServicePlace, servicePlace } from "./place.ts";
import { makeAll, type Step } from "./steps.ts";
import { ServiceManager } from "./systemd.ts";
import { unitTextAt } from "./unit-file.ts";

export const install = command({
  path: "service install",
  summary: "Make the autopilot a service of systemd, or bring that service up to date.",
  notes: [
    "Writes the unit, and a configuration where there is none; then the service is enabled, and with --now started. Whatever is as it should be is left alone, so that it can be run again and again. When a step fails, those before it are taken back.",
    "The unit is confined: it sees no home folders, writes in /var/lib/akc, and has no privileges. docs/autopilot-systemd.md says what to allow for docker.sock, for services that outlive akc, and for credentials. Change it by drop-ins only: a unit file that was edited is not replaced without --force.",
  ],
  examples: [
    { command: "sudo akc service install --now", says: "For this machine, and start it." },
    {
      command: "akc service install --user --dry-run",
      says: "What would be written for a service of yours.",
    },
  ],
  exits: [0, 1, 2, 5],
  environment: {
    AKC_SYSTEMCTL: "Absolute path of systemctl.",
    AKC_SYSTEMD_ANALYZE: "Absolute path of systemd-analyze.",
  },
  args: {
    ...managerArgs,
    binary: { type: "string", valueHint: "FILE", description: "The akc that it runs; else this one." },
    config: {
      type: "string",
      valueHint: "FILE",
      description: "Its configuration; else /etc/akc/autopilot.yaml, of a user ~/.config/akc/autopilot.yaml.",
    },
    dryRun: { type: "boolean", description: "Say what would be changed, and change nothing." },
    now: { type: "boolean", description: "Also start it, or restart it where the unit has changed." },
    force: {
      type: "boolean",
      description: "Replace a unit file that was not written by akc, or was edited.",
    },
  },
  async run(args, session) {
    const place = servicePlace(args, session.io.env);
    if (args.dryRun !== true) needRoot(place);
    const manager = new ServiceManager({
      env: session.io.env,
      kind: place.manager,
      signal: new AbortController().signal,
    });
    const config = args.config === undefined ? place.configPath : resolve(args.config);
    const binary = await programOf(args.binary, place);
    const systemd = await manager.version();
    const text = renderUnit({ manager: place.manager, binary, config, systemd });
    const before = await unitTextAt(place.unitPath);
    if (before !== undefined && before !== text && args.force !== true) refuseChanged(before, place);
    await refuseFaults(manager, text);
    const steps = await stepsFor({ place, manager, text, before, config, now: args.now === true });
    if (args.dryRun !== true) await makeAll(steps);
    const changed = steps.map(({ says }) => says);
    const lines = changedLines(before ?? "", text);
    await session.print({
      data: {
        kind: "ServiceInstalled",
        unit: unitName,
        manager: place.manager,
        path: place.unitPath,
        binary,
        config,
        dry_run: args.dryRun === true,
        changed,
        unit_changes: lines,
      },
      text: () =>
        [
          ...(args.dryRun === true && before !== text ? [...lines, ""] : []),
          ...(changed.length === 0 ? [`${unitName} is as it should be`] : changed),
        ].join("\n"),
    });
    if (args.dryRun === true) session.io.words("nothing was changed: --dry-run\n");
    else if (changed.length > 0 && args.now !== true)
      session.io.words(`hint: \`systemctl ${userFlag(place)}start ${unitName}\` starts it.\n`);
    return 0;
  },
});

function userFlag({ manager }: ServicePlace): string {
  return manager === "user" ? "--user " : "";
}

/** Folders that the unit does not let its program be seen in. */
const hiddenFolders = ["/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"];

/** @throws AkcError USAGE for what is no program, or one that the confined service would not see */
async function programOf(named: string | undefined, { manager }: ServicePlace): Promise<string> {
  if (named === undefined && !Bun.isStandaloneExecutable)
    throw new AkcError("USAGE", {
      message: "this akc runs from source and is no program that systemd could start",
      hint: "Name the binary with --binary.",
    });
  const path = resolve(named ?? process.execPath);
  try {
    await access(path, constants.X_OK);
  } catch (cause) {
    throw new AkcError("USAGE", { message: `${path} is not a program that can be run`, cause });
  }
  const real = await realpath(path);
  if (manager === "system" && hiddenFolders.some((folder) => real.startsWith(folder)))
    throw new AkcError("USAGE", {
      message: "the confined service cannot see this program",
      hint: `Copy it first: install -m 0755 ${real} /usr/local/bin/akc, and run that one.`,
      details: { path: real },
    });
  return path;
}

/** @throws AkcError SERVICE_UNIT_CHANGED */
function refuseChanged(before: string, { unitPath }: ServicePlace): void {
  const provenance = provenanceOf(before);
  if (provenance === "written") return;
  throw new AkcError("SERVICE_UNIT_CHANGED", {
    message:
      provenance === "edited"
        ? "the unit file was edited since akc wrote it"
        : "a unit file that akc did not write stands there",
    details: { path: unitPath },
  });
}

/** @throws AkcError SERVICE_UNIT_REFUSED */
async function refuseFaults(manager: ServiceManager, text: string): Promise<void> {
  const faults = (await manager.faults(text)) ?? [];
  if (faults.length > 0) throw new AkcError("SERVICE_UNIT_REFUSED", { details: { says: [...faults] } });
}

interface Wanted {
  readonly place: ServicePlace;
  readonly manager: ServiceManager;
  readonly text: string;
  readonly before: string | undefined;
  readonly config: string;
  readonly now: boolean;
}

async function stepsFor({ place, manager, text, before, config, now }: Wanted): Promise<readonly Step[]> {
  const steps: Step[] = [];
  const { UnitFileState: enabled, ActiveState: active } = await manager.show("UnitFileState", "ActiveState");
  if ((await unitTextAt(config)) === undefined) {
    const example = exampleConfig(examplePlaces(place.manager, place.home, place.uid));
    steps.push({
      says: `${config} written: it observes, and changes nothing`,
      make: () => writeFileAtomic(config, example),
      takeBack: () => rm(config, { force: true }),
    });
  }
  const runs = active === "active" || active === "reloading";
  if (before !== text)
    steps.push({
      says: `${place.unitPath} ${before === undefined ? "written" : "replaced"}`,
      make: async () => {
        await writeFileAtomic(place.unitPath, text);
        await manager.reload();
      },
      takeBack: async () => {
        if (before === undefined) await rm(place.unitPath, { force: true });
        else await writeFileAtomic(place.unitPath, before);
        await manager.reload();
        // It may have ended while the new unit was in force.
        if (now && runs) await manager.verb("restart");
      },
    });
  if (enabled !== "enabled")
    steps.push({
      says: `${unitName} enabled`,
      make: () => manager.verb("enable"),
      takeBack: () => manager.verb("disable"),
    });
  if (now && !runs)
    steps.push({
      says: `${unitName} started`,
      make: () => manager.verb("start"),
      takeBack: () => manager.verb("stop"),
    });
  if (now && runs && before !== text)
    steps.push({
      says: `${unitName} restarted`,
      make: () => manager.verb("restart"),
      takeBack: async () => {},
    });
  return steps;
}
