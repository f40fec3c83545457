/** A bundle in sentences: all of it, with its lines, and nothing that may be a secret. */
import { expect, test } from "bun:test";
import { type ExplainInput, explainBundle, explainStep } from "../../../src/authoring/explain/whole.ts";
import { derivePolicy } from "../../../src/policy/derive.ts";
import { inspectBundle } from "../../../src/policy/inspect.ts";
import { compiled, loaded } from "../compiled.ts";

const text = `version: 1
scope: acme/shop
name: release
roles:
  builder: {reads: [src], network: true}
steps:
  build:
    title: Build it
    role: builder
    matrix: {part: [one, two]}
    run: {argv: [sh], stdin: "echo s3cr3t"}
    env: {TOKEN: s3cr3t}
    retries: 3
  ask: {needs: [build], wait: {approval: go, timeout: 1h}}
  tell: {needs: [ask], role: builder, http: {url: "http://127.0.0.1:4870/x?key=s3cr3t", headers: {X-Key: s3cr3t}}}
policy:
  programs: [sh]
  http: ["http://127.0.0.1:4870"]
  network: true
  deny: [runtime.action.execute.subprocess]
`;

async function input(): Promise<ExplainInput> {
  const plan = compiled(text);
  const bundle = await loaded(plan);
  const policy = derivePolicy(bundle, "enforce", undefined);
  return {
    bundle,
    policy,
    inspection: inspectBundle(bundle, policy),
    nodes: new Map(bundle.nodes.map((node) => [node.nodeId, node])),
    lineOf: plan.lineOf,
    mentions: (word) => text.includes(word),
    writtenAs: (stepId) => plan.writtenAs.get(stepId) ?? stepId,
  };
}

test("every step has its sentence and its line, a matrix those of its one step; what is denied says so", async () => {
  const parts = explainBundle(await input());
  const does = parts.find(({ part }) => part === "does")?.sentences.slice(1) ?? [];
  expect(does.map(({ about, line, denied }) => [about, line, denied === true])).toEqual([
    ["build-one", 7, true],
    ["build-two", 7, true],
    ["ask", 14, false],
    ["tell", 15, false],
  ]);
  const said = parts.flatMap(({ sentences }) => sentences.map((sentence) => sentence.text)).join("\n");
  expect(said).toContain("ask waits for a person's answer to go, at most 1 h");
  expect(said).toContain("builder takes 3 steps. It reads src");
  expect(parts.find(({ part }) => part === "denied")?.sentences).toContainEqual(
    expect.objectContaining({ about: "runtime.action.execute.subprocess", line: 20, denied: true }),
  );
  expect(JSON.stringify(parts)).not.toContain("s3cr3t");
});

test("one step is told member by member, each with the line that it comes from", async () => {
  const parts = explainStep(await input(), "build") ?? [];
  expect(parts.map(({ title }) => title)).toEqual(["build-one", "build-two"]);
  const lines = new Map(parts[0]?.sentences.map(({ text, line }) => [text, line]));
  expect(lines.get("It is given the variables TOKEN.")).toBe(12);
  expect(lines.get("It has 30 s, and 3 further tries.")).toBe(13);
  expect(JSON.stringify(parts)).not.toContain("s3cr3t");
  expect(explainStep(await input(), "nobody")).toBeUndefined();
});
