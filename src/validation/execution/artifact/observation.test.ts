import { expect, test } from "bun:test";
import { fingerprint, sha256Hex } from "../../../json/fingerprint.ts";
import type { JsonObject } from "../../../json/value.ts";
import type { Answer, Exchange } from "../../../validators/contract.ts";
import type { Binding } from "../../bindings/model.ts";
import { errorAnswer, type Judgement } from "../judgement.ts";
import { fileNames } from "./names.ts";
import { blockedObservation, missingObservation, observationOf } from "./observation.ts";

const folder = ".akc/verification/validators/run-1";
const naming = { folder, names: fileNames(["b1"]) };

test("a query that was answered is the documented artifact, with akc's keys beside", () => {
  const observation = observationOf(
    judged("promql_query", answered({ observed: { value: 7 } }), [http("7")]),
    naming,
  );
  const { payload } = observation;
  const { fingerprint_sha256: digest, ...rest } = payload;
  expect(digest).toBe(fingerprint(rest));
  const path = `${folder}/attachments/b1.response.json`;
  expect(payload).toMatchObject({
    binding_id: "b1",
    binding_kind: "promql_query",
    query_kind: "promql_query",
    target: "b1",
    status: "ok",
    success_criterion_ids: ["sc"],
    summary: { value: 7 },
    window_start_ms: 1_000,
    window_end_ms: 1_002,
    attachments: [{ media_type: "application/json", path, sha256: sha256Hex("7") }],
    verdict: "pass",
    value: 7,
    evaluated_at_ms: 1_000,
    response_sha256: sha256Hex("7"),
    validator: { id: "promql", plugin: "akc/observability", version: "1.0.0", digest: "sha256:00" },
    exchanges: [
      {
        kind: "http",
        method: "GET",
        url: "http://prom.test/q",
        body: { sha256: sha256Hex("7"), size_bytes: 1, path },
      },
    ],
  });
  expect(JSON.parse(new TextDecoder().decode(observation.files[0]?.bytes))).toMatchObject({
    schema_id: "akc:observability_query_result:v1",
    schema_version: 1,
    fingerprint_sha256: digest,
  });
  expect(observation.files.map((file) => file.path)).toEqual([
    `${folder}/b1.observability_query_result.json`,
    path,
  ]);
});

test("the artifact's text is indented by two, sorted, and ends with a newline", () => {
  const { files } = observationOf(judged("promql_query", answered(), []), naming);
  const text = new TextDecoder().decode(files[0]?.bytes);
  const keys = [...text.matchAll(/^ {2}"(\w+)"/gm)].map(([, key]) => key);
  expect(keys.length).toBeGreaterThan(10);
  expect(keys).toEqual([...keys].sort());
  expect(text).toEndWith("\n}\n");
});

test("only what was measured is `ok`: not knowing and errors are not, and hold no judged value", () => {
  const status = (verdict: Answer["verdict"]) => {
    const answer = answered({ verdict, reason: "r", observed: { value: 7 } });
    return observationOf(judged("promql_query", answer, [http('{"data":1}')]), naming).payload;
  };
  expect(status("fail")).toMatchObject({ status: "ok", summary: { data: 1, value: 7 } });
  expect(status("inconclusive")).toMatchObject({ status: "error", summary: { data: 1 } });
  expect(status("inconclusive")["summary"]).not.toHaveProperty("value");
  expect(status("error")).toMatchObject({ status: "error", summary: { error: "r" } });
});

test("an error leaves its words beside the answer that was no good", () => {
  const answer = errorAnswer("malformed", "status 500");
  const { payload, files } = observationOf(
    judged("promql_query", answer, [http("oops", "text/html; charset=utf-8", 500)]),
    naming,
  );
  expect(files.map((file) => file.path.split("/").at(-1))).toEqual([
    "b1.observability_query_result.json",
    "b1.response.txt",
    "b1.error.txt",
  ]);
  expect(payload).toMatchObject({ summary: { error: "status 500" }, reason: "malformed" });
});

