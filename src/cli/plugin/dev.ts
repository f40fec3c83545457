/** `akc plugin dev`: runs a plugin while it is written, starts it again at every change, shows its log. */
import { resolve } from "node:path";
import { type DevEvent, developPlugin } from "../../plugin-host/conformance/develop.ts";
import { readPluginFolder } from "../../plugin-host/vouch.ts";
import type { Offers } from "../../sdk/protocol.ts";
import { command } from "../command.ts";
import { errorData, errorText } from "../render/error.ts";
import type { Plain } from "../render/output.ts";
import { printable } from "../render/text.ts";
import { watchSignals } from "../runtime/interrupt.ts";

export const dev = command({
  path: "plugin dev",
  summary: "Run a plugin while you write it: start it again at every change, show its log.",
  notes: [
    "The plugin gets all that its manifest asks for and the settings of plugin.test.yaml, contained as in a run. Its manifest, its handshake and its process are looked at after every change; what is wrong is said, and the next change is waited for.",
  ],
  examples: [
    { command: "akc plugin dev ./scanner", says: "Until Ctrl-C." },
    { command: "akc plugin dev ./scanner -o json", says: "A line of JSON for everything that happens." },
  ],
  exits: [0, 2, 129, 130, 143],
  args: {
    dir: { type: "positional", required: true, valueHint: "DIR", description: "The plugin's folder." },
  },
  environment: {
    AKC_DENO: "Where Deno is, for plugins with `runtime: deno`, when it is not in the fixed PATH.",
  },
  async run(args, session) {
    const { io, format } = session;
    const root = resolve(args.dir);
    // A folder that is no plugin at all is a mistake of the command line, not of the plugin.
    try {
      readPluginFolder(root);
    } catch (cause) {
      if (cause instanceof Error && "code" in cause && cause.code === "PLUGIN_MANIFEST_INVALID") {
        // It is what is being worked on.
      } else throw cause;
    }
    const interrupt = watchSignals(() => undefined);
    let printed = Promise.resolve();
    const say = (text: string) => {
      printed = printed.then(() => io.out(text)).catch(() => undefined);
    };
    try {
      await developPlugin(root, {
        env: io.env,
        signal: interrupt.signal,
        onEvent: (event) => {
          say(format === "json" ? `${JSON.stringify(dataOf(event))}\n` : textOf(event, io.stdout.color));
        },
      });
      await printed;
    } finally {
      interrupt.remove();
    }
    return interrupt.exitCode() ?? 0;
  },
});

function textOf(event: DevEvent, color: boolean): string {
  switch (event.kind) {
    case "ready":
      return `ready    ${event.id} ${event.version} in ${event.ms} ms: ${offersText(event.offers)}\n`;
    case "log":
      return `${event.entry.level.padEnd(7)}  ${printable(event.entry.message)}\n`;
    case "changed":
      return `changed  ${event.files.map((name) => printable(name)).join(", ")}\n`;
    case "fault":
      return errorText(event.error, color);
  }
}

function dataOf(event: DevEvent): Plain {
  switch (event.kind) {
    case "ready":
      return { event: "ready", id: event.id, version: event.version, ms: event.ms };
    case "log":
      return { event: "log", level: event.entry.level, message: event.entry.message };
    case "changed":
      return { event: "changed", files: event.files };
    case "fault":
      return { event: "fault", error: errorData(event.error) };
  }
}

function offersText({ adapters = {}, providers = {}, validators = {} }: Offers): string {
  const named = (kind: string, ids: object) => Object.keys(ids).map((id) => `${kind} ${id}`);
  return [
    ...named("adapter", adapters),
    ...named("provider", providers),
    ...named("validator", validators),
  ].join(", ");
}
