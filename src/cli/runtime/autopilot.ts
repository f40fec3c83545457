/**
 * `akc runtime autopilot`: reads what it is to go by, and runs the controller until it is stopped. What runs is loaded only when it is
 * started, so that no other command carries it.
 *
 * Source: spec cli §14, §17.3.
 */
import { command, type Session } from "../command.ts";
import type { ExitCode } from "../exit-codes.ts";
import { readProject } from "../project.ts";
import { autopilotArgs, autopilotEnvironment, flagsOf } from "./autopilot/flags.ts";

export const autopilot = command({
  path: "runtime autopilot",
  summary: "Keep scopes as they should be: watch, ask for a recompile, roll out behind gates, keep score.",
  notes: [
    "It runs until it is stopped and changes only what its gates and budgets let through. Flags count before the environment, that before the file of --config, that before the project file and defaults; --check shows what counts. docs/autopilot.md says what there is.",
    "SIGTERM and SIGINT drain: the step under way finishes or is checkpointed, leases are given back, exit 0. A second one cuts off. SIGHUP reads the configuration again, and keeps the old one where the new one is not valid. SIGUSR1 writes its state down.",
    "Log lines go to stderr: -o text or json. stdout is for data: the result of --check, and with --once or --max-iterations a summary.",
    "--ingest-state-path is one of the watched sources. --eval-suite-path, --policy-mode, --canary-mode, --accept-mode and --goal are told to the recompile hook and mean nothing to akc itself.",
  ],
  examples: [
    {
      command: "akc runtime autopilot --config autopilot.yaml --check",
      says: "Is it valid, and what counts?",
    },
    {
      command: "akc runtime autopilot --outputs-root out --mode observe",
      says: "Look, record and say; change nothing.",
    },
    {
      command: "akc runtime autopilot --config autopilot.yaml --once -o json",
      says: "One pass over all scopes, from a pipeline.",
    },
    {
      command:
        "akc runtime autopilot --outputs-root out --env-profile prod --living-automation-profile living_loop_unattended_v1",
      says: "By itself, within the documented budgets.",
    },
  ],
  exits: [0, 1, 2, 5, 130, 143],
  environment: autopilotEnvironment,
  args: autopilotArgs,
  async run(args, session) {
    const read = async (onlyShown: boolean) => {
      const cwd = process.cwd();
      const { readAutopilot } = await import("../../autopilot/config/read.ts");
      return readAutopilot({
        flags: flagsOf(args),
        env: session.io.env,
        cwd,
        project: await readProject(cwd),
        onlyShown,
      });
    };
    if (args.check === true) return check(await read(true), session);
    const { runAutopilot } = await import("./autopilot/run.ts");
    return runAutopilot(() => read(false), session);
  },
});

async function check(
  reading: Awaited<ReturnType<typeof import("../../autopilot/config/read.ts").readAutopilot>>,
  { io, print }: Session,
): Promise<ExitCode> {
  const { discoverScopes } = await import("../../autopilot/scopes.ts");
  const { checkReport } = await import("./autopilot/shown.ts");
  const scopes = await discoverScopes(reading.config);
  await print(checkReport(reading, scopes, io.stdout.isTerminal ? io.stdout.columns() : undefined));
  return 0;
}
