/** `akc service uninstall`: takes the service away again, and leaves what it has kept. */
import { rm } from "node:fs/promises";
import { AkcError } from "../../errors.ts";
import { provenanceOf, unitName } from "../../service/unit.ts";
import { writeFileAtomic } from "../../system/files.ts";
import { command } from "../command.ts";
import { managerArgs, needRoot, servicePlace } from "./place.ts";
import { makeAll, type Step } from "./steps.ts";
import { ServiceManager } from "./systemd.ts";
import { unitTextAt } from "./unit-file.ts";

export const uninstall = command({
  path: "service uninstall",
  summary: "Stop the autopilot's service and take its unit away; what it has kept stays.",
  notes: [
    "It is stopped in good order first. State, configuration, credentials and drop-ins are left where they are; it says where.",
  ],
  examples: [
    { command: "sudo akc service uninstall", says: "Of this machine." },
    { command: "akc service uninstall --user --dry-run", says: "What would be taken away of yours." },
  ],
  exits: [0, 1, 2, 5],
  environment: { AKC_SYSTEMCTL: "Absolute path of systemctl." },
  args: {
    ...managerArgs,
    dryRun: { type: "boolean", description: "Say what would be changed, and change nothing." },
    force: {
      type: "boolean",
      description: "Take the unit away also where akc did not write it, or it was edited.",
    },
  },
  async run(args, session) {
    const place = servicePlace(args, session.io.env);
    if (args.dryRun !== true) needRoot(place);
    const { unitPath } = place;
    const manager = new ServiceManager({
      env: session.io.env,
      kind: place.manager,
      signal: new AbortController().signal,
    });
    const before = await unitTextAt(unitPath);
    if (before !== undefined && provenanceOf(before) !== "written" && args.force !== true)
      throw new AkcError("SERVICE_UNIT_CHANGED", {
        hint: "Take it away with --force, if nobody needs what was changed in it.",
        details: { path: unitPath },
      });
    const shown = await manager.show("UnitFileState", "ActiveState");
    const steps: Step[] = [];
    if (shown["ActiveState"] !== "inactive" && shown["ActiveState"] !== "failed")
      steps.push({
        says: `${unitName} stopped`,
        make: () => manager.verb("stop"),
        takeBack: () => manager.verb("start"),
      });
    if (before !== undefined) {
      if (shown["UnitFileState"] === "enabled")
        steps.push({
          says: `${unitName} disabled`,
          make: () => manager.verb("disable"),
          takeBack: () => manager.verb("enable"),
        });
      steps.push({
        says: `${unitPath} removed`,
        make: async () => {
          await rm(unitPath);
          await manager.reload();
        },
        takeBack: async () => {
          await writeFileAtomic(unitPath, before);
          await manager.reload();
        },
      });
    }
    if (args.dryRun !== true) {
      await makeAll(steps);
      // That it once failed is not worth remembering of what is gone; it may know nothing of it any more.
      if (before !== undefined) await manager.verb("reset-failed").catch(() => undefined);
    }
    const changed = steps.map(({ says }) => says);
    await session.print({
      data: {
        kind: "ServiceUninstalled",
        unit: unitName,
        manager: place.manager,
        path: unitPath,
        dry_run: args.dryRun === true,
        changed,
      },
      text: () => (changed.length === 0 ? `there is no ${unitName}` : changed.join("\n")),
    });
    if (args.dryRun === true) session.io.words("nothing was changed: --dry-run\n");
    else if (changed.length > 0)
      session.io.words(`left where it is: ${place.configPath} and what its outputs root holds\n`);
    return 0;
  },
});
