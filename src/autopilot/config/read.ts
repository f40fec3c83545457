/**
 * Puts the autopilot's configuration together: flags before the environment, before the file, before the project file, before defaults.
 * Tells every fault at once and where every value came from; reads files and changes nothing.
 *
 * Source: spec cli §3.3, §14.2, §14.3; cli:W-22 to W-26.
 */
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { AkcError, type Issue } from "../../errors.ts";
import { decodeUtf8, refuseByteOrderMark } from "../../json/utf8.ts";
import { limits } from "../../limits.ts";
import { readFileBounded } from "../../system/files.ts";
import { bindingsPath } from "../../validation/bindings/place.ts";
import { controllerSettings } from "./controller-settings.ts";
import { type FileReading, readAutopilotFile } from "./file.ts";
import {
  blank,
  type EffectiveValue,
  type FileLayer,
  type Flags,
  type Ground,
  Layers,
  type Variables,
} from "./layers.ts";
import type { AutopilotConfig } from "./model.ts";
import { missingFiles } from "./named-files.ts";
import { configNames, namesOf } from "./names.ts";
import type { AutopilotFile, ScopeFile } from "./schema.ts";
import { type ScopeGround, scopeSettings } from "./scope-settings.ts";

export interface ReadAutopilotInput {
  readonly flags: Flags;
  readonly env: Variables;
  readonly cwd: string;
  /** What the project file of the working directory says. */
  readonly project?: AutopilotProject | undefined;
  /** Nothing will be started: credentials that only the service has need not be there. */
  readonly onlyShown?: boolean;
  /** Where credentials that only the service has come from, by name: whoever looks on from outside looks at those files. */
  readonly credentials?: ReadonlyMap<string, string> | undefined;
}

/** Of `.akc/project.json` or `.akc/project.yaml` (spec cli §3.3). */
export interface AutopilotProject {
  readonly tenantId?: string | undefined;
  readonly repoId?: string | undefined;
  readonly outputsRoot?: string | undefined;
  /** From 0 to 4. */
  readonly adoptionLevel?: number | undefined;
  readonly livingAutomationProfile?: string | undefined;
  readonly ingestStatePath?: string | undefined;
  readonly validatorBindingsPath?: string | undefined;
}

export interface AutopilotReading {
  readonly config: AutopilotConfig;
  /** Each value with its source, in the order of the documentation; what differs in single scopes after it. */
  readonly effective: readonly EffectiveValue[];
  /** What is no fault and yet not what somebody may think: deprecated names, settings without effect. */
  readonly notes: readonly string[];
}

/** @throws AkcError as `readAutopilot` does */
export async function readAutopilotConfig(input: ReadAutopilotInput): Promise<AutopilotConfig> {
  return (await readAutopilot(input)).config;
}

/** @throws AkcError AUTOPILOT_CONFIG_INVALID with every issue; FILE_NOT_FOUND, FILE_UNREADABLE for the file itself */
export async function readAutopilot(input: ReadAutopilotInput): Promise<AutopilotReading> {
  const { flags, env, cwd, project = {} } = input;
  const ground: Ground = { flags, env, issues: [], missing: [], notes: [], rows: [] };
  const path = configPathOf(flags, env, cwd);
  const reading = path === undefined ? undefined : await readFile(path);
  if (reading?.kind === "faulty") ground.issues.push(...reading.issues);
  const file = reading?.kind === "read" ? reading.file : undefined;
  const layer = file === undefined || reading?.kind !== "read" ? [] : [layerOf(file, [], path, reading)];
  const layers = new Layers<AutopilotFile>(ground, layer);
  const places = {
    cwd,
    inFile: (written: string) => resolve(path === undefined ? cwd : dirname(path), written),
    credential: (name: string) => credentialPath(name, input, layers),
  };
  const settings = controllerSettings(layers, { ...places, project });
  const { profile } = settings.config;
  const bindings = bindingsPath({ cwd });
  const scopeGround: ScopeGround = {
    ...places,
    forwardsEvents: profile !== "off",
    unattended: settings.unattended,
    autonomous: settings.autonomous,
    ingestStatePath: settings.ingestStatePath,
    projectBindingsPath: project.validatorBindingsPath,
    bindingsPath: existsSync(bindings.path) ? bindings.path : undefined,
  };
  const defaults = scopeSettings(new Layers<ScopeFile>(ground, layer), scopeGround);
  const usual = new Map(ground.rows.map(({ key, value }) => [key, JSON.stringify(value)]));
  const overrides = Object.entries(file?.scopes?.overrides ?? {}).map(([key, content]) => {
    const at = ["scopes", "overrides", key];
    const prefix = `${at.join(".")}.`;
    const own: Ground = { ...ground, rows: [] };
    const of = reading?.kind === "read" ? [layerOf(content, at, path, reading), ...layer] : [];
    const scope = scopeSettings(new Layers<ScopeFile>(own, of, prefix), scopeGround);
    ground.rows.push(
      ...own.rows.filter((row) => usual.get(row.key.slice(prefix.length)) !== JSON.stringify(row.value)),
    );
    return [key, scope] as const;
  });
  saySurprises(layers, defaults.recompile !== undefined || overrides.some(([, { recompile }]) => recompile));
  refuse(ground, reading, path);
  const config = {
    ...settings.config,
    environment: defaults.environment,
    configPath: path,
    defaults,
    scopes: new Map(overrides),
  };
  return { config, effective: ground.rows, notes: [...ground.notes, ...missingFiles(config)] };
}

