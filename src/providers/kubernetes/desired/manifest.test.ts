import { expect, test } from "bun:test";
import { readManifest } from "./manifest.ts";

function objects(text: string) {
  const reading = readManifest(text, "shop");
  if (reading.kind === "faulty") throw new Error(JSON.stringify(reading.issues));
  return reading.objects;
}

function messages(text: string): readonly string[] {
  const reading = readManifest(text, "shop");
  return reading.kind === "faulty" ? reading.issues.map(({ message }) => message) : [];
}

const named = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;

test("many documents are many objects, in their order; empty ones are none", () => {
  const found = objects(`${named("a")}---\n# nothing\n---\n${named("b")}---\n`);
  expect(found.map(({ metadata }) => metadata)).toEqual([{ name: "a" }, { name: "b" }]);
});

test("JSON is read as it is, and a list is its items", () => {
  const item = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } };
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: [item] });
  expect(objects(list)).toEqual([item]);
});

// Compared with `kubectl annotate --local -o json` of kubectl 1.32.
test("numbers and words mean what they mean to kubectl", () => {
  const [object] = objects(
    `${named("a")}data: {mode: 0644, on: yes, ports: 22:22, day: 2001-01-01, whole: 1.0, long: 1_000, hex: 0x1F, exp: 1e3, none: ~}\n`,
  );
  expect(object?.["data"]).toEqual({
    mode: 420,
    true: true,
    ports: "22:22",
    day: "2001-01-01",
    whole: 1,
    long: 1000,
    hex: 31,
    exp: 1000,
    none: null,
  });
});

test("anchors and merges are resolved, a bomb of them is not", () => {
  const [object] = objects(`${named("a")}first: &x {q: 1}\nsecond: {<<: *x, r: 2}\n`);
  expect(object?.["second"]).toEqual({ q: 1, r: 2 });
  const bomb = Array.from(
    { length: 12 },
    (_, at) => `a${at}: &a${at} [${Array(9).fill(at === 0 ? "x" : `*a${at - 1}`)}]`,
  );
  expect(messages(`${named("a")}${bomb.join("\n")}\n`)).toHaveLength(1);
});

test("a Service's port says its protocol, which old servers insist on", () => {
  const [object] = objects(
    "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80}, {port: 53, protocol: UDP}]}\n",
  );
  expect(object?.["spec"]).toEqual({
    ports: [
      { port: 80, protocol: "TCP" },
      { port: 53, protocol: "UDP" },
    ],
  });
});

test("every fault is told", () => {
  expect(messages("")).toEqual(["it holds no object"]);
  expect(messages("just a text")).toEqual(["a document is not an object"]);
  expect(messages(`${named("a")}---\n${named("a")}`)).toEqual(["ConfigMap a stands in it twice"]);
  expect(messages("kind: ConfigMap\n---\napiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n")).toEqual(
    [
      "an object needs apiVersion, kind and metadata.name",
      "an object needs a name; generateName makes a new one with every apply",
    ],
  );
  expect(messages("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: other}\n")).toEqual([
    "Pod a is in namespace other, the provider works in shop",
  ]);
  expect(messages(`${named("a")}data: {a: 1, a: 2}\n`)).toEqual(["Map keys must be unique"]);
  expect(messages(`${named("a")}data: !!js/function x\n`)[0]).toContain("Unresolved tag");
  expect(messages(`${named("a")}data: {a: .inf}\n`)).toHaveLength(1);
});
