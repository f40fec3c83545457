import { describe, expect, test } from "bun:test";
import { isJsonObject, type JsonObject } from "../json/value.ts";
import { limits } from "../limits.ts";
import { readContract } from "./ir/contract.ts";
import type { GraphNode, HttpRoute, Route } from "./model.ts";
import { automaticAdapter, fullLayerReplacement, resolveRoute } from "./routing.ts";
import { contractDocument, json } from "./source.fixture.ts";

const noop = "noop";
const subprocess = { route: "subprocess", subprocess: { argv: ["echo", "x"] } };

function object(value: unknown): JsonObject {
  const document = json(value);
  if (!isJsonObject(document)) throw new Error("no object");
  return document;
}

function node(nodeHints?: unknown, contractHints?: unknown): GraphNode {
  const acceptance = contractHints === undefined ? {} : { runtime_execution: contractHints };
  return {
    nodeId: "n",
    kind: "workflow",
    name: "n",
    properties: object(nodeHints === undefined ? {} : { runtime_execution: nodeHints }),
    dependsOn: [],
    contractId: "c",
    contract: readContract(object(contractDocument("c", { acceptance }))),
    initialState: "ready",
    terminalStates: ["completed"],
  };
}

function route(
  metadata: unknown,
  nodeHints?: unknown,
  contractHints?: unknown,
  type = "workflow.execute",
): Route {
  return resolveRoute(type, node(nodeHints, contractHints), object(metadata));
}

const workflow = (members: unknown) => ({ workflow_execution_contract: members });
const routes = (kind: string) => ({ runtime_action_routes: { "workflow.execute": kind } });

describe("the routing table of the reference", () => {
  test("nothing said: the delegate", () => {
    expect(route({})).toEqual({ kind: "delegate_adapter" });
  });
  test("the node's hint goes before the contract's", () => {
    expect(route({}, subprocess, { route: noop }).kind).toBe("subprocess");
  });
  test("the map of action types goes before hints", () => {
    expect(route(routes(noop), subprocess).kind).toBe(noop);
  });
  test("overrides of workflow types go before everything, blanks and case aside", () => {
    const metadata = { ...workflow({ route_overrides: { "workflow.execute": "HTTP " } }), ...routes(noop) };
    expect(route(metadata, { http: { url: "http://h/" } }).kind).toBe("http");
    // Another type of action has no overrides.
    const other = { workflow_execution_contract: { route_overrides: { "agent.execute": "noop" } } };
    expect(route(other, undefined, undefined, "agent.execute").kind).toBe("delegate_adapter");
  });
  test("a list of allowed routes without a valid kind does not narrow", () => {
    expect(route(workflow({ allowed_routes: ["zzz"] }), subprocess).kind).toBe("subprocess");
  });
  test("full layer replacement takes the default subprocess", () => {
    const metadata = {
      layer_replacement_mode: " FULL ",
      ...workflow({ default_subprocess: { argv: ["x", "", " "], timeout_ms: "7" } }),
    };
    expect(route(metadata)).toEqual({ kind: "subprocess", argv: ["x"], timeoutMs: 7 });
    expect(route(metadata, undefined, undefined, "agent.execute").kind).toBe("delegate_adapter");
  });
});

