/**
 * What a command about the autopilot goes by: where its state is, and as much of the controller's configuration as can be read here. A
 * configuration that is not valid, or not known, keeps nobody from looking at the state or from saying a word.
 */

import type { AutopilotConfig, Listen, ScoreConfig } from "../../autopilot/config/model.ts";
import { configNames } from "../../autopilot/config/names.ts";
import { readAutopilot } from "../../autopilot/config/read.ts";
import { usualSlos } from "../../autopilot/config/scope-settings.ts";
import { type Budgets, type ScopeId, scopeName } from "../../autopilot/model.ts";
import { AkcError } from "../../errors.ts";
import type { Io } from "../io.ts";
import { outputsRootOf } from "../outputs-root.ts";
import { readProject } from "../project.ts";
import { asAkcError } from "../render/error.ts";
import { printable } from "../render/text.ts";
import { type Watches, watchesOf } from "./watches.ts";

export const settingsArgs = {
  outputsRoot: {
    type: "string",
    valueHint: "DIR",
    description: "Where the scopes are; else AKC_OUTPUTS_ROOT, the configuration, or the project file.",
  },
  config: {
    type: "string",
    valueHint: "FILE",
    description:
      "The controller's configuration; else AKC_AUTOPILOT_CONFIG. Limits, objectives and address are read off it.",
  },
} as const;

export const settingsEnvironment = {
  AKC_OUTPUTS_ROOT: "Where the scopes are, unless --outputs-root says so.",
  AKC_AUTOPILOT_CONFIG: "The controller's configuration, unless --config says so.",
} as const;

export interface AutopilotSettings {
  /** Absolute. */
  readonly outputsRoot: string;
  readonly listen?: Listen | undefined;
  budgets(scope: ScopeId): Budgets | undefined;
  mode(scope: ScopeId): string | undefined;
  /** Objectives; those that hold without a configuration where none is known. */
  slos(scope: ScopeId): ScoreConfig["slos"];
  /** By the configuration alone; what a running controller says counts for more. */
  watches(): Promise<Watches>;
}

export async function settingsOf(
  io: Io,
  args: { readonly outputsRoot?: string | undefined; readonly config?: string | undefined },
): Promise<AutopilotSettings> {
  const config = await configOf(io, args);
  const outputsRoot =
    args.outputsRoot === undefined && config !== undefined
      ? config.outputsRoot
      : await outputsRootOf(io, args.outputsRoot);
  const own = (scope: ScopeId) => config?.scopes.get(scopeName(scope));
  return {
    outputsRoot,
    listen: config?.listen,
    budgets: (scope) => own(scope)?.budgets ?? config?.defaults.budgets,
    mode: (scope) => own(scope)?.mode ?? config?.defaults.mode,
    slos: (scope) => own(scope)?.score?.slos ?? config?.defaults.score.slos ?? usualSlos,
    watches: () => watchesOf(config === undefined ? undefined : { ...config, outputsRoot }),
  };
}

/** Undefined where nobody names one; a named one that cannot be used is told of. */
async function configOf(
  io: Io,
  { outputsRoot, config }: Parameters<typeof settingsOf>[1],
): Promise<AutopilotConfig | undefined> {
  const [variable] = configNames.env;
  const named = config ?? io.env[variable];
  if (named === undefined || named.trim() === "") return undefined;
  const cwd = process.cwd();
  try {
    const flags = {
      [configNames.flag]: [named],
      ...(outputsRoot === undefined ? {} : { "--outputs-root": [outputsRoot] }),
    };
    const project = await readProject(cwd);
    return (await readAutopilot({ flags, env: io.env, cwd, project, onlyShown: true })).config;
  } catch (cause) {
    const error = asAkcError(cause);
    if (error.class === "internal") throw error;
    io.words(
      `warning: ${printable(named)}: ${printable(error.message)} [${error.code}]; what it says is not known\n`,
    );
    return undefined;
  }
}

/** `unix:PATH`, or a loopback `HOST:PORT`. @throws AkcError USAGE */
export function addressOf(flag: string, text: string): Listen {
  const [, path] = /^unix:(.+)$/.exec(text) ?? [];
  if (path !== undefined) return { kind: "unix", path, mode: 0o600 };
  const [, host, port] = /^\[?([0-9a-z.:]+?)\]?:(\d{1,5})$/i.exec(text) ?? [];
  if (host !== undefined && Number(port) > 0 && Number(port) < 65_536) {
    return { kind: "tcp", host, port: Number(port) };
  }
  throw new AkcError("USAGE", {
    message: `${flag} cannot be "${printable(text)}"`,
    hint: "It is unix:PATH, or a loopback address with a port such as 127.0.0.1:9464.",
  });
}
