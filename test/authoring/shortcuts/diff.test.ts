/** Comparing two plans: the same is called the same, and whatever lets more happen is called wider. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { parse, stringify } from "yaml";
import { compareBundles } from "../../../src/authoring/diff/compare.ts";
import type { BundleDifference } from "../../../src/authoring/diff/model.ts";
import { derivePolicy } from "../../../src/policy/derive.ts";
import { compiled, loaded } from "../compiled.ts";

const base = `
version: 1
scope: acme/shop
name: release
roles:
  worker: {reads: [src]}
  other: {network: true}
steps:
  build: {role: worker, run: [sh, -c, "true"], env: {LANG: C}, timeout: 5s, outputs: [a.txt]}
  test: {role: worker, needs: [build], run: {argv: [sh], stdin: "true"}, inputs: [build/a.txt]}
  tell: {role: other, needs: [test], http: {url: "http://127.0.0.1:4870/x", headers: {X-Token: s3cr3t}}}
policy: {programs: [sh, "true"], http: ["http://127.0.0.1:4870"], network: true, deny: [runtime.action.retry]}
`;

async function compared(text: string) {
  const bundle = await loaded(compiled(text));
  return { bundle, policy: derivePolicy(bundle, "simulate", undefined) };
}

async function difference(before: string, after: string): Promise<BundleDifference> {
  return compareBundles(await compared(before), await compared(after));
}

/** \`section id member direction\`, of every member that changed. */
function moves({ changes }: BundleDifference): readonly string[] {
  return changes.flatMap(({ section, id, members }) =>
    members.map(({ member, direction }) => [section, id, member, direction].filter(Boolean).join(" ")),
  );
}

const edits: Readonly<Record<string, readonly [edit: (text: string) => string, says: readonly string[]]>> = {
  "another program": [
    (text) => text.replace("programs: [sh, ", "programs: [curl, sh, "),
    ["policy programs wider"],
  ],
  "one program less": [
    (text) => text.replace('[sh, "true"], http', "[sh], http"),
    ["policy programs narrower"],
  ],
  "an address in place of another": [
    (text) => text.replaceAll("127.0.0.1:4870", "127.0.0.1:4871"),
    ["policy http both", "step tell url changed"],
  ],
  "another method": [
    (text) => text.replace("network: true,", "network: true, methods: [GET, POST],"),
    ["policy http methods wider"],
  ],
  "a denial less": [
    (text) => text.replace("deny: [runtime.action.retry]", "deny: []"),
    ["policy actions wider"],
  ],
  "a folder to read": [(text) => text.replace("[src]", "[src, docs]"), ["role worker reads wider"]],
  "the network for a role": [
    (text) => text.replace("{reads: [src]}", "{reads: [src], network: true}"),
    ["role worker network wider"],
  ],
  "a step in another order": [
    (text) => text.replace("needs: [test]", "needs: [build]"),
    ["step tell needs changed"],
  ],
  "another argument": [(text) => text.replace('-c, "true"', '-c, "false"'), ["step build argv changed"]],
  "another value of a variable": [
    (text) => text.replace("LANG: C", "LANG: D"),
    ["step build env LANG changed"],
  ],
  "another header": [(text) => text.replace("s3cr3t", "oth3r"), ["step tell header X-Token changed"]],
  "another script": [(text) => text.replace('stdin: "true"', 'stdin: "false"'), ["step test stdin changed"]],
  "more time": [(text) => text.replace("5s", "6s"), ["step build timeout ms changed"]],
  "more tries": [
    (text) => text.replace("timeout: 5s", "timeout: 5s, retries: 4"),
    ["step build retry.retries changed"],
  ],
  "another name of a file": [
    (text) => text.replaceAll("a.txt", "b.txt"),
    ["step build outputs changed", "step test inputs changed"],
  ],
  "what no section has a name for": [
    (text) => `${text}bundle: {metadata: {note: new}}\n`,
    ["other metadata note changed"],
  ],
};

for (const [what, [edit, says]] of Object.entries(edits)) {
  test(`${what}: ${says.join(", ")}`, async () => {
    const after = edit(base);
    expect(after).not.toBe(base);
    const found = await difference(base, after);
    expect({ same: found.same, moves: [...moves(found)].sort() }).toEqual({
      same: false,
      moves: [...says].sort(),
    });
    // Turned round, what was wider is narrower.
    const back = [...moves(await difference(after, base))].sort();
    const turned = says.map((line) =>
      line.replace(/wider$|narrower$/, (word) => (word === "wider" ? "narrower" : "wider")),
    );
    expect(back).toEqual([...turned].sort());
    expect(JSON.stringify(found)).not.toMatch(/s3cr3t|oth3r/);
  });
}

test("layout, comments and the order of members are no difference", async () => {
  const turned = (value: unknown, key = ""): unknown => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    const items = Object.entries(value).map(([name, item]) => [name, turned(item, name)] as const);
    return Object.fromEntries(key === "steps" || key === "roles" ? items : items.reverse());
  };
  const other = stringify(turned(parse(base)), { indent: 4 }).replaceAll("\n", " # said\n");
  expect(await difference(base, other)).toEqual({ same: true, changes: [] });
});

test("two plans are called the same only when their bundles are", async () => {
  await fc.assert(
    fc.asyncProperty(fc.subarray(Object.keys(edits), { maxLength: 3 }), async (names) => {
      const after = names.reduce((text, name) => edits[name]?.[0](text) ?? text, base);
      const isSame = compiled(after).sha256 === compiled(base).sha256;
      expect((await difference(base, after)).same).toBe(isSame);
    }),
    { numRuns: 15 },
  );
});
