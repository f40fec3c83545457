/**
 * The hook as an action adapter of a plugin, asked once with the action type `autopilot.recompile`: the request is its settings, the
 * answer its outputs. What it makes lies in the scope's `.akc/autopilot/offered`, or where the operator grants it to write.
 *
 * Source: docs/plugin-protocol.md, "adapter/execute"; docs/autopilot.md "The recompile hook".
 */
import { mkdirSync } from "node:fs";
import { AkcError } from "../../errors.ts";
import type { JsonObject } from "../../json/value.ts";
import { askPlugin } from "../../run/plugin-question.ts";
import { readOperatorPolicy } from "../../run/prepare.ts";
import { artifactsRoot, databasePath } from "../../store/sqlite/open.ts";
import { asDiskError, resolveConfined } from "../../system/files.ts";
import type { RecompileConfig } from "../config/model.ts";
import { type HookAnswer, readAnswer } from "./answer.ts";
import type { Asked, HookDeps } from "./recompiler.ts";

export type PluginHook = Extract<RecompileConfig, { readonly kind: "plugin" }>;

const recompileActionType = "autopilot.recompile";

/** @throws AkcError ADAPTER_UNKNOWN, PLUGIN_…, RECOMPILE_…; CANCELLED when the signal aborts */
export async function askPluginHook(hook: PluginHook, asked: Asked, { env }: HookDeps): Promise<HookAnswer> {
  const { scope, attemptId, document, signal } = asked;
  const workdir = await workplaceIn(scope.scopeRoot);
  const reply = await askPlugin(
    {
      adapter: hook.adapter,
      directories: scope.pluginsDirs,
      env,
      operator: await readOperatorPolicy(scope.policyPath),
      scope: scope.scope,
      questionId: attemptId,
      actionType: recompileActionType,
      request: document,
      workdir,
      closedPaths: [databasePath(scope.scopeRoot), artifactsRoot(scope.scopeRoot)],
      timeoutMs: hook.timeoutMs,
    },
    signal,
  );
  if (reply.kind === "failed") {
    throw new AkcError("RECOMPILE_FAILED", {
      message: `the recompile hook failed: ${reply.message}`,
      hint: "See the plugin's own words; `akc plugin test` tries it without the autopilot.",
    });
  }
  return readAnswer(answerIn(reply.outputs));
}

/** A plugin may report more beside it. */
function answerIn(outputs: JsonObject): JsonObject {
  const { bundle = null, manifest = null, unchanged = null, refused = null } = outputs;
  return { bundle, manifest, unchanged, refused };
}

/** What it offered before stays: it may be what is deployed. */
async function workplaceIn(scopeRoot: string): Promise<string> {
  try {
    mkdirSync(scopeRoot, { recursive: true });
    const folder = await resolveConfined(scopeRoot, ".akc/autopilot/offered");
    mkdirSync(folder, { recursive: true, mode: 0o750 });
    return folder;
  } catch (cause) {
    throw asDiskError(cause, scopeRoot);
  }
}
