/**
 * What akc does behind the scenes, said on stderr under `--verbose`: one line a fact, a constant message and then keys. Loaded only
 * when somebody asks, and never a place for anything that a run's history does not also hold.
 */
import type { Io } from "./io.ts";

export interface Diagnostics {
  debug(message: string, facts?: Readonly<Record<string, string | number | boolean | undefined>>): void;
}

export async function createDiagnostics(io: Io, verbose: boolean): Promise<Diagnostics> {
  if (!verbose) return { debug: () => undefined };
  const { createConsola, LogLevels } = await import("consola/core");
  const log = createConsola({
    level: LogLevels.debug,
    reporters: [{ log: ({ type, args }) => io.words(`${type} ${args.map(String).join(" ")}\n`) }],
  });
  return {
    debug: (message, facts = {}) => {
      const keys = Object.entries(facts).filter(([, value]) => value !== undefined);
      log.debug([message, ...keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`)].join(" "));
    },
  };
}

/** What plugins say, as far as somebody wants to know. */
export function pluginLog({ debug }: Diagnostics) {
  return (plugin: string, { level, message, source }: PluginWords): void =>
    debug("plugin says", { plugin, level, message, source });
}

interface PluginWords {
  readonly level: string;
  readonly message: string;
  readonly source: string;
}