test("journeys count at least one failed assertion unless they passed", () => {
  const journey = (verdict: Answer["verdict"], observed: JsonObject = {}) =>
    observationOf(judged("maestro_flow", answered({ verdict, observed }), [], { platform: "ios" }), naming)
      .payload;
  expect(journey("pass")).toMatchObject({
    status: "passed",
    assertions_passed: 1,
    assertions_failed: 0,
    device_id: "booted",
    platform: "ios",
    journey_id: "b1",
  });
  expect(
    journey("pass", {
      assertions_passed: 12,
      assertions_failed: 0,
      device_id: "emu-1",
      counts: { tests: 12 },
    }),
  ).toMatchObject({
    assertions_passed: 12,
    device_id: "emu-1",
    summary: { counts: { tests: 12 } },
  });
  expect(journey("fail", { assertions_passed: 3, assertions_failed: 2 })).toMatchObject({
    status: "failed",
    assertions_passed: 3,
    assertions_failed: 2,
  });
  expect(journey("fail", { assertions_failed: 0 })).toMatchObject({ assertions_failed: 1 });
  for (const verdict of ["inconclusive", "error"] as const) {
    expect(journey(verdict, { assertions_passed: 9, assertions_failed: 0 })).toMatchObject({
      status: "error",
      assertions_passed: 0,
      assertions_failed: 1,
    });
  }
});

test("a capture names its file only where it was made, and what passed the door twice is one file", () => {
  const bytes = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0]);
  const png = { name: "home.png", mediaType: "image/png", bytes };
  const settings = { operation: "screenshot", device_id: "emu-1" };
  const tool: Exchange = {
    kind: "tool",
    argv: ["adb", "exec-out", "screencap"],
    startedMs: 1,
    durationMs: 1,
    answer: {
      kind: "ended",
      exitCode: 0,
      signal: null,
      truncated: false,
      stdout: content(bytes),
      stderr: content(new Uint8Array()),
    },
  };
  const observed = {
    artifact: "home.png",
    operation: "screenshot",
    platform: "android",
    metadata: { width: 1 },
  };
  const shot = answered({ observed, attachments: [png] });
  const { payload, files } = observationOf(judged("android_helper", shot, [tool], settings), naming);
  const path = `${folder}/attachments/b1.home.png`;
  expect(files.slice(1).map((file) => file.path)).toEqual([path]);
  expect(payload).toMatchObject({
    artifact_path: path,
    capture_kind: "screenshot",
    platform: "android",
    status: "ok",
    metadata: {
      binding_kind: "android_helper",
      device_id: "emu-1",
      operation: "screenshot",
      success_criterion_ids: ["sc"],
      width: 1,
    },
    exchanges: [{ stdout: { path, size_bytes: 5 }, stderr: { size_bytes: 0 } }],
  });
  const failed = observationOf(
    judged("android_helper", { ...shot, verdict: "fail", reason: "exit" }, [tool], settings),
    naming,
  );
  expect(failed.payload).toMatchObject({ artifact_path: null, status: "error", metadata: { error: "exit" } });
});

test("values of headers that may be credentials are not carried into an artifact", () => {
  const headers = { "X-Api-Key": "k-1", Accept: "application/json", "X-Scope-OrgID": "shop" };
  const { payload, files } = observationOf(judged("promql_query", answered(), [], { headers }), naming);
  expect(payload["binding"]).toMatchObject({
    headers: { Accept: "application/json", "X-Scope-OrgID": "shop", "X-Api-Key": "[redacted]" },
  });
  expect(new TextDecoder().decode(files[0]?.bytes)).not.toContain("k-1");
});

