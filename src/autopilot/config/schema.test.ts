import { expect, test } from "bun:test";
import { autopilotSchemaPath, autopilotSchemaText } from "../../../scripts/autopilot-schema.ts";
import { exampleConfig, examplePlaces } from "../../service/example-config.ts";
import { readAutopilotFile } from "./file.ts";
import { names, namesOf } from "./names.ts";
import { readAutopilot } from "./read.ts";
import { autopilotShape } from "./schema.ts";

const root = new URL("../../../", import.meta.url).pathname;
const page = await Bun.file(`${root}docs/autopilot.md`).text();

test("the published JSON schema is the one that reads the file (bun scripts/autopilot-schema.ts)", async () => {
  expect(JSON.parse(await Bun.file(autopilotSchemaPath).text())).toEqual(JSON.parse(autopilotSchemaText()));
});

test("every example of the page is valid", () => {
  const examples = [...page.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, text = ""]) => text);
  const whole = examples.filter((text) => text.includes("version: 1"));
  expect(whole.length).toBeGreaterThan(0);
  for (const text of whole) expect(readAutopilotFile(text)).toMatchObject({ kind: "read" });
});

test("the page names every key of the file, and every flag and variable", () => {
  const sections = [
    "",
    "budgets",
    "lease",
    "gates",
    "gates.slo",
    "gates.promotion",
    "triggers",
    "recompile",
    "rollout",
    "score",
    "webhook",
    "retention",
    "telemetry.mirrors",
    "telemetry.otlp",
    "scopes",
  ];
  const wholes = ["telemetry", ...sections];
  const keys = sections.flatMap((section) =>
    (autopilotShape.keysAt(section === "" ? [] : section.split(".")) ?? []).map((key) =>
      section === "" ? key : `${section}.${key}`,
    ),
  );
  expect(keys.length).toBeGreaterThan(70);
  expect(keys.filter((key) => !wholes.includes(key) && !page.includes(`\`${key}\``))).toEqual([]);
  const others = Object.keys(names).flatMap((key) => {
    const { flag, env = [], project } = namesOf(key);
    return [flag, ...env, project].filter((name) => name !== undefined);
  });
  expect(others.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

test("what a new service begins with is valid, and changes nothing", async () => {
  const text = exampleConfig(examplePlaces("system", "/root", 0));
  const path = `${root}node_modules/.cache/akc-example-${process.pid}.yaml`;
  await Bun.write(path, text);
  try {
    const { config, notes } = await readAutopilot({ flags: { "--config": [path] }, env: {}, cwd: "/" });
    expect([config.defaults.mode, notes]).toEqual(["observe", []]);
  } finally {
    await Bun.file(path).delete();
  }
});
