/**
 * `akc plugin dev` without its words: a plugin's folder, run for as long as somebody works on it, started anew at every change.
 * Tells what happens and judges nothing; a plugin that does not start is waited for, not given up.
 */
import { mkdtempSync, readdirSync, realpathSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { AkcError } from "../../errors.ts";
import type { Offers } from "../../sdk/protocol.ts";
import { createPluginHost, type PluginHost } from "../host.ts";
import type { LogEntry } from "../plugin-log.ts";
import { realPathOf } from "../vouch.ts";
import { readCases } from "./cases.ts";
import { grantAll } from "./start.ts";
import { folderAsPlugin, wholeSettings } from "./test-plugin.ts";

export type DevEvent =
  | {
      readonly kind: "ready";
      readonly id: string;
      readonly version: string;
      readonly offers: Offers;
      readonly ms: number;
    }
  | { readonly kind: "log"; readonly entry: LogEntry }
  /** It does not start, or has ended though nobody told it to. It is started again at the next change. */
  | { readonly kind: "fault"; readonly error: AkcError }
  | { readonly kind: "changed"; readonly files: readonly string[] };

export interface DevOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly onEvent: (event: DevEvent) => void;
}

const lookMs = 200;

/** Until `signal` aborts; nothing is left then. */
export async function developPlugin(root: string, { env, signal, onEvent }: DevOptions): Promise<void> {
  const real = realPathOf(root);
  const scratch = realpathSync.native(mkdtempSync(join(tmpdir(), "akc-plugin-dev-")));
  try {
    let seen = filesOf(real);
    while (!signal.aborted) {
      const host = createPluginHost({ env, onLog: (_plugin, entry) => onEvent({ kind: "log", entry }) });
      host.onFault(({ error }) => onEvent({ kind: "fault", error }));
      await start(host, real, scratch, onEvent);
      const changed = await nextChange(real, seen, signal);
      await host.close();
      if (changed === undefined) break;
      seen = changed.files;
      onEvent({ kind: "changed", files: changed.names.map((name) => relative(real, name)) });
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function start(
  host: PluginHost,
  root: string,
  scratch: string,
  onEvent: DevOptions["onEvent"],
): Promise<void> {
  const startMs = performance.now();
  let told = false;
  const forget = host.onFault(() => {
    told = true;
  });
  try {
    const plugin = folderAsPlugin(root);
    const settings = wholeSettings(plugin.manifest, readCases(plugin.root, scratch).settings);
    const handle = host.open(plugin, grantAll(plugin, scratch), settings);
    const { offers } = await handle.ready(plugin.manifest.limits.startMs);
    const { id, version } = plugin.manifest;
    onEvent({ kind: "ready", id, version, offers, ms: Math.round(performance.now() - startMs) });
  } catch (cause) {
    const error = cause instanceof AkcError ? cause : new AkcError("PLUGIN_START_FAILED", { cause });
    if (!told) onEvent({ kind: "fault", error });
  }
  forget();
}

type Files = ReadonlyMap<string, string>;

/** Waits until files are other than they were, and then until they are left alone. */
async function nextChange(
  root: string,
  before: Files,
  signal: AbortSignal,
): Promise<{ readonly files: Files; readonly names: readonly string[] } | undefined> {
  let last = before;
  let moving = false;
  while (!signal.aborted) {
    await pause(lookMs, signal);
    const now = filesOf(root);
    const still = differences(last, now).length === 0;
    if (still && moving) {
      const names = differences(before, now);
      if (names.length > 0) return { files: now, names };
    }
    moving = !still;
    last = now;
  }
  return undefined;
}

/** Path → what changes when it is written. Not what others keep there: `node_modules`, hidden folders. */
function filesOf(folder: string, found = new Map<string, string>()): Files {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (entry.name !== "node_modules" && !entry.name.startsWith(".") && entry.name !== "__pycache__") {
          filesOf(path, found);
        }
      } else if (entry.isFile()) {
        const { mtimeMs, size, mode } = statSync(path);
        found.set(path, `${mtimeMs} ${size} ${mode}`);
      }
    }
  } catch {
    // Gone between two looks: the next one sees it.
  }
  return found;
}

function differences(before: Files, after: Files): readonly string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== after.get(name)).sort();
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
