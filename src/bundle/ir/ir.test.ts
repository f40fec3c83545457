import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { AkcError } from "../../errors.ts";
import { fingerprint } from "../../json/fingerprint.ts";
import { parseJson } from "../../json/read.ts";
import { loadBundle } from "../load.ts";
import {
  bundleDocument,
  contractDocument,
  irDocumentOf,
  json,
  memorySource,
  nodeDocument,
} from "../source.fixture.ts";
import { parseIr, stableNodeId } from "./document.ts";

const io = { input_keys: ["i"], output_keys: ["o"] };
const nodeZ = {
  id: "z",
  tenant_id: "tenant-a",
  kind: "workflow",
  name: "Z",
  properties: {},
  depends_on: ["b", "a", "a"],
  contract: {
    contract_id: "c1",
    contract_category: "Runtime",
    triggers: [
      { trigger_id: "b", source: "x" },
      { trigger_id: "a", source: "y" },
    ],
    io_contract: io,
  },
};
const nodeA = {
  id: " a ",
  tenant_id: "tenant-a",
  kind: "service",
  name: "A",
  properties: { x: 1 },
  effects: { network: true },
  provenance: [{ tenant_id: "tenant-a", kind: "file", source_id: "s", locator: null }],
  unknown: 1,
};
const document = irDocumentOf([nodeZ, nodeA], { tenant_id: "tenant-a", repo_id: "repo-a", extra: true });

describe("fingerprints of the normal form", () => {
  test("are those of the reference", () => {
    const { ir } = parseIr(json(document));
    expect(ir.sha256).toBe("6b4d8336aa2440aad5efb76b425982ffc1b2190b8905ad50c6d43fefd1173c98");
    expect(ir.nodes.map((node) => node.id)).toEqual(["a", "z"]);
    const [first] = ir.nodes;
    expect(first && fingerprint(first.document)).toBe(
      "8826c5a51ecd007778a9e64d03f8d0bfc17d225fb3bc4bcc7752dc8c0f570c0c",
    );
    expect(stableNodeId("workflow", " Z")).toBe("irn_89b56e34bd170aac");
  });

  test("do not depend on the order in which a node lists where it comes from", () => {
    const pointer = (source_id: string, kind = "file", locator = "l") => ({
      tenant_id: "acme",
      kind,
      source_id,
      locator,
    });
    const provenance = [pointer("b"), pointer("a", "message"), pointer("a", "file", "z"), pointer("a")];
    const sha = (pointers: unknown[]) =>
      parseIr(json(irDocumentOf([nodeDocument("a", { provenance: pointers })]))).ir.sha256;
    expect(sha(provenance.toReversed())).toBe(sha(provenance));
  });

  test("do not depend on the order of nodes, and do on whether a number is a float", () => {
    const sha = (text: string) => parseIr(parseJson(text)).ir.sha256;
    fc.assert(
      fc.property(fc.shuffledSubarray(["a", "b", "c", "é", "😀"], { minLength: 5 }), (ids) => {
        const text = JSON.stringify(irDocumentOf(ids.map((id) => nodeDocument(id))));
        const sorted = JSON.stringify(irDocumentOf([...ids].sort().map((id) => nodeDocument(id))));
        expect(sha(text)).toBe(sha(sorted));
      }),
    );
    const one = JSON.stringify(irDocumentOf([nodeDocument("a", { properties: { x: "?" } })]));
    expect(sha(one.replace('"?"', "1"))).not.toBe(sha(one.replace('"?"', "1.0")));
  });
});

