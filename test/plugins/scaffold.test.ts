import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newPlugin } from "../../src/cli/plugin/new.ts";
import { languages, scaffoldKinds } from "../../src/cli/plugin/scaffold.ts";
import { type DevEvent, developPlugin } from "../../src/plugin-host/conformance/develop.ts";
import { readPluginFolder } from "../../src/plugin-host/vouch.ts";
import { conformance, copyOf, denoProgram, faults } from "./conforming.ts";

const parent = mkdtempSync(join(tmpdir(), "akc-test-scaffold-"));
afterAll(() => rmSync(parent, { recursive: true, force: true }));

async function scaffold(kind: string, lang: string, name = `${kind}-${lang}`): Promise<string> {
  const folder = join(parent, name);
  await newPlugin.execute([`acme/${name}`, "--kind", kind, "--lang", lang, "--dir", folder], silent);
  return folder;
}

const place = { isTerminal: false, color: false, canRedraw: false, columns: () => 80, rows: () => 24 };
const silent = { stdout: place, stderr: place, env: {}, out: async () => undefined, words: () => undefined };

describe("a new plugin works from the start, nothing of its test skipped", () => {
  for (const kind of scaffoldKinds) {
    for (const lang of languages) {
      test(`${kind} in ${lang}`, async () => {
        const folder = await scaffold(kind, lang);
        expect(readPluginFolder(folder).manifest.id).toBe(`acme/${kind}-${lang}`);
        const result = await conformance(folder);
        expect(faults(result)).toEqual([]);
        expect(result.rows.filter(({ verdict }) => verdict === "skip")).toEqual([]);
      }, 60_000);
    }
    test.skipIf(denoProgram() === undefined)(
      `${kind} in ts, the same on Deno`,
      async () => {
        const made = await scaffold(kind, "ts", `${kind}-for-deno`);
        const copy = copyOf(made, { "plugin.yaml": (text) => text.replace("runtime: bun", "runtime: deno") });
        expect(faults(await conformance(copy.folder))).toEqual([]);
        copy.remove();
      },
      60_000,
    );
  }
});

test("a folder that is there is never written to, and a name that cannot be is refused", async () => {
  const folder = await scaffold("adapter", "sh", "taken");
  writeFileSync(join(folder, "main.sh"), "mine");
  expect(scaffold("adapter", "sh", "taken")).rejects.toMatchObject({ code: "PLUGIN_SCAFFOLD_EXISTS" });
  expect(readFileSync(join(folder, "main.sh"), "utf8")).toBe("mine");
  expect(scaffold("adapter", "sh", "../Up")).rejects.toMatchObject({ code: "USAGE" });
});

test("dev starts a plugin again at each change, says what keeps it from starting, and goes on when it is mended", async () => {
  const folder = await scaffold("validator", "ts", "changing");
  const events: DevEvent[] = [];
  const listeners = new Set<() => void>();
  const control = new AbortController();
  const until = (wanted: (event: DevEvent) => boolean) =>
    new Promise<void>((resolve) => {
      const from = events.length;
      const look = () => {
        if (!events.slice(from).some(wanted)) return;
        listeners.delete(look);
        resolve();
      };
      listeners.add(look);
    });
  const started = until(({ kind }) => kind === "ready");
  const over = developPlugin(folder, {
    env: { HOME: parent },
    signal: control.signal,
    onEvent: (event) => {
      events.push(event);
      for (const look of listeners) look();
    },
  });
  await started;
  const entry = join(folder, "index.ts");
  const source = readFileSync(entry, "utf8");
  const broken = until((event) => event.kind === "fault" && event.error.code === "PLUGIN_START_FAILED");
  writeFileSync(entry, `${source}\nthrow new Error("not yet");\n`);
  await broken;
  const manifest = join(folder, "plugin.yaml");
  const text = readFileSync(manifest, "utf8");
  const misread = until((event) => event.kind === "fault" && event.error.code === "PLUGIN_MANIFEST_INVALID");
  writeFileSync(manifest, `${text}nonsense: 1\n`);
  await misread;
  const again = until(({ kind }) => kind === "ready");
  writeFileSync(manifest, text);
  writeFileSync(entry, `console.log("mended");\n${source}`);
  await again;
  expect(events.some((event) => event.kind === "log" && event.entry.message === "mended")).toBe(true);
  expect(events.some((event) => event.kind === "changed" && event.files.includes("index.ts"))).toBe(true);
  control.abort();
  await over;
}, 60_000);
