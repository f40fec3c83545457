import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseAgentWorkerEnv } from "../../src/adapters/agent-worker/env.ts";
import { agentTurnsOf } from "../../src/adapters/agent-worker/of-bundle.ts";
import type { AgentTurnDeps } from "../../src/adapters/agent-worker/turn.ts";
import { deterministicTurn, runAgentTurn } from "../../src/adapters/agent-worker.ts";
import { sha256Hex } from "../../src/json/fingerprint.ts";
import { bundleOf } from "../../src/policy/bundle.fixture.ts";
import type { HttpLane } from "../../src/policy/model.ts";
import { systemClock } from "../../src/system/clock.ts";
import { action, handoff, lane, policyWith, stepRequest } from "./requests.ts";
import { type RawServer, rawServer, response } from "./servers.ts";

const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

function worker(url: string | undefined, more: Partial<AgentTurnDeps> = {}): AgentTurnDeps {
  return {
    env: { kind: "http", ...(url === undefined ? {} : { url }) },
    clock: systemClock,
    adapterId: "native",
    bounds: {},
    ...more,
  };
}

function open(more: Partial<HttpLane> = {}) {
  return policyWith({ http: lane(), agentWorkerHttp: lane(more) });
}

const says = (text: string, usage: object = {}) => response("200 OK", {}, JSON.stringify({ text, usage }));
const bodyOf = (server: RawServer, at = 0) =>
  JSON.parse(Buffer.from(server.received[at]?.split("\r\n\r\n")[1] ?? "null", "latin1").toString());
const urlOf = (server: RawServer) => `http://127.0.0.1:${server.port}/turn`;

describe("the deterministic worker", () => {
  // Keys and digests of the reference's own run (spec kernel §17).
  test.each([
    [
      "842e311b9143e70fb8c83cf9a573cc38f1b8dc97e1f3e0c7e9921f8ce080b282",
      "3efc8a3f4b0a580581451dffcb1775ba1c786299e3a653b60e35caf42f13ddf8",
    ],
    [
      "fddcc9a08ffb814592545fb1a0cc8a118aa49d54abed2808593a9fbaf4c277cc",
      "972a2ee90e161053b0be7fe7272580c8e2b7f76fd257c88b2a40465774ffb088",
    ],
    [
      "036450d37f53e62b85d928baebac806919150916db8cdfa4e15f449103f8aba4",
      "bd20a27540a13c53a82d54bbc054e33890663cd7eb58bddb3cfdd0b405e52436",
    ],
  ])("says noop and the key %s, and a successor can read it", async (idempotencyKey, sha256) => {
    const request = stepRequest({ action: action({ actionType: "coordination.step", idempotencyKey }) });
    const result = await deterministicTurn(request);
    expect(result).toEqual({
      status: "succeeded",
      outputs: {
        action_id: "a1",
        action_type: "coordination.step",
        adapter_id: "native",
        agent_worker_status: "succeeded",
        agent_worker_output_sha256: sha256,
        agent_worker_output_len: 69,
        effect: "none",
      },
      durationMs: 0,
      cost: { input_tokens: 0, output_tokens: 0 },
      output: { sha256, sizeBytes: 69 },
    });
    expect(Buffer.from(await request.artifacts.read(sha256)).toString()).toBe(`noop:${idempotencyKey}`);
  });

  test("does the turn unless an HTTP worker is switched on and has an address", async () => {
    const deterministic = {
      ...worker(undefined),
      env: parseAgentWorkerEnv({ AKC_HTTP_AGENT_WORKER_URL: "http://x/" }),
    };
    for (const deps of [worker(undefined), deterministic]) {
      const result = await runAgentTurn(stepRequest(), deps);
      expect(result.outputs["agent_worker_output_len"]).toBe(69);
    }
  });
});

