import { describe, expect, test } from "bun:test";
import { createHttpRunner } from "../../src/adapters/local-depth/http.ts";
import type { HttpRoute } from "../../src/bundle/model.ts";
import { sha256Hex } from "../../src/json/fingerprint.ts";
import type { HttpLane } from "../../src/policy/model.ts";
import { systemClock } from "../../src/system/clock.ts";
import { lane, policyWith, requestFor, stepRequest } from "./requests.ts";
import { rawServer, response } from "./servers.ts";

const runner = createHttpRunner({ clock: systemClock });

function call(url: string, more: Partial<HttpRoute> = {}, http: Partial<HttpLane> = {}) {
  const route: HttpRoute = { kind: "http", url, method: "GET", headers: [], timeoutMs: 10_000, ...more };
  return requestFor(route, { policy: policyWith({ http: lane(http) }) });
}

describe("the lane is asked first, in the documented order, and a refusal has no outputs", () => {
  const url = "http://127.0.0.1:1/p?token=s3cret";
  // Each row mends the fault of the row before, so each shows that its check comes before the next one.
  test.each<[string, Partial<HttpRoute>, Partial<HttpLane>]>([
    [
      "HTTP_DISABLED",
      { method: "DELETE", url: "http://no.test/", body: "long" },
      { enabled: false, allowlist: [], bodyBytesMax: 1 },
    ],
    ["HTTP_ALLOWLIST_EMPTY", { method: "DELETE", url: "http://no.test/", body: "long" }, { allowlist: [] }],
    [
      "HTTP_METHOD_DENIED",
      { method: "DELETE", url: "http://no.test/?s3cret", body: "long" },
      { bodyBytesMax: 1 },
    ],
    ["HTTP_URL_DENIED", { method: "POST", url: "http://no.test/?s3cret", body: "long" }, { bodyBytesMax: 1 }],
    ["HTTP_BODY_TOO_LARGE", { method: "POST", url, body: "s3cret" }, { bodyBytesMax: 1 }],
    ["HTTP_BODY_TOO_LARGE", { method: "POST", url, body: "x" }, { bodyBytesMax: 0 }],
  ])("%s", async (code, route, http) => {
    const result = await runner.run(call(url, route, http));
    expect(result).toMatchObject({ status: "failed", outputs: {}, error: { code, retryable: false } });
    expect(JSON.stringify(result)).not.toContain("s3cret");
  });

  test("a step without network permission makes no call", async () => {
    await using server = await rawServer(response("200 OK"));
    const { route, policy } = call(`http://127.0.0.1:${server.port}/`);
    const { step } = stepRequest();
    if (step === undefined) throw new Error("the builder makes a step");
    const denied = await runner.run(requestFor(route, { policy, step }));
    expect(denied.error?.code).toBe("HTTP_NETWORK_DENIED");
    expect(server.received).toEqual([]);
    const allowed = await runner.run(requestFor(route, { policy, step: { ...step, allowNetwork: true } }));
    expect(allowed.status).toBe("succeeded");
  });

  test.each([
    ["loopback", "http://inside.test/", "127.0.0.1"],
    ["metadata", "http://inside.test/latest/meta-data/", "169.254.169.254"],
    ["private", "http://inside.test/", "10.1.2.3"],
    ["mapped loopback", "http://inside.test/", "::ffff:127.0.0.1"],
  ])("a name that is allowed but leads to a %s address is refused", async (_, url, address) => {
    const { run } = createHttpRunner({ clock: systemClock, resolve: async () => [address] });
    const result = await run(call(url, {}, { allowlist: ["inside.test", "*"] }));
    expect(result.error).toMatchObject({ code: "HTTP_ADDRESS_DENIED", retryable: false });
  });

  test("naming the address beside the name opens it", async () => {
    await using server = await rawServer(response("200 OK"));
    const { run } = createHttpRunner({ clock: systemClock, resolve: async () => ["127.0.0.1"] });
    const allowlist = ["inside.test", `127.0.0.1:${server.port}`];
    const result = await run(call(`http://inside.test:${server.port}/`, {}, { allowlist }));
    expect(result.status).toBe("succeeded");
  });
});