describe("deviations: what the reference turned into a success of nothing", () => {
  test("W-22: a malformed subprocess fails instead of becoming the delegate", () => {
    const wanted = { kind: "malformed", wanted: "subprocess" };
    expect(route({ layer_replacement_mode: "full" })).toMatchObject(wanted);
    for (const spec of [undefined, null, "x", [], {}, { argv: [] }, { argv: "x" }, { argv: [" ", ""] }]) {
      expect(route({}, { route: "subprocess", subprocess: spec })).toMatchObject(wanted);
    }
    // The default stands in for a specification that is absent, not for one that is wrong.
    const metadata = workflow({ default_subprocess: { argv: ["x"] } });
    expect(route(metadata, { route: "subprocess" }).kind).toBe("subprocess");
    expect(route(metadata, { route: "subprocess", subprocess: { argv: [] } })).toMatchObject(wanted);
  });

  test("W-22: a malformed request fails before anything is sent", () => {
    for (const spec of [undefined, "x", {}, { url: " " }, { url: "not a url" }, { url: 1 }]) {
      expect(route({}, { route: "http", http: spec })).toMatchObject({ kind: "malformed", wanted: "http" });
    }
  });

  test("W-23: allowed_routes comes last, counts for every source, and refuses", () => {
    const only = (kind: string) => ({ allowed_routes: [kind] });
    const overridden = { ...only(noop), route_overrides: { "workflow.execute": "http" } };
    expect(route({ ...workflow(overridden), ...routes(noop) })).toMatchObject({
      kind: "refused",
      wanted: "http",
    });
    expect(route({ ...workflow(only("delegate_adapter")), ...routes(noop) })).toMatchObject({
      kind: "refused",
      wanted: "noop",
    });
    expect(route(workflow(only(noop)), subprocess)).toMatchObject({ kind: "refused", wanted: "subprocess" });
    expect(route({ layer_replacement_mode: "full", ...workflow(only(noop)) })).toMatchObject({
      kind: "refused",
    });
    expect(route({ ...workflow(only(noop)), ...routes(noop) }).kind).toBe("noop");
    // Only workflow actions are under this contract.
    expect(route(workflow(only(noop)), subprocess, undefined, "coordination.step").kind).toBe("subprocess");
  });

  test("W-23: the delegate needs to be listed only when it was asked for", () => {
    const metadata = workflow({ allowed_routes: [noop] });
    expect(route(metadata).kind).toBe("delegate_adapter");
    expect(route(metadata, { route: "delegate_adapter" })).toMatchObject({ kind: "refused" });
  });

  test("a route that is misspelled does not become the default", () => {
    for (const written of ["subproces", 1, true, {}, []]) {
      expect(route({}, { route: written }).kind).toBe("refused");
    }
    for (const absent of [null, ""]) expect(route({}, { route: absent }).kind).toBe("delegate_adapter");
  });

  test("W-44: full layer replacement is one question, however it is spelled", () => {
    expect(fullLayerReplacement(object({}))).toBe(false);
    for (const metadata of [
      { layer_replacement_mode: "Full" },
      workflow({ full_layer_replacement: true }),
      { deployment_provider_contract: { mutation_mode: "full" } },
    ]) {
      expect(fullLayerReplacement(object(metadata))).toBe(true);
      expect(automaticAdapter({ metadata: object(metadata), policyEnvelope: {} })).toBe("local_depth");
      expect(route(metadata).kind).toBe("malformed");
    }
    const opened = object({ runtime_execution: { allow_http: true } });
    expect(automaticAdapter({ metadata: opened, policyEnvelope: {} })).toBe("local_depth");
    expect(automaticAdapter({ metadata: {}, policyEnvelope: { runtime_allow_subprocess: true } })).toBe(
      "local_depth",
    );
    expect(automaticAdapter({ metadata: {}, policyEnvelope: {} })).toBe("native");
  });
});

describe("hints", () => {
  test("are merged key by key, and a key's whole value is replaced", () => {
    const contractHints = { route: "subprocess", subprocess: { argv: ["a"], timeout_ms: 9 } };
    expect(route({}, { subprocess: { argv: ["b"] } }, contractHints)).toEqual({
      kind: "subprocess",
      argv: ["b"],
      timeoutMs: limits.routeTimeoutMsDefault,
    });
  });

  test("count for coordination steps too, and an action of no node has none", () => {
    expect(route({}, subprocess, undefined, "coordination.step").kind).toBe("subprocess");
    expect(resolveRoute("agent.execute", undefined, {})).toEqual({ kind: "delegate_adapter" });
  });

  test("under the name of something every object inherits are not found", () => {
    const metadata = { runtime_action_routes: {}, workflow_execution_contract: { route_overrides: {} } };
    for (const type of ["constructor", "workflow.toString", "__proto__"]) {
      expect(route(metadata, undefined, undefined, type).kind).toBe("delegate_adapter");
    }
  });
});