describe("the environment", () => {
  test.each([
    [{}, { kind: "deterministic" }],
    [{ AKC_AGENT_WORKER_HTTP: "0", AKC_HTTP_AGENT_WORKER_URL: "nonsense" }, { kind: "deterministic" }],
    [{ AKC_AGENT_WORKER_HTTP: " Yes " }, { kind: "http" }],
    [
      {
        AKC_AGENT_WORKER_HTTP: "1",
        AKC_HTTP_AGENT_WORKER_URL: "https://w.test/turn",
        AKC_HTTP_AGENT_WORKER_API_KEY: " k ",
        AKC_HTTP_AGENT_WORKER_TIMEOUT_S: "2.5",
      },
      { kind: "http", url: "https://w.test/turn", apiKey: "k", timeoutMs: 2_500 },
    ],
    [
      { AKC_AGENT_WORKER_HTTP: "true", AKC_HTTP_AGENT_WORKER_TIMEOUT_S: "-1" },
      { kind: "http", timeoutMs: 30_000 },
    ],
  ])("%p", (env, parsed) => {
    expect<object>(parseAgentWorkerEnv(env)).toEqual(parsed);
  });

  test.each([
    { AKC_HTTP_AGENT_WORKER_URL: "file:///etc/passwd" },
    { AKC_HTTP_AGENT_WORKER_API_KEY: "two\r\nlines" },
    { AKC_HTTP_AGENT_WORKER_TIMEOUT_S: "soon" },
  ])("that cannot be meant fails every turn and names no value: %p", async (env) => {
    const parsed = parseAgentWorkerEnv({ AKC_AGENT_WORKER_HTTP: "1", ...env });
    const result = await runAgentTurn(stepRequest({ policy: open() }), { ...worker(undefined), env: parsed });
    expect(result.outputs["agent_worker_error"]).toBe("coordination_agent_worker_config_error");
    expect(result.error).toMatchObject({ code: "AGENT_WORKER_FAILED", retryable: false });
    expect(JSON.stringify([parsed, result])).not.toMatch(/passwd|lines|soon/);
  });
});