test("credentials among the settings of a plugin's kind are not carried into an artifact, and akc's own kinds keep theirs", () => {
  const settings = {
    password: "hunter2",
    queue: { name: "orders", apiToken: "abc", keys: ["ghp_0123456789abcdefghij"] },
    secret_headers: { Authorization: { secret: "QUEUE_TOKEN" } },
  };
  const { payload, files } = observationOf(judged("acme_queue", answered(), [], settings), naming);
  expect(payload["binding"]).toEqual({
    password: "[redacted]",
    queue: { name: "orders", apiToken: "[redacted]", keys: ["[redacted]"] },
    secret_headers: { Authorization: { secret: "QUEUE_TOKEN" } },
  });
  expect(new TextDecoder().decode(files[0]?.bytes)).not.toMatch(/hunter2|abc|ghp_/);
  // Expected values: without them the verdict could not be given again.
  const equals = { session: "open" };
  const own = observationOf(judged("http_json", answered(), [], { equals }), naming);
  expect(own.payload["binding"]).toEqual({ equals });
});

const notAsked = { ...naming, atMs: 5, criterionIds: new Map([["b1", ["sc"]]]) };

test("a missing binding is the documented error of the kind that the signal wants", () => {
  const of = (
    artifactKind: "observability_query_result" | "mobile_journey_result" | "device_capture_result",
  ) => missingObservation({ bindingId: "b1", artifactKind }, notAsked);
  const error = "validator binding missing";
  expect(of("observability_query_result")).toMatchObject({
    kind: "missing",
    verdict: "error",
    reason: "missing",
    status: "error",
    payload: {
      status: "error",
      summary: { error },
      query_kind: "missing",
      target: "b1",
      window_start_ms: 5,
      window_end_ms: 5,
      attachments: [],
    },
  });
  expect(of("mobile_journey_result").payload).toMatchObject({
    status: "error",
    assertions_failed: 1,
    platform: "android",
    device_id: "default",
    journey_id: "b1",
    artifacts: [],
  });
  expect(of("device_capture_result").payload).toMatchObject({
    capture_kind: "blocked",
    artifact_path: null,
    metadata: { error, success_criterion_ids: ["sc"] },
  });
});

test("a blocked binding says its own platform, the documented token, and how it can be asked", () => {
  const flow = of("maestro_flow", { platform: "ios" });
  const observation = blockedObservation(flow, "native", notAsked);
  const error = "validator execution requires adapter_id=local_depth";
  expect(observation).toMatchObject({ verdict: "error", reason: "blocked", status: "blocked" });
  expect(observation.payload).toMatchObject({
    platform: "ios",
    device_id: "booted",
    status: "error",
    summary: { error },
  });
  expect(observation.message).toContain("--execute-validators");
  const shot = blockedObservation(
    of("ios_simulator_helper", { operation: "screenshot" }),
    "native",
    notAsked,
  );
  expect(shot.payload).toMatchObject({ platform: "ios", capture_kind: "blocked", metadata: { error } });
});

function of(kind: string, settings: Binding["settings"]): Binding {
  return {
    id: "b1",
    kind,
    settings,
    timeoutMs: 5_000,
    tries: 3,
    dryRun: false,
    paths: [],
    secrets: [],
    line: 1,
  };
}

function judged(
  kind: string,
  answer: Answer,
  exchanges: readonly Exchange[],
  settings: Binding["settings"] = {},
): Judgement {
  const plugin = { id: "akc/observability", version: "1.0.0", digest: "sha256:00" };
  return {
    binding: of(kind, settings),
    validator: { id: "promql", plugin },
    criterionIds: ["sc"],
    attempts: [
      { answer, judgedBy: "validator", evaluatedAtMs: 1_000, endedAtMs: 1_002, durationMs: 2.25, exchanges },
    ],
  };
}

function answered(more: Partial<Answer> = {}): Answer {
  return { verdict: "pass", observed: {}, evidence: {}, attachments: [], ...more };
}

function http(text: string, mediaType = "application/json", status = 200): Exchange {
  const body = content(new TextEncoder().encode(text));
  const answer = { kind: "response", status, mediaType, truncated: false, body } as const;
  return { kind: "http", method: "GET", url: "http://prom.test/q", startedMs: 1, durationMs: 1.5, answer };
}

function content(bytes: Uint8Array) {
  return { sha256: sha256Hex(bytes), sizeBytes: bytes.length, bytes };
}