/** Absolute; undefined where nobody names one. There is no file that is read without being named. */
function configPathOf(flags: Flags, env: Variables, cwd: string): string | undefined {
  const [variable] = configNames.env;
  const said = flags[configNames.flag]?.at(-1) ?? env[variable];
  return blank(said) ? undefined : resolve(cwd, said.trim());
}

async function readFile(path: string): Promise<FileReading> {
  const bytes = await readFileBounded(path, limits.autopilotConfigBytesMax);
  try {
    const text = decodeUtf8(bytes);
    refuseByteOrderMark(text);
    return readAutopilotFile(text);
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    const { line, column } = cause.details;
    const place = typeof line === "number" && typeof column === "number" ? { line, column } : {};
    return { kind: "faulty", issues: [{ path: "", message: cause.message, ...place }] };
  }
}

function layerOf<File>(
  content: File,
  at: readonly string[],
  path: string | undefined,
  { placeAt }: Extract<FileReading, { readonly kind: "read" }>,
): FileLayer<File> {
  return {
    content,
    at,
    placeOf: (keys) => {
      const { line = 1, column = 1 } = placeAt(keys);
      return `${path ?? ""}:${line}:${column}`;
    },
  };
}

function credentialPath(
  name: string,
  { env, onlyShown, credentials }: ReadAutopilotInput,
  layers: Layers<AutopilotFile>,
): string {
  const folder = env["CREDENTIALS_DIRECTORY"];
  if (!blank(folder)) return join(folder, name);
  const source = credentials?.get(name);
  if (source !== undefined) return source;
  const place = `$CREDENTIALS_DIRECTORY/${name}`;
  if (onlyShown === true) layers.note(`the credential ${name} is only there for the service itself`);
  else
    layers.fault(
      "CREDENTIALS_DIRECTORY",
      `is not set, and the file wants the credential ${name}: start akc by systemd with LoadCredential=${name}`,
    );
  return place;
}

function saySurprises(layers: Layers<AutopilotFile>, hasHook: boolean): void {
  const { flags, env } = layers.ground;
  if (!blank(env["AKC_OPA_POLICY_PATH"])) {
    layers.note("AKC_OPA_POLICY_PATH has no effect: the policy is the operator's file, see `policy`");
  }
  if (!blank(env["AKC_DELIVERY_TARGET_LANE"])) {
    layers.note("AKC_DELIVERY_TARGET_LANE has no effect: the lane follows from `env_profile`");
  }
  const forHook = ["--eval-suite-path", "--policy-mode", "--canary-mode", "--accept-mode", "--goal"];
  const idle = forHook.filter((flag) => flags[flag] !== undefined);
  if (!hasHook && idle.length > 0) {
    layers.note(`${idle.join(", ")}: without effect, since there is no recompile hook to tell it to`);
  }
}

/** @throws AkcError AUTOPILOT_CONFIG_INVALID when anything is wrong or missing */
function refuse(
  { issues, missing }: Ground,
  reading: FileReading | undefined,
  path: string | undefined,
): void {
  // What a file that cannot be read might have said is not missing.
  const lacking = reading?.kind === "faulty" ? [] : [...missing];
  const all: Issue[] = [...issues, ...lacking.map((key) => ({ path: key, message: missingText(key) }))];
  if (all.length === 0) return;
  const [first] = all;
  const where = first?.line === undefined ? "" : `, first at line ${first.line}, column ${first.column}`;
  throw new AkcError("AUTOPILOT_CONFIG_INVALID", {
    message: `the autopilot's configuration is not valid${where}`,
    ...(lacking.some((key) => key.startsWith("budgets."))
      ? {
          hint: "Give the budgets, as flags or in the file, or take those for a controller that nobody attends: --living-automation-profile living_loop_unattended_v1.",
        }
      : {}),
    details: { ...(path === undefined ? {} : { path }), issueCount: all.length },
    issues: all.slice(0, limits.issuesShownMax),
  });
}

function missingText(key: string): string {
  const { flag, env } = namesOf(key);
  const ways = [flag, ...(env ?? []), `\`${key}\` in the file`].filter((way) => way !== undefined);
  return `is missing: give it as ${ways.join(" or ")}`;
}
