/**
 * Whether the newest compile run follows another intent than what is deployed: by the stable hashes that both carry. Reads manifests
 * and the deployed run only when they have changed, and decides nothing about rolling out.
 *
 * Source: spec cli §12.4 (`intent_stable_changed`), §15.3 (`changed_intent`).
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { textAt } from "../../bundle/member.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { keptFacts } from "../../run/evidence.ts";
import { openStore } from "../../store/sqlite/open.ts";
import { contentStampAt, isSettled } from "../../system/file-stamp.ts";
import { readFileBounded, resolveConfined } from "../../system/files.ts";
import { newestManifest } from "../../validation/assurance/manifests.ts";
import type { Deployed } from "../model.ts";

export interface IntentLook {
  /** Of the newest manifest. */
  readonly newest: string;
  readonly deployed: string;
  readonly runId: string;
}

export interface Intents {
  /** Undefined where either has none. @throws AkcError with a JSON_…, FILE_… or STORE_… code, PATH_UNSAFE, RUN_NOT_FOUND */
  look(deployed: Deployed): Promise<IntentLook | undefined>;
}

export function createIntents(scopeRoot: string, fileNowMs: () => number): Intents {
  let newest:
    | { readonly stamp: string; readonly path: string; readonly intent: Intent | undefined }
    | undefined;
  let deployed: { readonly runtimeRunId: string; readonly hash: string | undefined } | undefined;

  async function ofNewest(): Promise<Intent | undefined> {
    const folder = join(scopeRoot, ".akc", "run");
    const at = (path: string) => contentStampAt(path) ?? { text: "", changedAtMs: 0 };
    const before = at(folder);
    if (newest !== undefined && newest.stamp === `${before.text}|${at(newest.path).text}`)
      return newest.intent;
    newest = undefined;
    if (before.text === "") return undefined;
    const runId = readdirSync(folder).length === 0 ? undefined : await newestManifest(scopeRoot);
    if (runId === undefined) return undefined;
    const path = await resolveConfined(scopeRoot, `.akc/run/${runId}.manifest.json`);
    const own = at(path);
    const hash = hashOf(await objectIn(path));
    const intent = hash === undefined ? undefined : { hash, runId };
    if (isSettled(Math.max(own.changedAtMs, before.changedAtMs), fileNowMs())) {
      newest = { stamp: `${before.text}|${own.text}`, path, intent };
    }
    return intent;
  }

  return {
    async look({ runtimeRunId }) {
      const intent = await ofNewest();
      if (intent === undefined) return undefined;
      if (deployed?.runtimeRunId !== runtimeRunId) {
        deployed = { runtimeRunId, hash: await intentOfRun(scopeRoot, runtimeRunId) };
      }
      const { hash } = deployed;
      return hash === undefined ? undefined : { newest: intent.hash, deployed: hash, runId: intent.runId };
    },
  };
}

interface Intent {
  readonly hash: string;
  readonly runId: string;
}

/** As the run kept it: the file that its bundle was read from may be another one by now (cli:W-58). */
async function intentOfRun(scopeRoot: string, runtimeRunId: string): Promise<string | undefined> {
  const store = await openStore(scopeRoot, { create: false });
  try {
    const row = (await store.listRuns()).find(({ context }) => context.runtimeRunId === runtimeRunId);
    if (row === undefined || row.factsSha256 === null) return undefined;
    return (await keptFacts(store, row)).stableIntentSha256?.toLowerCase();
  } finally {
    await store.close();
  }
}

async function objectIn(path: string): Promise<JsonObject> {
  const value = parseJson(await readFileBounded(path, limits.jsonTextBytesMax));
  return isJsonObject(value) ? value : {};
}

function hashOf(object: JsonObject): string | undefined {
  const hash = textAt(object, "stable_intent_sha256")?.toLowerCase();
  return hash !== undefined && /^[0-9a-f]{64}$/.test(hash) ? hash : undefined;
}
