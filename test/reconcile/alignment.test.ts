/** Intents that are to be exactly what the IR says. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { loadBundle } from "../../src/bundle/load.ts";
import type { Bundle } from "../../src/bundle/model.ts";
import { isJsonArray, isJsonObject, type JsonObject } from "../../src/json/value.ts";
import { misalignments } from "../../src/reconciler/alignment.ts";
import { desiredResources, mayDesire } from "../../src/reconciler/desired.ts";
import { readBundleSource } from "../../src/run/bundle-files.ts";
import { example, type Placed, placed } from "../parity/started.ts";

let place: Placed;
let bundle: Bundle;
let row: JsonObject;
beforeAll(async () => {
  place = await placed(await example("b"));
  bundle = await loadBundle(await readBundleSource(place.bundlePath), { mode: "enforce" });
  const rows = bundle.metadata["deployment_intents"];
  const [first] = isJsonArray(rows) ? rows : [];
  row = isJsonObject(first) ? first : {};
});
afterAll(() => place[Symbol.dispose]());

const withRows = (rows: readonly JsonObject[], more: JsonObject = {}): Bundle => ({
  ...bundle,
  metadata: { ...bundle.metadata, deployment_intents: [...rows], ...more },
});

test("rows that a compiler gave more keys than the IR has are aligned", () => {
  expect(misalignments(bundle)).toEqual([]);
  expect(misalignments(withRows([{ ...row, target_class: "host", delivery_paths: ["a"] }]))).toEqual([]);
});

test("every row that differs, is missing, is twice or is nobody's is named", () => {
  const issues = misalignments(
    withRows([{ ...row, name: "Other" }, row, { ...row, node_id: "svc-unknown" }]),
  ).map(({ path, message }) => `${path}: ${message}`);
  expect(issues).toEqual([
    "/deployment_intents/0/name: is not what the IR says",
    "/deployment_intents/1: is there twice",
    "/deployment_intents/2: no deployable IR node has this id",
  ]);
  expect(misalignments(withRows([]))).toMatchObject([{ path: "/deployment_intents" }]);
});

test("what is not asked for is not compared, and what cannot be compared is not aligned", () => {
  expect(misalignments(withRows([], { deployment_intents_ir_alignment: "off" }))).toEqual([]);
  const { ir, ...without } = bundle;
  expect(ir).toBeDefined();
  expect(misalignments(without)).toMatchObject([{ path: "/deployment_intents_ir_alignment" }]);
});

test("what a row says of how it is run counts also where the node of the IR is what is wanted", () => {
  const settings = { process: { command: ["sleep", "1"] } };
  const more = { reconcile_deploy_targets_from_ir_only: false };
  const [plain] = desiredResources(withRows([row], more));
  const [told] = desiredResources(withRows([{ ...row, runtime_deployment: settings }], more));
  expect(told?.settings).toEqual(settings);
  expect(told?.desiredHash).toBe(plain?.desiredHash ?? "");
});

test("a bundle of which is said that nothing may be desired desires nothing, and one that desires something is said to", () => {
  const fromIr = withRows([], { reconcile_deploy_targets_from_ir_only: true });
  const fromRows = withRows([row], { reconcile_deploy_targets_from_ir_only: false });
  const nothing = withRows([], { reconcile_deploy_targets_from_ir_only: false });
  for (const one of [fromIr, fromRows]) {
    expect(desiredResources(one).length).toBeGreaterThan(0);
    expect(mayDesire(one)).toBeTrue();
  }
  expect(desiredResources(nothing)).toEqual([]);
  expect(mayDesire(nothing)).toBeFalse();
});
