/**
 * Whatever is done to a bundle, loading it ends with a bundle or with an error that has a code: never with another throw.
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { loadCoordinationOnly } from "../../src/bundle/coordination-handoff.ts";
import type { BundleSource } from "../../src/bundle/files.ts";
import { loadBundle } from "../../src/bundle/load.ts";
import { validateBundle } from "../../src/bundle/validate.ts";
import { AkcError } from "../../src/errors.ts";
import { canonicalJson } from "../../src/json/canonical.ts";
import { parseJson } from "../../src/json/read.ts";
import {
  isJsonArray,
  isJsonObject,
  JsonFloat,
  type JsonObject,
  type JsonValue,
} from "../../src/json/value.ts";
import { derivePolicy } from "../../src/policy/derive.ts";
import { inspectBundle } from "../../src/policy/inspect.ts";

const folder = join(import.meta.dir, "..", "fixtures", "bundles");
const examples = await Promise.all(
  ["a", "b", "c", "d"].map((letter) =>
    Bun.file(join(folder, `example-${letter}.runtime_bundle.json`)).text(),
  ),
);
const documents = examples.map((text) => parseJson(text));
const orchestration = parseJson(
  '{"steps":[{"step_id":"draft","role":"writer","inputs":{"ir_node_id":"wf-a"}},{"step_id":"review","role":"critic","inputs":{"ir_node_id":"wf-a"}}]}',
);

function sourceOf(
  text: string | Uint8Array,
  files: ReadonlyMap<string, JsonValue> = new Map(),
): BundleSource {
  return {
    path: "/out/acme/billing/.akc/runtime/x.runtime_bundle.json",
    repoRoot: "/out/acme/billing",
    text,
    files: {
      read: async (relative) =>
        files.get(relative) ?? (relative.startsWith(".akc/orchestration/") ? orchestration : undefined),
    },
  };
}

/** The error of an attempt, when it is one of ours; anything else is what these tests look for. */
async function codeOf(attempt: () => Promise<unknown>): Promise<string> {
  try {
    await attempt();
    return "ok";
  } catch (error) {
    if (error instanceof AkcError && error.code !== "INTERNAL") return error.code;
    throw error;
  }
}

async function load(source: BundleSource): Promise<void> {
  const bundle = await loadBundle(source, { mode: "simulate" });
  inspectBundle(bundle, derivePolicy(bundle, "simulate"));
}

/** Any JSON value, with a taste for what is nearly right. */
const anyJson: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom<JsonValue>(null, true, false, 0, 1, -1, 1.5, "", " ", "x", "../x", "/etc/passwd", "a\0b"),
    fc.constantFrom<JsonValue>(
      "__proto__",
      "constructor",
      "0".repeat(64),
      "runtime",
      "workflow",
      "subprocess",
    ),
    fc.constantFrom<JsonValue>(new JsonFloat(1), 12345678901234567890n, [], {}),
    fc.string().filter((text) => text.isWellFormed()),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("id", "path", "fingerprint", "kind", "argv", "route", "x"), tie("value"), {
      maxKeys: 3,
    }),
  ),
})).value;

/** All places of a document, as the keys that lead to them. */
function places(value: JsonValue, at: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  const inner = isJsonArray(value)
    ? value.flatMap((item, index) => places(item, [...at, index]))
    : isJsonObject(value)
      ? Object.entries(value).flatMap(([key, item]) => places(item, [...at, key]))
      : [];
  return [at, ...inner];
}

/** A copy in which the value at `at` is replaced, or taken away when `by` is undefined. */
function changed(value: JsonValue, at: readonly (string | number)[], by: JsonValue | undefined): JsonValue {
  const [key, ...rest] = at;
  if (key === undefined) return by ?? null;
  const isLast = rest.length === 0;
  if (isJsonArray(value)) {
    return value.flatMap((item, index) => {
      if (index !== key) return [item];
      return isLast && by === undefined ? [] : [changed(item, rest, by)];
    });
  }
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]): [string, JsonValue][] => {
      if (name !== key) return [[name, item]];
      return isLast && by === undefined ? [] : [[name, changed(item, rest, by)]];
    }),
  );
}

