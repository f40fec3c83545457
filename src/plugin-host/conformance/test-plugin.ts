/**
 * `akc plugin test` without its words: a folder, tried as a plugin by the conformance kit.
 * Leaves no process and no file; it neither asks nor changes who trusts the plugin.
 */
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AkcError } from "../../errors.ts";
import { fromPlain, toPlain } from "../../json/plain.ts";
import { isJsonObject } from "../../json/value.ts";
import { conform, type Row } from "../../sdk/conformance/conform.ts";
import type { Subject } from "../../sdk/conformance/subject.ts";
import { type JsonMap, protocolMajors } from "../../sdk/protocol.ts";
import { AKC_VERSION } from "../../version.ts";
import type { FoundPlugin, PluginManifest } from "../contract.ts";
import { initializeParams, outputWindowBytes } from "../negotiate.ts";
import type { LogEntry } from "../plugin-log.ts";
import { defaultCacheRoot, runtimeFiles } from "../runtime-files.ts";
import { completeSettings } from "../settings.ts";
import { readPluginFolder } from "../vouch.ts";
import { casesFile, readCases } from "./cases.ts";
import { grantAll, startWire } from "./start.ts";

export interface TestOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onRow?: (row: Row) => void;
  readonly onLog?: (entry: LogEntry) => void;
  readonly signal?: AbortSignal;
}

export interface TestResult {
  readonly manifest: PluginManifest;
  readonly rows: readonly Row[];
  readonly conforms: boolean;
}

/** @throws AkcError PLUGIN_MANIFEST_INVALID, PLUGIN_UNTRUSTED, PLUGIN_CASES_INVALID, PLUGIN_CONFIG_INVALID, FILE_NOT_FOUND */
export async function testPlugin(
  root: string,
  { env, onRow, onLog, signal }: TestOptions,
): Promise<TestResult> {
  const plugin = folderAsPlugin(root);
  const scratch = realpathSync.native(mkdtempSync(join(tmpdir(), "akc-plugin-test-")));
  try {
    const read = readCases(plugin.root, scratch);
    const cases = { ...read, settings: wholeSettings(plugin.manifest, read.settings) };
    const files = await runtimeFiles(defaultCacheRoot(env));
    let ordinal = 0;
    const { manifest } = plugin;
    const { features } = initializeParams(
      manifest,
      { ...grantAll(plugin, scratch), run: manifest.permissions.run },
      {},
      scratch,
    );
    const subject: Subject = {
      id: manifest.id,
      version: manifest.version,
      declared: manifest.offers,
      features,
      limits: { ...manifest.limits, outputWindowBytes: outputWindowBytes(manifest) },
      cases,
      hostVersion: AKC_VERSION,
      async start() {
        ordinal += 1;
        return startWire({ plugin, files, scratch, env, ...(onLog && { onLog }) }, ordinal);
      },
    };
    const rows = await conform(subject, { ...(onRow && { onRow }), ...(signal && { signal }) });
    return { manifest, rows, conforms: rows.every(({ verdict }) => verdict !== "fail") };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A folder as a plugin that its author tries: nobody has vouched for it. */
export function folderAsPlugin(root: string): FoundPlugin {
  const { manifest, folder, root: real } = readPluginFolder(root);
  if (!protocolMajors.some((major) => major >= manifest.api.min && major <= manifest.api.max)) {
    throw new AkcError("PLUGIN_PROTOCOL_UNSUPPORTED", {
      details: {
        plugin: manifest.id,
        plugins: `${manifest.api.min} to ${manifest.api.max}`,
        akcs: protocolMajors.join(", "),
      },
    });
  }
  return {
    manifest,
    root: real,
    source: { kind: "flag", directory: join(real, "..") },
    digest: folder.digest,
    files: folder.files,
    state: { kind: "ready" },
    shadows: [],
  };
}

/** As the operator's settings would be handed over. @throws AkcError PLUGIN_CONFIG_INVALID */
export function wholeSettings(manifest: PluginManifest, given: JsonMap): JsonMap {
  const value = fromPlain(given);
  const whole = completeSettings(manifest, isJsonObject(value) ? value : {}, { file: casesFile });
  const settings: JsonMap = JSON.parse(JSON.stringify(toPlain(whole)));
  return settings;
}
