/** `akc ui`: serves the live page until it is stopped. It decides where to listen and who may say words; what is shown is not its matter. */
import { AkcError } from "../errors.ts";
import { systemClock } from "../system/clock.ts";
import type { UiListen } from "../ui/model.ts";
import { serveUi } from "../ui/server.ts";
import { settingsArgs, settingsEnvironment, settingsOf } from "./autopilot/settings.ts";
import { command, type Session } from "./command.ts";
import { printable } from "./render/text.ts";
import { instant } from "./render/time.ts";
import { watchSignals } from "./runtime/interrupt.ts";
import { controlOf } from "./ui/control.ts";
import { wordsOf } from "./ui/words.ts";

export const ui = command({
  path: "ui",
  summary: "Show runs, rollouts, leases and the autopilot in a browser, live.",
  notes: [
    "It listens on loopback or at a unix socket, nowhere else, and prints a link that opens once; after that it prints the next one. The browser that opened it stays in until it is closed or the server ends.",
    "It only reads: with --allow-control an approval may be answered and the autopilot and rollouts be told words, exactly as `akc runtime signal`, `akc autopilot` and `akc rollout` do, in your name. It runs until Ctrl-C.",
  ],
  examples: [
    { command: "akc ui --outputs-root out", says: "All runs below out/, on a free port." },
    {
      command: "akc ui --allow-control",
      says: "The same; what waits for an approval can be answered there.",
    },
    {
      command: "akc ui --unix /run/user/1000/akc-ui.sock",
      says: "For yourself alone. From another machine: ssh -L 8080:/run/user/1000/akc-ui.sock HOST.",
    },
  ],
  exits: [0, 2, 5, 129, 130, 143],
  environment: settingsEnvironment,
  args: {
    ...settingsArgs,
    listen: {
      type: "string",
      valueHint: "HOST:PORT",
      description: "A loopback address and a port; port 0 takes a free one. Else 127.0.0.1:0.",
    },
    unix: {
      type: "string",
      valueHint: "PATH",
      description: "Listen at this socket instead, for its owner alone.",
    },
    allowControl: {
      type: "boolean",
      description: "Let words be said there: approvals, rollouts, the autopilot.",
    },
  },
  async run(args, session) {
    const listen = listenOf(args);
    const { io } = session;
    const settings = await settingsOf(io, args);
    const interrupt = watchSignals((text) => io.words(`${text}\n`));
    const served = await serveUi({
      listen,
      outputsRoot: settings.outputsRoot,
      words: wordsOf(io, settings),
      control: args.allowControl === true ? controlOf(io, settings.outputsRoot) : undefined,
      clock: systemClock,
      onOpened: (link) => io.words(`opened; another browser opens ${link}\n`),
      said: (line) => io.words(`${instant(systemClock.nowMs())} ${printable(line)}\n`),
    }).catch((cause: unknown) => {
      interrupt.remove();
      throw cause;
    });
    try {
      await tell(session, {
        ...served,
        outputsRoot: settings.outputsRoot,
        control: args.allowControl === true,
      });
      if (!interrupt.signal.aborted) {
        await new Promise<void>((resolve) => {
          interrupt.signal.addEventListener("abort", () => resolve(), { once: true });
        });
      }
      return interrupt.exitCode() ?? 0;
    } finally {
      interrupt.remove();
      await served.close();
    }
  },
});

/** The link once on stdout, for whoever opens it; the words beside it. */
async function tell(
  { io, print }: Session,
  {
    address,
    link,
    outputsRoot,
    control,
  }: {
    readonly address: string;
    link(): string;
    readonly outputsRoot: string;
    readonly control: boolean;
  },
): Promise<void> {
  io.words(
    `serving ${printable(outputsRoot)} at ${printable(address)}, ${control ? "with words" : "read-only"}; the link opens once, Ctrl-C ends\n`,
  );
  await print({
    data: { kind: "UiServing", address, link: link(), outputs_root: outputsRoot, control },
    text: link,
  });
}

/** @throws AkcError USAGE */
function listenOf({
  listen,
  unix,
}: {
  readonly listen?: string | undefined;
  readonly unix?: string | undefined;
}): UiListen {
  if (unix !== undefined) {
    if (listen === undefined) return { kind: "unix", path: unix };
    throw new AkcError("USAGE", { message: "--listen and --unix cannot be given together" });
  }
  if (listen === undefined) return { kind: "tcp", host: "127.0.0.1", port: 0 };
  const [, host, port] = /^\[?([0-9a-z.:]+?)\]?:(\d{1,5})$/i.exec(listen) ?? [];
  if (host !== undefined && Number(port) < 65_536) return { kind: "tcp", host, port: Number(port) };
  throw new AkcError("USAGE", {
    message: `--listen cannot be "${printable(listen)}"`,
    hint: "It is a loopback address with a port, such as 127.0.0.1:8080; port 0 takes a free one.",
  });
}