describe("a subprocess", () => {
  const spec = (members: unknown) => route({}, { route: "subprocess", subprocess: members });

  test("gets its numbers as text, and nothing else that is no text", () => {
    expect(spec({ argv: ["sleep", 1, 2.5] })).toMatchObject({ argv: ["sleep", "1", "2.5"] });
    for (const item of [true, null, {}, [], "a\0b"])
      expect(spec({ argv: ["x", item] }).kind).toBe("malformed");
  });

  test("has a timeout from 1 ms to the limit, and the default when it is no number", () => {
    const timeout = (timeout_ms: unknown) => spec({ argv: ["x"], timeout_ms });
    expect(timeout("12")).toMatchObject({ timeoutMs: 12 });
    expect(timeout(7.9)).toMatchObject({ timeoutMs: 7 });
    for (const small of [0, -5, "-1"]) expect(timeout(small)).toMatchObject({ timeoutMs: 1 });
    for (const large of [1e15, "999999999999999"])
      expect(timeout(large)).toMatchObject({ timeoutMs: limits.routeTimeoutMsMax });
    for (const none of [undefined, null, "x", "1.5", {}, true]) {
      expect(timeout(none)).toMatchObject({ timeoutMs: limits.routeTimeoutMsDefault });
    }
  });

  test("may be given input and variables, but none that steer which code runs", () => {
    expect(spec({ argv: ["cat"], stdin: "hello", env: { LANG: "C" } })).toMatchObject({
      stdin: "hello",
      env: { LANG: "C" },
    });
    const steering = [
      "BUN_OPTIONS",
      "LD_PRELOAD",
      "DYLD_INSERT_LIBRARIES",
      "NODE_OPTIONS",
      "AKC_X",
      "PATH",
      "A B",
      "",
      "1A",
    ];
    for (const name of steering) expect(spec({ argv: ["x"], env: { [name]: "v" } }).kind).toBe("malformed");
    for (const env of ["x", [], { A: 1 }, { A: "\0" }])
      expect(spec({ argv: ["x"], env }).kind).toBe("malformed");
    for (const stdin of [1, {}, "x".repeat(limits.subprocessStdinBytesMax + 1)]) {
      expect(spec({ argv: ["x"], stdin }).kind).toBe("malformed");
    }
  });

  test("has a bounded argv", () => {
    expect(spec({ argv: Array.from({ length: limits.argvItemsMax + 1 }, () => "x") }).kind).toBe("malformed");
    expect(spec({ argv: ["x".repeat(limits.argvBytesMax)] }).kind).toBe("malformed");
  });
});

describe("a request", () => {
  const request = (members: Record<string, unknown>): HttpRoute => {
    const found = route({}, { route: "http", http: { url: " http://h/x ", ...members } });
    if (found.kind !== "http") throw new Error(JSON.stringify(found));
    return found;
  };

  test("is trimmed, upper-cased, and leaves out headers that could not be sent", () => {
    const headers = { " X-A ": " 1 ", "b d": "x", "": "x", "X-B": "a\r\nEvil: 1", "X-C": 5, "X\nD": "x" };
    expect(request({ method: " post ", headers })).toEqual({
      kind: "http",
      url: "http://h/x",
      method: "POST",
      headers: [
        ["X-A", "1"],
        ["X-C", "5"],
      ],
      timeoutMs: limits.routeTimeoutMsDefault,
    });
    expect(request({}).method).toBe("GET");
  });

  test("with headers or a method that mean nothing is malformed", () => {
    const fault = (members: Record<string, unknown>) => () => request(members);
    for (const headers of ["x", [], { a: {} }, { a: null }, { "a:b": "x" }, { a: "\u4e00" }, { a: "x\0" }]) {
      expect(fault({ headers })).toThrow("malformed");
    }
    for (const method of [1, "GET /", "ÄH"]) expect(fault({ method })).toThrow("malformed");
  });

  test("W-24: sends anything but text as JSON and says so, unless it says something else itself", () => {
    expect(request({ body: "raw" })).toMatchObject({ body: "raw", headers: [] });
    expect(request({ body: { b: 1, a: [true, null] } })).toMatchObject({
      body: '{"a":[true,null],"b":1}',
      headers: [["Content-Type", "application/json"]],
    });
    expect(request({ body: [1], headers: { "content-TYPE": "application/x" } }).headers).toEqual([
      ["content-TYPE", "application/x"],
    ]);
    expect(request({ body: null }).body).toBeUndefined();
  });
});

test("the same node is resolved once, and different actions of it do not mix", () => {
  const metadata = object(routes(noop));
  const one = node(subprocess);
  expect(resolveRoute("workflow.execute", one, metadata)).toBe(
    resolveRoute("workflow.execute", one, metadata),
  );
  expect(resolveRoute("coordination.step", one, metadata).kind).toBe("subprocess");
  expect(resolveRoute("workflow.execute", one, object({})).kind).toBe("subprocess");
});