const mutation = fc
  .integer({ min: 0, max: documents.length - 1 })
  .chain((index) => {
    const document = documents[index] ?? null;
    const place = fc.constantFrom(...places(document));
    const edit = fc.tuple(place, fc.option(anyJson, { nil: undefined }));
    return fc.tuple(fc.constant(document), fc.array(edit, { minLength: 1, maxLength: 3 }));
  })
  .map(([document, edits]) => edits.reduce((value, [at, by]) => changed(value, at, by), document));

/** Recomputes what pins the inline coordination, so that a mutation gets past the hash. */
function pinned(document: JsonValue): JsonValue {
  if (!isJsonObject(document) || !isJsonObject(document["coordination_spec"])) return document;
  const hash = new Bun.CryptoHasher("sha256")
    .update(canonicalJson(document["coordination_spec"]))
    .digest("hex");
  const hashes = isJsonObject(document["spec_hashes"]) ? document["spec_hashes"] : {};
  return { ...document, spec_hashes: { ...hashes, coordination_spec_sha256: hash } };
}

describe("a bundle that somebody changed", () => {
  test("loads, or ends with a code; and what has no issue is never called invalid for its shape", async () => {
    await fc.assert(
      fc.asyncProperty(mutation, fc.boolean(), async (mutated, repin) => {
        const document = repin ? pinned(mutated) : mutated;
        const issues = validateBundle(document);
        const code = await codeOf(() => load(sourceOf(canonicalJson(document))));
        if (issues.length > 0) expect(code).not.toBe("ok");
        for (const { path, message } of issues)
          expect([path === "" || path.startsWith("/"), message !== ""]).toEqual([true, true]);
      }),
      { numRuns: 1_500 },
    );
  });

  test("shows its plan, or ends with a code", async () => {
    await fc.assert(
      fc.asyncProperty(mutation, fc.boolean(), async (mutated, repin) => {
        const document = repin ? pinned(mutated) : mutated;
        await codeOf(() => loadCoordinationOnly(sourceOf(canonicalJson(document))));
      }),
      { numRuns: 1_000 },
    );
  });

  test("byte by byte, or cut off, loads or ends with a code", async () => {
    const damage = fc.tuple(
      fc.constantFrom(...examples),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.oneof(fc.constant(undefined), fc.integer({ min: 0, max: 255 })),
    );
    await fc.assert(
      fc.asyncProperty(damage, async ([text, where, byte]) => {
        const bytes = new TextEncoder().encode(text);
        const at = Math.floor(where * (bytes.length - 1));
        if (byte !== undefined) bytes[at] = byte;
        await codeOf(() => load(sourceOf(byte === undefined ? bytes.slice(0, at) : bytes)));
      }),
      { numRuns: 500 },
    );
  });
});

describe("files beside a bundle", () => {
  test("may hold anything: the bundle loads or ends with a code", async () => {
    const [, , , d] = documents;
    if (!isJsonObject(d)) throw new Error("example d is an object");
    await fc.assert(
      fc.asyncProperty(anyJson, anyJson, async (ir, beside) => {
        const files = new Map([
          [".akc/ir/x.json", ir],
          [".akc/orchestration/run-d1.orchestration.json", beside],
          [".akc/intent/acme/billing/active.json", ir],
        ]);
        const document: JsonObject = {
          ...d,
          system_ir_ref: { path: ".akc/ir/x.json", fingerprint: "a".repeat(64) },
        };
        await codeOf(() => load(sourceOf(canonicalJson(document), files)));
      }),
      { numRuns: 500 },
    );
  });
});

test("whatever an action's route says, it resolves to a route", async () => {
  const [, , c] = documents;
  if (!isJsonObject(c)) throw new Error("example c is an object");
  await fc.assert(
    fc.asyncProperty(anyJson, anyJson, anyJson, async (node, subprocess, http) => {
      const document = changed(
        changed(c, ["referenced_ir_nodes", 2, "properties", "runtime_execution"], {
          route: node,
          subprocess,
          http,
        }),
        ["workflow_execution_contract", "default_subprocess"],
        subprocess,
      );
      const code = await codeOf(() => load(sourceOf(canonicalJson(document))));
      expect(code === "ok" || code === "BUNDLE_INVALID").toBe(true);
    }),
    { numRuns: 500 },
  );
});
