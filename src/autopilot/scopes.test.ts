import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { limits } from "../limits.ts";
import type { Discovery } from "./config/model.ts";
import { scopeName } from "./model.ts";
import { type Discovered, discoverScopes } from "./scopes.ts";

let base = "";
let outputsRoot = "";
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "akc-scopes-"));
  outputsRoot = join(base, "out");
  mkdirSync(outputsRoot);
});
afterEach(() => rmSync(base, { recursive: true }));

const folder = (...parts: string[]) => mkdirSync(join(outputsRoot, ...parts), { recursive: true });
const found = async (discovery: Discovery, last?: Discovered) => {
  const answer = await discoverScopes({ outputsRoot, discovery }, last);
  return { ...answer, keys: answer.scopes.map(scopeName) };
};
const registry = (rows: unknown): Discovery => {
  const path = join(base, "scopes.json");
  writeFileSync(path, typeof rows === "string" ? rows : JSON.stringify(rows));
  return { kind: "registry", path };
};
const row = (tenant_id: string, repo_id: string) => ({ tenant_id, repo_id });

test("without a word, every scope is found in which somebody has worked, in order", async () => {
  folder("b", "two", ".akc", "autopilot");
  folder("b", "one", ".akc", "runtime");
  writeFileSync(join(outputsRoot, "b/one/.akc/runtime/state.sqlite3"), "");
  folder("a", "living", ".akc", "living");
  writeFileSync(join(outputsRoot, "a/living/.akc/living/baseline.json"), "{}");
  folder("a", "empty");
  folder(".akc", "autopilot", ".akc", "autopilot");
  folder("a", ".hidden", ".akc", "autopilot");
  folder("lost+found", "x", ".akc", "autopilot");
  writeFileSync(join(outputsRoot, "file"), "");
  const { keys, faults } = await found({ kind: "all" });
  expect(keys).toEqual(["a/living", "b/one", "b/two"]);
  expect(faults).toEqual([]);
});

test("a tenant has every folder of it; a named scope need not be there", async () => {
  folder("a", "one");
  folder("a", ".git");
  folder("b", "two");
  expect((await found({ kind: "tenant", tenantId: "a" })).keys).toEqual(["a/one"]);
  expect((await found({ kind: "one", scope: { tenantId: "x", repoId: "y" } })).keys).toEqual(["x/y"]);
});

test("a root, a tenant or a registry that is not there means no scopes, and is said once", async () => {
  const gone = [
    { kind: "tenant", tenantId: "a" },
    { kind: "registry", path: join(base, "none.json") },
  ] as const;
  for (const discovery of gone) {
    const first = await found(discovery);
    expect([first.keys, first.news.length, first.faults[0]?.code]).toEqual([[], 1, "FILE_NOT_FOUND"]);
    const second = await found(discovery, first);
    expect([second.keys, second.news.length, second.faults.length]).toEqual([[], 0, 1]);
  }
  rmSync(outputsRoot, { recursive: true });
  const none = await found({ kind: "all" });
  expect([none.keys, none.news.length]).toEqual([[], 1]);
  folder("a", "b", ".akc", "autopilot");
  const back = await found({ kind: "all" }, none);
  expect([back.keys, back.faults.length]).toEqual([["a/b"], 0]);
  rmSync(outputsRoot, { recursive: true });
  expect((await found({ kind: "all" }, back)).news.length).toBe(1);
  mkdirSync(outputsRoot);
});

test("a registry is read again at each look, de-duplicated and in order; hints of nobody are left out", async () => {
  const first = await found(
    registry([row("b", "x"), row("a", "y"), row(" a ", "y"), { ...row("c", "z"), more: 1 }]),
  );
  expect([first.keys, first.faults]).toEqual([["a/y", "b/x", "c/z"], []]);
  const second = await found(registry([row("n", "m")]), first);
  expect(second.keys).toEqual(["n/m"]);
});

test("a registry that cannot be read keeps the scopes of the look before", async () => {
  const good = await found(registry([row("a", "b")]));
  for (const bad of ["", "{", '{"a": 1}', "null", '[{"tenant_id": "a"', "\xff"]) {
    const answer = await found(registry(bad), good);
    expect([bad, answer.keys, answer.news.length]).toEqual([bad, ["a/b"], 1]);
  }
  expect((await found(registry("{"))).keys).toEqual([]);
  expect((await found(registry([]), good)).keys).toEqual([]);
});

test("an id that could lead out of the root is no scope, and stops no other", async () => {
  const bad = ["..", ".", "", "a/b", "../x", ".akc", "a\0b", "a..b", "x".repeat(129), " "];
  const answer = await found(
    registry([
      ...bad.map((id) => row("a", id)),
      ...bad.map((id) => row(id, "a")),
      null,
      7,
      [],
      row("ok", "ok"),
    ]),
  );
  expect(answer.keys).toEqual(["ok/ok"]);
  expect(answer.faults.length).toBe(2 * bad.length + 3);
});

test("a link that leads out of the root is left out and told of; one that stays inside is followed", async () => {
  const outside = join(base, "outside");
  mkdirSync(join(outside, "repo", ".akc", "autopilot"), { recursive: true });
  folder("real", "one", ".akc", "autopilot");
  symlinkSync(outside, join(outputsRoot, "tenant"));
  symlinkSync(join(outside, "repo"), join(outputsRoot, "real", "repo"));
  symlinkSync(join(outputsRoot, "real", "one"), join(outputsRoot, "real", "two"));
  const all = await found({ kind: "all" });
  expect(all.keys).toEqual(["real/one", "real/two"]);
  expect(all.faults.map(({ code }) => code)).toEqual(["PATH_UNSAFE", "PATH_UNSAFE"]);
  for (const scope of [row("tenant", "repo"), row("real", "repo")]) {
    const answer = await found({ kind: "one", scope: { tenantId: scope.tenant_id, repoId: scope.repo_id } });
    expect([answer.keys, answer.news.length]).toEqual([[], 1]);
  }
});

test("more scopes than are watched are counted", async () => {
  const rows = Array.from({ length: limits.autopilotScopesMax + 2 }, (_, n) => row("t", `r${n}`));
  const { scopes, faults } = await found(registry(rows));
  expect([scopes.length, faults.length]).toEqual([limits.autopilotScopesMax, 1]);
});

test("whatever a registry holds, the answer is scopes below the root", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.record({ tenant_id: fc.string(), repo_id: fc.string() }), fc.jsonValue()), {
        maxLength: 6,
      }),
      async (rows) => {
        for (const key of (await found(registry(rows))).keys) {
          expect(join(outputsRoot, key).startsWith(`${outputsRoot}/`)).toBe(true);
          expect(key.split("/").length).toBe(2);
        }
      },
    ),
    { numRuns: 60 },
  );
});
