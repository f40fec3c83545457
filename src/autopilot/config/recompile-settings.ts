/**
 * The recompile hook of one scope, and what it is told beside the triggers: the documented words of the old compiler, which mean nothing
 * to akc itself. Never reads a secret, only says where it is.
 *
 * Source: spec cli §14.2, §15.3; cli:W-25.
 */
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { EnvironmentProfile } from "../model.ts";
import { choice } from "./composed.ts";
import type { Layers } from "./layers.ts";
import type { RecompileBounds, RecompileConfig } from "./model.ts";
import { deliveryLane } from "./profile.ts";
import type { ScopeFile } from "./schema.ts";
import type { ScopeGround } from "./scope-settings.ts";
import { pathText } from "./texts.ts";
import { lengthText, Word } from "./words.ts";

type Section = NonNullable<ScopeFile["recompile"]>;

/** Undefined where there is no hook: then only what stands is repaired. */
export function recompileSettings(
  layers: Layers<ScopeFile>,
  ground: ScopeGround,
  environment: EnvironmentProfile,
): RecompileConfig | undefined {
  const hook = layers.maybe("recompile", { of: hookOf, show: shown });
  if (hook === undefined) return undefined;
  const { inFile } = ground;
  const bounds = boundsOf(layers, ground, environment);
  if (hook.command !== undefined) {
    const [program = "", ...rest] = hook.command;
    return {
      ...bounds,
      kind: "command",
      argv: [inFile(program), ...rest],
      env: hook.env ?? [],
      read: (hook.read ?? []).map(inFile),
      write: (hook.write ?? []).map(inFile),
      network: hook.network ?? false,
    };
  }
  if (hook.http !== undefined) {
    return {
      ...bounds,
      kind: "http",
      url: hook.http,
      secretFile: secretOf(hook.secret_file, hook.credential, ground),
      caFile: hook.ca_file === undefined ? undefined : inFile(hook.ca_file),
    };
  }
  return hook.plugin === undefined ? undefined : { ...bounds, kind: "plugin", adapter: hook.plugin };
}

/** Where a secret is: a file, or a credential of systemd. */
export function secretOf(
  file: string | undefined,
  credential: string | undefined,
  { inFile, credential: placeOf }: Pick<ScopeGround, "inFile" | "credential">,
): string | undefined {
  if (file !== undefined) return inFile(file);
  return credential === undefined ? undefined : placeOf(credential);
}

/** A section that names a hook counts whole: rights that were given to one program are not another's. */
function hookOf({ recompile }: ScopeFile): Section | undefined {
  const named = [recompile?.command, recompile?.http, recompile?.plugin].some((one) => one !== undefined);
  return named ? recompile : undefined;
}

function shown({ timeout, output_bytes, options, ...hook }: Section): JsonObject {
  return Object.fromEntries(
    Object.entries(hook).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}

function boundsOf(
  layers: Layers<ScopeFile>,
  ground: ScopeGround,
  environment: EnvironmentProfile,
): RecompileBounds {
  return {
    timeoutMs: layers.value(
      "recompile.timeout",
      { of: ({ recompile }) => recompile?.timeout, show: lengthText },
      { value: limits.recompileTimeoutMsDefault },
    ),
    outputBytesMax: layers.value(
      "recompile.output_bytes",
      { of: ({ recompile }) => recompile?.output_bytes },
      { value: limits.recompileOutputBytesMaxDefault },
    ),
    options: options(layers, ground, environment),
  };
}

function options(
  layers: Layers<ScopeFile>,
  { cwd, ingestStatePath }: ScopeGround,
  environment: EnvironmentProfile,
): JsonObject {
  const of =
    (key: string) =>
    ({ recompile }: ScopeFile) => {
      const value = recompile?.options?.[key];
      return typeof value === "string" ? value : undefined;
    };
  const mode = (key: string, allowed: readonly [string, string], value: string) =>
    layers.value(`recompile.options.${key}`, { text: choice(allowed), of: of(key) }, { value });
  const suite = layers.maybe("recompile.options.eval_suite_path", {
    text: pathText(cwd),
    of: of("eval_suite_path"),
  });
  return {
    ...layers.maybe("recompile.options", {
      of: ({ recompile }) => recompile?.options,
      show: (said) => said,
    }),
    policy_mode: mode("policy_mode", ["audit_only", "enforce"], "enforce"),
    canary_mode: mode("canary_mode", ["quick", "thorough"], "quick"),
    accept_mode: mode("accept_mode", ["quick", "thorough"], "thorough"),
    goal: layers.value(
      "recompile.options.goal",
      { text: Word, of: of("goal") },
      { value: "Compile repository" },
    ),
    delivery_target_lane: deliveryLane(environment),
    ...(suite === undefined ? {} : { eval_suite_path: suite }),
    ...(ingestStatePath === undefined ? {} : { ingest_state_path: ingestStatePath }),
  };
}
