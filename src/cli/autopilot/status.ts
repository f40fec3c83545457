/** `akc autopilot status`: how scopes stand, from the database, with what a running controller adds; once, as it changes, or as a probe. */
import { scopeName } from "../../autopilot/model.ts";
import { openAutopilotStore } from "../../autopilot/state/open.ts";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { systemClock } from "../../system/clock.ts";
import { command, type Session } from "../command.ts";
import type { ExitCode } from "../exit-codes.ts";
import { styleOf } from "../render/style.ts";
import { printable } from "../render/text.ts";
import { instant } from "../render/time.ts";
import { watchSignals } from "../runtime/interrupt.ts";
import { addressText, askController } from "./controller-door.ts";
import {
  type AutopilotSettings,
  addressOf,
  settingsArgs,
  settingsEnvironment,
  settingsOf,
} from "./settings.ts";
import { type AutopilotView, scopeData, viewData, viewOf } from "./status-data.ts";
import { viewText } from "./status-text.ts";
import { isMeant, knownWords, namedScope, scopeArgs } from "./which-scopes.ts";

const probes = ["livez", "readyz"] as const;

export const status = command({
  path: "autopilot status",
  summary: "Show how scopes stand, who holds them, and what would let them go on.",
  notes: [
    "Read from the database: it works when no controller runs. Where the controller's server answers, its mode and its next visit are shown as well.",
    "--probe asks a running controller whether it lives, or whether it is ready: exit 0 or 1, for a health check.",
  ],
  examples: [
    { command: "akc autopilot status --outputs-root out", says: "All scopes." },
    {
      command: "akc autopilot status --scope acme/shop --watch",
      says: "One scope, a line whenever it changes.",
    },
    {
      command: "akc autopilot status --probe readyz --listen unix:/run/akc/autopilot.sock",
      says: "Is the controller ready?",
    },
  ],
  exits: [0, 1, 2, 129, 130, 143],
  environment: settingsEnvironment,
  args: {
    ...settingsArgs,
    ...scopeArgs,
    watch: { type: "boolean", alias: ["w"], description: "Go on, with a line for every change." },
    probe: {
      type: "enum",
      options: [...probes],
      valueHint: "PROBE",
      description: "Ask the running controller: livez or readyz.",
    },
    listen: {
      type: "string",
      valueHint: "ADDRESS",
      description: "Where the controller listens: unix:PATH or HOST:PORT; else as its configuration says.",
    },
  },
  async run(args, session) {
    const named = namedScope(args);
    const found = await settingsOf(session.io, args);
    const settings =
      args.listen === undefined ? found : { ...found, listen: addressOf("--listen", args.listen) };
    const probe = probes.find((known) => known === args.probe);
    if (probe !== undefined) return probed(session, settings, probe);
    const store = await openAutopilotStore(settings.outputsRoot, { create: false });
    try {
      const look = () =>
        viewOf(session.io, store, settings, (scope) => isMeant(named, scope), systemClock.nowMs());
      const first = await look();
      const { tenantId, repoId } = named;
      if (first.scopes.length === 0 && tenantId !== undefined && repoId !== undefined) {
        throw new AkcError("AUTOPILOT_SCOPE_UNKNOWN", {
          details: { scope: scopeName({ tenantId, repoId }), known: knownWords(await store.scopes()) },
        });
      }
      if (args.watch !== true) return await shown(session, first);
      return await watched(session, first, look, () => store.version());
    } finally {
      await store.close();
    }
  },
});

async function shown({ io, print }: Session, view: AutopilotView): Promise<ExitCode> {
  const { stdout } = io;
  await print({
    data: viewData(view),
    text: () =>
      viewText(view, {
        style: styleOf(stdout.color),
        columnsMax: stdout.isTerminal ? stdout.columns() : undefined,
      }),
  });
  return view.scopes.some(({ phase }) => phase === "damaged") ? 1 : 0;
}

/** As it stands, and then a line a change: of text for people, of JSON for programs. */
async function watched(
  { io, format }: Session,
  first: AutopilotView,
  look: () => Promise<AutopilotView>,
  version: () => Promise<number>,
): Promise<ExitCode> {
  if (format === "yaml") {
    throw new AkcError("USAGE", { message: "--watch prints lines", hint: "Use -o text or -o json." });
  }
  const interrupt = watchSignals(() => undefined);
  const told = new Map<string, string>();
  const tell = async (view: AutopilotView) => {
    for (const scope of view.scopes) {
      const { phase, why, mode } = scope;
      const key = scopeName(scope.scope);
      const line = [key, ...(mode === undefined ? [] : [mode]), phase, why].map(printable).join("  ");
      const data = JSON.stringify({ observed_at_ms: view.observedAtMs, ...scopeData(scope) });
      if (told.get(key) === line) continue;
      told.set(key, line);
      await io.out(format === "json" ? `${data}\n` : `${instant(view.observedAtMs)}  ${line}\n`);
    }
  };
  try {
    await tell(first);
    for (let seen = await version(); !interrupt.signal.aborted; ) {
      await systemClock.sleep(limits.autopilotPollMs, interrupt.signal);
      const now = await version();
      if (now === seen) continue;
      seen = now;
      await tell(await look());
    }
    return interrupt.exitCode() ?? 0;
  } finally {
    interrupt.remove();
  }
}

async function probed(
  { io, print }: Session,
  { listen }: AutopilotSettings,
  probe: (typeof probes)[number],
): Promise<ExitCode> {
  if (listen === undefined) {
    throw new AkcError("USAGE", {
      message: "it is not known where the controller listens",
      hint: "Name it with --listen ADDRESS, or its configuration with --config FILE.",
    });
  }
  const answer = await askController(listen, `/${probe}?verbose`);
  if (answer === undefined) {
    throw new AkcError("CONTROLLER_UNREACHABLE", { details: { address: addressText(listen) } });
  }
  const ok = answer.status === 200;
  await print({
    data: {
      kind: "AutopilotProbe",
      probe,
      ok,
      status: answer.status,
      checks: answer.text.trimEnd().split("\n"),
    },
    text: () => answer.text.trimEnd().split("\n").map(printable).join("\n"),
  });
  if (!ok) io.words(`the controller's ${probe} check failed\n`);
  return ok ? 0 : 1;
}
