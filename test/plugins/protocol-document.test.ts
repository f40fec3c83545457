/** The plugin that `docs/plugin-protocol.md` shows is run as it stands there: the document alone is enough to write one. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { ErrorCode } from "../../src/errors.ts";
import { parseManifest } from "../../src/plugin-host/manifest.ts";
import { features, hostCalls, notifications, pluginCalls, rpcErrors } from "../../src/sdk/protocol.ts";
import { findExecutable } from "../../src/system/executable.ts";
import { PluginWorld, patient, refusal } from "./hosted.ts";

const document = readFileSync(resolve(import.meta.dir, "../../docs/plugin-protocol.md"), "utf8");
const block = (language: string) =>
  document.match(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "m"))?.[1] ?? "";
const manifestText = block("yaml");
const python = block("python");

let world: PluginWorld;
beforeAll(() => {
  world = new PluginWorld();
});
afterAll(() => world.close());

test.if(findExecutable("python3").kind === "found")(
  "the plugin of the document works as it stands",
  async () => {
    const { manifest } = parseManifest(manifestText, "plugin.yaml");
    const found = world.plugin({ "plugin.yaml": manifestText, "main.py": python }, { manifest });
    const plugin = world.open(found, { granted: { read: manifest.permissions.read } });
    const validate = (binding: Readonly<Record<string, string | number>>) =>
      plugin.call(
        "validator/validate",
        { validator: "disk-space", binding_kind: "disk_free", binding },
        patient,
      );
    expect(await validate({ free_bytes: 1 })).toMatchObject({ verdict: "pass" });
    expect(await validate({ free_bytes: 2 ** 52 })).toMatchObject({ verdict: "fail" });
    expect(await validate({})).toEqual({ verdict: "error", reason: "malformed" });
    expect((await refusal(validate({ free_bytes: 1, path: "/nowhere" }))).code).toBe("PLUGIN_FAILED");
    expect(await refusal(plugin.call("adapter/execute", {}, patient))).toMatchObject({
      code: "PLUGIN_FAILED",
      details: { rpcCode: rpcErrors.methodNotFound },
    });
    await plugin.ping(patient.timeoutMs);
    const { pid } = plugin.info();
    await plugin.close();
    expect(pid).toBeGreaterThan(0);
    expect(world.faults).toEqual([]);
  },
);

test("the document names every method, notification, feature and code of the protocol", () => {
  const names = [
    ...Object.values(hostCalls),
    ...Object.values(pluginCalls),
    ...Object.values(notifications),
    ...features.map((feature) => `\`${feature}\``),
    ...Object.values(rpcErrors).map(String),
  ];
  expect(names.filter((name) => !document.includes(name))).toEqual([]);
});

test("the document names every code of a process's misbehaviour", () => {
  const codes: readonly ErrorCode[] = [
    "PLUGIN_START_FAILED",
    "PLUGIN_PROTOCOL_UNSUPPORTED",
    "PLUGIN_LIES",
    "PLUGIN_GARBAGE",
    "PLUGIN_WRONG_ANSWER",
    "PLUGIN_MESSAGE_TOO_LARGE",
    "PLUGIN_FLOOD",
    "PLUGIN_TIMEOUT",
    "PLUGIN_CRASHED",
    "PLUGIN_MEMORY",
    "PLUGIN_MODIFIED",
    "PLUGIN_CIRCUIT_OPEN",
    "PLUGIN_FAILED",
  ];
  expect(codes.filter((code) => !document.includes(`| \`${code}\` |`))).toEqual([]);
});