describe("a response", () => {
  test("leaves the documented outputs, and its body is kept by content", async () => {
    await using server = await rawServer(response("201 Created", {}, "made"));
    const request = call(`http://127.0.0.1:${server.port}/things?token=s3cret#x`, {
      method: "POST",
      body: "{}",
      headers: [
        ["X-Token", "s3cret"],
        ["Host", "evil.test"],
      ],
    });
    const result = await runner.run(request);
    expect(result.status).toBe("succeeded");
    expect(result.outputs).toEqual({
      action_id: "a1",
      action_type: "service.call",
      adapter_id: "local_depth",
      route: "http",
      http_status_code: 201,
      http_latency_ms: result.durationMs,
      http_url_redacted: `http://127.0.0.1:${server.port}/things`,
      http_response_snippet: "made",
      response_sha256: sha256Hex("made"),
      response_bytes: 4,
      http_headers_ignored: ["Host"],
    });
    expect(result.output).toEqual({ sha256: sha256Hex("made"), sizeBytes: 4 });
    expect(request.artifacts.contents.get(sha256Hex("made"))).toEqual(Buffer.from("made"));
    expect(JSON.stringify(result)).not.toContain("s3cret");
    expect(server.received[0]).toContain("s3cret");
  });

  test.each([
    [200, "succeeded", undefined],
    [204, "succeeded", undefined],
    [300, "succeeded", undefined],
    [304, "succeeded", undefined],
    [400, "failed", false],
    [404, "failed", false],
    [408, "failed", true],
    [429, "failed", true],
    [500, "failed", true],
    [503, "failed", true],
  ])("%d is %s", async (status, outcome, retryable) => {
    await using server = await rawServer(
      response(`${status} X`, {}, status === 204 || status === 304 ? "" : "why"),
    );
    const result = await runner.run(call(`http://127.0.0.1:${server.port}/`));
    expect<string>(result.status).toBe(outcome);
    expect(result.outputs["http_status_code"]).toBe(status);
    expect(result.error?.retryable).toBe(retryable);
    if (retryable === undefined) return;
    expect(result.error).toMatchObject({ code: "HTTP_STATUS", message: `http_error status=${status}` });
    expect(result.outputs["http_response_snippet"]).toBe("why");
    expect(result.output).toBeUndefined();
  });

  test("that redirects where it may not go is a failure with its status, not a success", async () => {
    await using server = await rawServer(response("302 Found", { Location: "http://no.test/?s3cret" }));
    const result = await runner.run(call(`http://127.0.0.1:${server.port}/`));
    expect(result.status).toBe("failed");
    expect(result.error).toMatchObject({ code: "HTTP_REDIRECT_REFUSED", retryable: false });
    expect(result.outputs["http_status_code"]).toBe(302);
    expect(JSON.stringify(result)).not.toContain("s3cret");
  });

  test("after redirects says how many and where it came from, redacted", async () => {
    await using server = await rawServer((socket, head) =>
      socket.end(
        head.includes("/end") ? response("200 OK") : response("302 Found", { Location: "/end?s3cret" }),
      ),
    );
    const { outputs } = await runner.run(call(`http://127.0.0.1:${server.port}/`));
    expect(outputs["http_redirects"]).toBe(1);
    expect(outputs["http_final_url_redacted"]).toBe(`http://127.0.0.1:${server.port}/end`);
  });

  test("too large keeps its status and shows nothing of itself", async () => {
    await using server = await rawServer(response("200 OK", {}, "x".repeat(500)));
    const result = await runner.run(call(`http://127.0.0.1:${server.port}/`, {}, { responseBytesMax: 256 }));
    expect(result.error).toMatchObject({ code: "HTTP_RESPONSE_TOO_LARGE", retryable: false });
    expect(result.outputs["http_status_code"]).toBe(200);
    expect(result.outputs["http_response_snippet"]).toBe("");
  });

  test("is shown up to 16384 characters, whatever its bytes, and kept whole", async () => {
    const body = "😀".repeat(20_000);
    await using server = await rawServer(response("200 OK", {}, body));
    const { outputs } = await runner.run(call(`http://127.0.0.1:${server.port}/`));
    expect(outputs["http_response_snippet"]).toBe("😀".repeat(16_384));
    expect(outputs["response_bytes"]).toBe(80_000);
    await using binary = await rawServer((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
      socket.end(Buffer.from([0x61, 0xff, 0x62]));
    });
    const lossy = await runner.run(call(`http://127.0.0.1:${binary.port}/`));
    expect(lossy.outputs["http_response_snippet"]).toBe("a\ufffdb");
  });
});

describe("the request", () => {
  test.each([
    ["the action's own", [], "e".repeat(64)],
    ["the bundle's, when it sets one", [["IDEMPOTENCY-KEY", "mine"] as const], "mine"],
  ])("carries one idempotency key: %s", async (_, headers, key) => {
    await using server = await rawServer(response("200 OK"));
    await runner.run(call(`http://127.0.0.1:${server.port}/`, { method: "POST", headers }));
    expect(server.received[0]?.match(/idempotency-key: .*/gi)).toHaveLength(1);
    expect(server.received[0]?.toLowerCase()).toContain(`idempotency-key: ${key}\r\n`);
  });

  test("ends at the shorter of the route's and the attempt's time, and may be tried again", async () => {
    await using server = await rawServer(() => undefined);
    const url = `http://127.0.0.1:${server.port}/`;
    const long = call(url);
    for (const request of [call(url, { timeoutMs: 50 }), { ...long, timeoutMs: 50 }]) {
      const result = await runner.run(request);
      expect(result.error).toMatchObject({ code: "HTTP_TIMEOUT", retryable: true });
      expect(result.outputs["http_status_code"]).toBeNull();
    }
    await server.allClosed();
  });

  test("ends cancelled when the run stops, and the server's connection with it", async () => {
    const stop = new AbortController();
    await using server = await rawServer(() => stop.abort());
    const result = await runner.run({ ...call(`http://127.0.0.1:${server.port}/`), signal: stop.signal });
    expect(result).toMatchObject({ status: "cancelled", error: { code: "CANCELLED", retryable: false } });
    await server.allClosed();
  });

  test("to nobody may be tried again, and its error tells no query", async () => {
    await using gone = await rawServer("");
    await gone[Symbol.asyncDispose]();
    const result = await runner.run(call(`http://127.0.0.1:${gone.port}/?s3cret`));
    expect(result.error).toMatchObject({ code: "HTTP_UNREACHABLE", retryable: true });
    expect(JSON.stringify(result)).not.toContain("s3cret");
  });

  test("that HTTP cannot carry fails without being sent", async () => {
    const result = await runner.run(call("http://127.0.0.1:1/", { headers: [["X", "s3cret\r\nY: z"]] }));
    expect(result.error).toMatchObject({ code: "ROUTE_MALFORMED", retryable: false });
    expect(JSON.stringify(result)).not.toContain("s3cret");
  });
});