test("a document that breaks a rule is refused with every issue", () => {
  const broken = irDocumentOf(
    [
      nodeDocument("a", {
        tenant_id: "other",
        provenance: [{ tenant_id: "x", kind: "file", source_id: "s" }],
      }),
      nodeDocument("a", { kind: "robot", depends_on: "b" }),
      nodeDocument("b", { properties: undefined }),
    ],
    { schema_kind: "ir", format_version: "1.0" },
  );
  try {
    parseIr(json(broken));
    throw new Error("accepted");
  } catch (error) {
    if (!(error instanceof AkcError)) throw error;
    expect(error.code).toBe("IR_PARSE");
    expect(error.issues.map((issue) => issue.path)).toEqual([
      "/nodes/0/provenance/0/tenant_id",
      "/nodes/0/tenant_id",
      "/nodes/1/depends_on",
      "/nodes/1/id",
      "/nodes/1/kind",
      "/nodes/2/properties",
      "/schema_kind",
      "/schema_version",
    ]);
  }
});

describe("the runtime graph", () => {
  const graphOf = async (members: Record<string, unknown>) =>
    loadBundle(memorySource(bundleDocument(members)), { mode: "enforce" });

  test("takes the contract that the bundle refers to, and the states from its machine", async () => {
    const machine = {
      initial_state: "idle",
      transitions: [
        { transition_id: "t1", from_state: "idle", to_state: "busy" },
        { transition_id: "t2", from_state: "busy", to_state: "done" },
        { transition_id: "t3", from_state: "busy", to_state: "failed" },
      ],
    };
    const contract = contractDocument("c", { state_machine: machine, runtime_budget: { max_seconds: 30 } });
    const { nodes } = await graphOf({
      referenced_ir_nodes: [nodeDocument("a", { contract }), nodeDocument("b")],
      referenced_contracts: [contract],
    });
    expect(nodes[0]).toMatchObject({
      contractId: "c",
      initialState: "idle",
      terminalStates: ["done", "failed"],
      contract: { budget: { maxSeconds: 30 }, inputKeys: ["in"], outputKeys: ["out"] },
    });
    expect(nodes[1]).toMatchObject({
      contractId: "unknown",
      initialState: "ready",
      terminalStates: ["completed"],
    });
  });

  test("says which contracts and dependencies it does not have", async () => {
    const { nodes, warnings } = await graphOf({
      referenced_ir_nodes: [
        nodeDocument("a", { contract: contractDocument("gone"), depends_on: ["nowhere"] }),
      ],
    });
    expect(nodes[0]?.contract).toBeUndefined();
    expect(warnings.map((warning) => warning.path)).toEqual([
      "/referenced_ir_nodes/0",
      "/referenced_ir_nodes/0",
    ]);
  });

  test("refuses nodes that wait for each other, but not those that nothing starts", async () => {
    const circle = (members: Record<string, unknown>) => [
      nodeDocument("a", { depends_on: ["b"], ...members }),
      nodeDocument("b", { depends_on: ["c"], ...members }),
      nodeDocument("c", { depends_on: ["a"], ...members }),
    ];
    expect((await graphOf({ referenced_ir_nodes: circle({}) })).nodes).toHaveLength(3);
    const started = {
      referenced_ir_nodes: circle({ contract: contractDocument("c") }),
      referenced_contracts: [contractDocument("c")],
    };
    await expect(graphOf(started)).rejects.toMatchObject({ code: "BUNDLE_INVALID" });
    const itself = [nodeDocument("a", { depends_on: ["a"], contract: contractDocument("c") })];
    expect((await graphOf({ ...started, referenced_ir_nodes: itself })).nodes).toHaveLength(1);
  });

  test("takes a node that no IR has only if it is whole and of the bundle's tenant", async () => {
    const faults = async (node: unknown) =>
      graphOf({ referenced_ir_nodes: [node] }).then(
        () => [],
        (error) => (error instanceof AkcError ? error.issues.map((issue) => issue.path) : [String(error)]),
      );
    expect(await faults({ id: "a", kind: "workflow" })).toEqual([
      "/referenced_ir_nodes/0/name",
      "/referenced_ir_nodes/0/properties",
      "/referenced_ir_nodes/0/tenant_id",
    ]);
    expect(await faults(nodeDocument("a", { tenant_id: "other" }))).toEqual([
      "/referenced_ir_nodes/0/tenant_id",
    ]);
  });
});