describe("the HTTP worker is told", () => {
  const documented = [
    "tenant_id",
    "repo_id",
    "run_id",
    "runtime_run_id",
    "coordination_step_id",
    "coordination_role_id",
    "coordination_spec_sha256",
    "timeout_s",
    "max_input_tokens",
    "max_output_tokens",
    "prompt",
    "idempotency_key",
    "inputs_fingerprint",
  ];

  test("the documented keys in their order, then what the step is for", async () => {
    await using server = await rawServer(says("done", { input_tokens: 12, output_tokens: 1 }));
    const request = stepRequest({
      policy: open(),
      policyContext: {
        coordination_handoff_edges: [{ edge_id: "h", from_step_id: "api", handoff_id: "api-diff" }],
      },
      handoffs: [handoff("api", "the diff: é")],
    });
    const deps = worker(urlOf(server), {
      goal: "Ship the billing service",
      bounds: { maxSeconds: 5, maxOutputTokens: 100 },
      factsOf: (stepId) => ({ label: `Step ${stepId}`, agent: "ada" }),
    });
    const result = await runAgentTurn(request, deps);
    const body = bodyOf(server);
    expect(Object.keys(body).slice(0, documented.length)).toEqual(documented);
    expect(body).toEqual({
      tenant_id: "acme",
      repo_id: "shop",
      run_id: "run-1",
      runtime_run_id: "rt-1",
      coordination_step_id: "review",
      coordination_role_id: "reviewer",
      coordination_spec_sha256: "c".repeat(64),
      timeout_s: 5,
      max_input_tokens: null,
      max_output_tokens: 100,
      prompt: `[coordination_step_id] review\n[coordination_role_id] reviewer\n[inputs_fingerprint] ${"f".repeat(64)}`,
      idempotency_key: "e".repeat(64),
      inputs_fingerprint: "f".repeat(64),
      goal: "Ship the billing service",
      role: { id: "reviewer", agent: "ada" },
      tools: ["llm.complete"],
      label: "Step review",
      allow_network: false,
      attempt: 1,
      predecessors: [
        {
          step_id: "api",
          handoff_id: "api-diff",
          sha256: sha256Hex("the diff: é"),
          size_bytes: 12,
          text: "the diff: é",
        },
      ],
    });
    expect(server.received[0]?.toLowerCase()).toContain("content-type: application/json\r\n");
    expect(result).toEqual({
      status: "succeeded",
      outputs: {
        action_id: "coordination:review:3",
        action_type: "coordination.step",
        adapter_id: "native",
        agent_worker_status: "succeeded",
        agent_worker_output_sha256: sha256Hex("done"),
        agent_worker_output_len: 4,
      },
      durationMs: result.durationMs,
      cost: { input_tokens: 12, output_tokens: 1 },
      output: { sha256: sha256Hex("done"), sizeBytes: 4 },
    });
    expect(await request.artifacts.read(sha256Hex("done"))).toEqual(new TextEncoder().encode("done"));
  });

  test("as much of the predecessors as there is room for, never more, and what is left out is marked", async () => {
    await using server = await rawServer(says("ok"));
    const content = fc.oneof(
      fc.string({ unit: "binary", maxLength: 1_500, size: "max" }),
      fc.uint8Array({ maxLength: 1_500, size: "max" }).map((bytes) => new Uint8Array(bytes)),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(content, { maxLength: 4 }),
        fc.integer({ min: 1_000, max: 6_000 }),
        fc.option(fc.integer({ min: 80, max: 800 }), { nil: undefined }),
        async (contents, bodyBytesMax, maxInputTokens) => {
          const before = server.received.length;
          const result = await runAgentTurn(
            stepRequest({
              policy: open({ bodyBytesMax }),
              handoffs: contents.map((bytes, at) => handoff(`s${at}`, bytes)),
            }),
            worker(urlOf(server), {
              goal: "g".repeat(200),
              bounds: maxInputTokens === undefined ? {} : { maxInputTokens },
            }),
          );
          expect(result.status).toBe("succeeded");
          const body = bodyOf(server, before);
          expect(Buffer.byteLength(JSON.stringify(body))).toBeLessThanOrEqual(bodyBytesMax);
          if (body.context_omitted === true) return expect(body.predecessors).toBeUndefined();
          let characters = body.prompt.length;
          for (const [at, said] of body.predecessors.entries()) {
            expect(said.truncated === true).toBe(said.text === undefined);
            characters += said.text?.length ?? 0;
            const whole = handoff("", contents[at] ?? "");
            expect(said.sha256).toBe(whole.sha256);
            if (said.text !== undefined) expect(said.text).toBe(new TextDecoder().decode(await whole.read()));
          }
          expect(characters).toBeLessThanOrEqual((maxInputTokens ?? 1e9) * 4);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("a predecessor too large to send is not even read", async () => {
    await using server = await rawServer(says("ok"));
    const huge = { ...handoff("big", ""), sizeBytes: 1e9, read: () => Promise.reject(new Error("was read")) };
    await runAgentTurn(stepRequest({ policy: open(), handoffs: [huge] }), worker(urlOf(server)));
    expect(bodyOf(server).predecessors[0]).toMatchObject({ size_bytes: 1e9, truncated: true });
  });
});

describe("where a turn goes", () => {
  const delegate = (...targets: string[]) => ({
    coordination_delegate_edges: targets.map((target, at) => ({
      edge_id: `d${at}`,
      from_step_id: "plan",
      delegate_target: target,
    })),
  });

  test("to its one delegate, before the operator's own; and the key only where the operator named it", async () => {
    await using own = await rawServer(says("own"));
    await using other = await rawServer(says("delegate"));
    const env = { kind: "http", url: urlOf(own), apiKey: "s3cret-key" } as const;
    const deps = { ...worker(undefined), env };
    await runAgentTurn(stepRequest({ policy: open() }), deps);
    expect(own.received[0]).toContain("Authorization: Bearer s3cret-key\r\n");
    const target = urlOf(other);
    const policyContext = delegate(target, "opaque:thing", target);
    const result = await runAgentTurn(stepRequest({ policy: open(), policyContext }), deps);
    expect(result.status).toBe("succeeded");
    expect(other.received).toHaveLength(1);
    expect(other.received[0]).not.toContain("s3cret-key");
    expect(own.received).toHaveLength(1);
    // A key without an address of its own is for the delegates.
    await runAgentTurn(stepRequest({ policy: open(), policyContext }), {
      ...deps,
      env: { kind: "http", apiKey: "s3cret-key" },
    });
    expect(other.received[1]).toContain("Bearer s3cret-key");
    expect(JSON.stringify(result)).not.toContain("s3cret-key");
  });

  test("nowhere, when the edges name two", async () => {
    const policyContext = delegate("http://a.test/", "http://b.test/");
    const result = await runAgentTurn(
      stepRequest({ policy: open(), policyContext }),
      worker("http://c.test/"),
    );
    expect(result.outputs["agent_worker_error"]).toBe("coordination_http_delegate_multiple_urls");
    expect(result.error?.retryable).toBe(false);
  });
});

describe("the lane is asked first, and nothing is sent", () => {
  const url = "http://127.0.0.1:1/turn";
  const closed = { ...lane(), enabled: false };
  test.each([
    ["coordination_http_execution_disabled", policyWith({ http: closed })],
    ["coordination_http_execution_disabled", policyWith({ http: lane(), agentWorkerHttp: closed })],
    ["coordination_http_worker_allowlist_missing", policyWith({ http: lane() })],
    ["coordination_http_worker_allowlist_missing", open({ allowlist: [], methods: [] })],
    ["coordination_http_post_not_allowlisted", open({ methods: ["GET"], allowlist: ["no.test"] })],
    ["coordination_http_worker_url_not_allowlisted", open({ allowlist: ["no.test"], bodyBytesMax: 0 })],
    ["coordination_http_request_body_exceeds_cap", open({ bodyBytesMax: 100 })],
    ["coordination_http_request_body_exceeds_cap", open({ bodyBytesMax: 0 })],
  ])("%s", async (token, policy) => {
    const result = await runAgentTurn(stepRequest({ policy }), worker(url));
    expect(result).toMatchObject({ status: "failed", error: { message: token, retryable: false } });
    expect(result.outputs).toEqual({
      action_id: "coordination:review:3",
      action_type: "coordination.step",
      adapter_id: "native",
      agent_worker_status: "failed",
      agent_worker_output_sha256: nothing,
      agent_worker_output_len: 0,
      agent_worker_error: token,
    });
    expect(result.output).toBeUndefined();
  });

  test("an address inside is refused unless it is named", async () => {
    const deps = worker("http://inside.test/", { resolve: async () => ["169.254.169.254"] });
    const result = await runAgentTurn(stepRequest({ policy: open({ allowlist: ["inside.test"] }) }), deps);
    expect(result.outputs["agent_worker_error"]).toBe("http_error:HTTP_ADDRESS_DENIED");
    expect(result.error?.retryable).toBe(false);
  });
});

describe("an answer that cannot be used", () => {
  test.each([
    ["http_error:http_error status=500", true, response("500 Oops")],
    ["http_error:http_error status=401", false, response("401 Who")],
    ["http_error:unexpected status=304", false, response("304 Same")],
    ["invalid_json_response", true, response("200 OK", {}, "{")],
    ["invalid_json_response", true, response("200 OK", {}, "")],
    ["invalid_json_response", true, response("200 OK", {}, '{"text":"\\ud800"}')],
    ["invalid_json_response", true, response("200 OK", {}, `${"[".repeat(100_000)}`)],
    ["response_not_object", true, response("200 OK", {}, "[]")],
    ["response_not_object", true, response("200 OK", {}, "null")],
    ["missing_text_field", true, response("200 OK", {}, '{"text":1}')],
    ["output_exceeds_token_budget_heuristic", false, says("😀".repeat(41))],
    ["usage_output_tokens_exceeds_budget", false, says("ok", { output_tokens: 11 })],
    ["usage_input_tokens_exceeds_budget", false, says("ok", { input_tokens: 1_001 })],
    ["http_error:response exceeded max_response_bytes", false, says("x".repeat(300_000))],
    [
      "http_error:HTTP_REDIRECT_REFUSED the target is not allowed",
      false,
      response("302 Found", { Location: "http://no.test/?s3cret" }),
    ],
  ])("%s", async (token, retryable, answer) => {
    await using server = await rawServer(answer);
    const deps = worker(urlOf(server), { bounds: { maxInputTokens: 1_000, maxOutputTokens: 10 } });
    const result = await runAgentTurn(stepRequest({ policy: open() }), deps);
    expect(result.status).toBe("failed");
    expect(result.error).toMatchObject({ message: token, retryable });
    expect(result.outputs).toMatchObject({
      agent_worker_status: "failed",
      agent_worker_error: token,
      agent_worker_output_sha256: nothing,
    });
    expect(JSON.stringify(result)).not.toContain("s3cret");
  });

  test("at the bounds exactly is used, and counted in characters, not in units", async () => {
    await using server = await rawServer(says("😀".repeat(40), { input_tokens: 1_000, output_tokens: 10 }));
    const deps = worker(urlOf(server), { bounds: { maxInputTokens: 1_000, maxOutputTokens: 10 } });
    const result = await runAgentTurn(stepRequest({ policy: open() }), deps);
    expect(result.outputs["agent_worker_output_len"]).toBe(40);
    expect(result.cost).toEqual({ input_tokens: 1_000, output_tokens: 10 });
  });

  test("whatever it is, is a result and never an exception", async () => {
    let answer = "";
    await using server = await rawServer((socket) => socket.end(response("200 OK", {}, answer)));
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((json) => `{"text":${json}}`),
        ),
        async (said) => {
          answer = said;
          const result = await runAgentTurn(stepRequest({ policy: open() }), worker(urlOf(server)));
          const text = result.outputs["agent_worker_output_sha256"];
          if (result.status === "succeeded") expect<unknown>(result.output?.sha256).toBe(text);
          else expect(text).toBe(nothing);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("time", () => {
  test("the turn's deadline ends the request, and the hung worker holds nothing up", async () => {
    await using server = await rawServer(() => undefined);
    const deps = worker(urlOf(server), { bounds: { maxSeconds: 0.05 } });
    const turns = Array.from({ length: 20 }, () => runAgentTurn(stepRequest({ policy: open() }), deps));
    for (const result of await Promise.all(turns)) {
      expect(result.error).toMatchObject({ message: "agent_worker_deadline_exceeded", retryable: true });
      expect(result.outputs["agent_worker_status"]).toBe("timeout");
      expect(result.status).toBe("failed");
    }
    await server.allClosed();
  });

  test("the operator's cap on one call is another token", async () => {
    await using server = await rawServer(() => undefined);
    const env = { kind: "http", url: urlOf(server), timeoutMs: 30 } as const;
    const result = await runAgentTurn(stepRequest({ policy: open() }), { ...worker(undefined), env });
    expect(result.outputs).toMatchObject({
      agent_worker_error: "http_error:HTTP_TIMEOUT",
      agent_worker_status: "failed",
    });
  });

  test("a stop of the run ends the request", async () => {
    const stop = new AbortController();
    await using server = await rawServer(() => stop.abort());
    const request = stepRequest({ policy: open(), signal: stop.signal });
    const result = await runAgentTurn(request, worker(urlOf(server)));
    expect(result).toMatchObject({ status: "cancelled", error: { code: "CANCELLED", retryable: false } });
    await server.allClosed();
  });
});

test("a bundle's turns know its goal, its bounds and its steps", async () => {
  await using server = await rawServer(says("ok"));
  const bundle = bundleOf({
    projection: {
      operating_bounds_effective: { max_seconds: 7.5, max_input_tokens: 900, max_output_tokens: 0 },
    },
    referencedPolicies: { goal: { goal_statement: " Ship it " } },
  });
  const turns = agentTurnsOf({
    env: { kind: "http", url: urlOf(server) },
    clock: systemClock,
    adapterId: "native",
  });
  await turns({ ...bundle, nodes: bundle.nodes.map((node) => ({ ...node, kind: "intent" as const })) })(
    stepRequest({ policy: open() }),
  );
  expect(bodyOf(server)).toMatchObject({
    timeout_s: 7.5,
    max_input_tokens: 900,
    max_output_tokens: null,
    goal: "Ship it",
  });
});
