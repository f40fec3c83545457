/**
 * The worked coordination bundle runs with the keys, fingerprints, order and audit that the specification gives; and the
 * sequential one runs to its end, which the runtime that was described did not.
 *
 * Source: spec kernel §12, §17; kernel:W-1.
 */
import { describe, expect, test } from "bun:test";
import { fingerprint, sha256Hex } from "../../src/json/fingerprint.ts";
import { fromPlain } from "../../src/json/plain.ts";
import { at, coordinated, type Left, placed, type Row, started, types } from "./started.ts";

const bundleSha256 = "a138aa85d1ccbcb34676189771ce27c5dc0b62fbfb89074a85dd5e34fcdac459";
const orchestrationSha256 = "fd4af3ee7ff729d82afcd3b8a0575a094203df7f6a050a0fdb00d7a589a8aec7";
const envelopeSha256 = "d73bb382c4d0f51479d7939ca61a55c11761d7de740c4609346afec305bb01fe";
const specSha256 = "c511d8193e2489b14b2461fb70b9fc8e7dbadbddc0f52ad1386b5c3d73866199";
const loweredSha256 = "20b1539577a0040e72d82b87a75b70e80cfbd4ea47102ebb9f5d3f47bd256f4f";

interface Vector {
  readonly step: string;
  readonly layer: number;
  readonly role: string;
  readonly key: string;
  readonly inputs: string;
  readonly output: string;
}

/** The table of §17, as it stands there. */
const vectors: readonly Vector[] = `
intake 0 planner 842e311b9143e70fb8c83cf9a573cc38f1b8dc97e1f3e0c7e9921f8ce080b282 a1f00426e8563aab1873257aa147496b7bc197f125cb58d24d835201e6db3b42 3efc8a3f4b0a580581451dffcb1775ba1c786299e3a653b60e35caf42f13ddf8
draft 1 planner c622238ed8ace216a0bdaa12e632ff82f79ed63fde058c0e8e934362f463f57c d7e69504839533e7539662c9b74f184fcd707fd4b9a17a143d0237b29f6aa332 ca2c443497fdee6cdd4d9333ba051d077188992aa67d3f3660b666d4ec7c0c66
api 2 builder c39504ee97675109efcf1a7019c546df091b8df01116aeaca9bd2c72b1a4b3e3 1fa4e7dc1b91341e9f10473010ab01dedf5e04f4a372148450a0d8a78dac966d 14182e7bbc7a61ac98b7f6a906eabe888267856ea42c3657137f54e6ddba150c
ui 2 builder eccbefd1fd3a89a86171f8403b95c5d969d275f02f1c214a02cb5d0f13d583cf aa78e1941ab885c01b9dfd675166764874f80a88faa82e7ee67f270266d3a100 0a75e8ccadad8c1aa9df20131634d115861c8f2c99c9f68a1fab06df38e799b0
review 3 reviewer fddcc9a08ffb814592545fb1a0cc8a118aa49d54abed2808593a9fbaf4c277cc 64b2ebf7439edc7f4c241d7639ebcb0d846d77b01812565951338a1e0892de92 972a2ee90e161053b0be7fe7272580c8e2b7f76fd257c88b2a40465774ffb088
ship 4 reviewer 036450d37f53e62b85d928baebac806919150916db8cdfa4e15f449103f8aba4 2d27211438b703ec557a412d14a4f387420529659c5f78adaaba02055e277cf8 bd20a27540a13c53a82d54bbc054e33890663cd7eb58bddb3cfdd0b405e52436
`
  .trim()
  .split("\n")
  .map((line) => {
    const [step = "", layer, role = "", key = "", inputs = "", output = ""] = line.split(" ");
    return { step, layer: Number(layer), role, key, inputs, output };
  });

const bySteps = [...vectors].sort((left, right) => (left.step < right.step ? -1 : 1));

/** The canonical text that the inputs of `intake` are the fingerprint of. */
const intakeInputs =
  '{"coordination_role_id":"planner","coordination_spec_sha256":"c511d8193e2489b14b2461fb70b9fc8e7dbadbddc0f52ad1386b5c3d73866199","coordination_step_id":"intake","layer":0,"policy_context":{"coordination_allowed_tools":["llm.complete"],"coordination_delegate_edges":[],"coordination_execution_allow_network_effective":false,"coordination_filesystem_scope":{"read_only_roots":["."],"scratch_subdir":"scratch"},"coordination_handoff_edges":[],"coordination_handoff_predecessor_output_sha256s":[],"coordination_lowered_precedence_hash":"20b1539577a0040e72d82b87a75b70e80cfbd4ea47102ebb9f5d3f47bd256f4f","coordination_parallel_edges":[],"coordination_role_id":"planner","coordination_spec_sha256":"c511d8193e2489b14b2461fb70b9fc8e7dbadbddc0f52ad1386b5c3d73866199","coordination_step_id":"intake","external_identity_metadata":{"integration":"stub","opa_policy_bundle_digest_sha256":null,"opa_policy_bundle_version":null,"spiffe_id":null},"run_stage":"coordination.step"}}';

const dispatches = ["parallel", "sequential"] as const;

describe.each(dispatches)("the %s bundle", (dispatch) => {
  test("runs all six steps with the documented keys, fingerprints and outputs", async () => {
    const left = await run(dispatch);
    expect(left.report).toMatchObject({
      outcome: "succeeded",
      status: "terminal",
      exitCode: 0,
      adapterId: "native",
      counts: { total: 6, succeeded: 6 },
    });
    const seen = completions(left).map((event) => {
      const action = at(event, "payload", "action");
      const layer = String(at(action, "action_id")).split(":").at(-1);
      return {
        step: at(event, "payload", "graph_step_id"),
        layer: Number(layer),
        role: at(event, "payload", "role_id"),
        key: at(action, "idempotency_key"),
        inputs: at(action, "inputs_fingerprint"),
        output: at(event, "payload", "result", "outputs", "agent_worker_output_sha256"),
      };
    });
    expect(seen.sort((left, right) => (String(left.step) < String(right.step) ? -1 : 1))).toEqual([
      ...bySteps,
    ]);
  });

  test("leaves a checkpoint of a plan that is through", async () => {
    const { checkpoint, queue, record } = await run(dispatch);
    expect(at(checkpoint, "node_states", "__coordination__")).toEqual({
      plan_enqueued: true,
      layer_count: 5,
      spec_fingerprint_sha256: specSha256,
      coordination_next_layer_to_enqueue: 5,
      coordination_step_outputs: Object.fromEntries(vectors.map(({ step, output }) => [step, output])),
      coordination_step_terminal: Object.fromEntries(vectors.map(({ step }) => [step, "succeeded"])),
    });
    expect(checkpoint).toMatchObject({
      checkpoint_id: "coordination:ship:4",
      replay_token: vectors.at(-1)?.key ?? "",
      pending_queue: [],
    });
    expect(queue).toEqual({ queued: [], in_flight: [], dead_letters: [] });
    expect(record).toMatchObject({
      status: "terminal",
      terminal_health_status: "healthy",
      coordination_execution_policy: {
        parallel_dispatch_enabled: dispatch === "parallel",
        completion_fold_order: "coordination_step_id",
      },
    });
  });

  test("leaves an audit line a step, with every documented key, each bound to the one before", async () => {
    const { audit, events, report } = await run(dispatch);
    expect(report.bundleSha256 === bundleSha256).toBe(dispatch === "parallel");
    const completed = completions({ events });
    expect(audit.length).toBe(6);
    for (const [index, line] of audit.entries()) {
      const event = completed[index];
      const vector = vectors.find(({ step }) => step === line["graph_step_id"]);
      expect(line).toMatchObject({
        record_version: 1,
        timestamp_ms: at(event, "timestamp"),
        event_id: at(event, "event_id"),
        event_type: "runtime.action.completed",
        compile_run_id: "run-alpha",
        runtime_run_id: "rt-1",
        tenant_id: "acme",
        repo_id: "shop",
        coordination_spec_sha256: specSha256,
        role_id: vector?.role ?? "",
        action_id: `coordination:${vector?.step}:${vector?.layer}`,
        idempotency_key: vector?.key ?? "",
        policy_envelope_sha256: envelopeSha256,
        input_sha256: vector?.inputs ?? "",
        bundle_manifest_hash: report.bundleSha256,
        orchestration_spec_sha256: orchestrationSha256,
        coordination_spec_version: 2,
        sequence: index,
        lowered_precedence_hash: loweredSha256,
        worker_output_sha256: vector?.output ?? "",
      });
      // Of the whole result, as of old.
      expect(line["output_sha256"]).toBe(fingerprint(fromPlain(at(event, "payload", "result"))));
      const parent = events.find((candidate) => candidate["event_id"] === line["parent_event_id"]);
      expect(parent).toMatchObject({
        event_type: "runtime.action.policy_allowed",
        payload: { action_id: line["action_id"] },
      });
      expect(line["otel_trace"]).toEqual({
        trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
        span_id: sha256Hex(String(line["event_id"])).slice(0, 16),
        parent_span_id: sha256Hex(String(line["parent_event_id"])).slice(0, 16),
      });
    }
    const kinds = Object.fromEntries(audit.map((line) => [line["graph_step_id"], line]));
    expect(at(kinds, "intake", "coordination_edge_kind")).toBeUndefined();
    expect(kinds["draft"]).toMatchObject({ coordination_edge_kind: "handoff", handoff_id: "brief" });
    expect(kinds["review"]).toMatchObject({
      coordination_edge_kind: "barrier,handoff",
      handoff_id: "api-diff",
    });
    expect(kinds["ship"]).toMatchObject({
      coordination_edge_kind: "delegate,depends_on",
      delegate_kind: "http",
    });
  });

  test("tells review and ship what their edges say", async () => {
    const left = await run(dispatch);
    const contexts = Object.fromEntries(
      completions(left).map((event) => [
        at(event, "payload", "graph_step_id"),
        at(event, "payload", "action", "policy_context"),
      ]),
    );
    const stepInputs = {
      coordination_step_id: "intake",
      layer: 0,
      coordination_spec_sha256: specSha256,
      coordination_role_id: "planner",
      policy_context: contexts["intake"],
    };
    expect(JSON.parse(intakeInputs)).toEqual(stepInputs);
    expect(sha256Hex(intakeInputs)).toBe(vectors[0]?.inputs ?? "");
    expect(contexts["review"]).toMatchObject({
      coordination_edge_kind: "barrier,handoff",
      coordination_handoff_id: "api-diff",
      coordination_handoff_edges: [{ edge_id: "h_api", from_step_id: "api", handoff_id: "api-diff" }],
      coordination_handoff_predecessor_output_sha256s: [
        {
          predecessor_step_id: "api",
          agent_worker_output_sha256: vectors.find(({ step }) => step === "api")?.output ?? "",
        },
      ],
      coordination_execution_allow_network_effective: true,
    });
    expect(contexts["ship"]).toMatchObject({
      coordination_edge_kind: "delegate,depends_on",
      coordination_delegate_kind: "http",
      coordination_delegate_edges: [
        { edge_id: "g1", from_step_id: "review", delegate_target: "https://agents.example.test/ship" },
      ],
    });
  });
});

test("the parallel bundle's events come in the documented order", async () => {
  const { events } = await run("parallel");
  expect(story(events)).toEqual([
    "plan_enqueued",
    "started",
    "policy_allowed intake",
    "completed intake",
    "policy_allowed draft",
    "completed draft",
    "policy_allowed api",
    "policy_allowed ui",
    "completed api",
    "completed ui",
    "policy_allowed review",
    "completed review",
    "policy_allowed ship",
    "completed ship",
    "loop_finished",
  ]);
  expect(at(events.at(-1), "payload")).toMatchObject({ terminal_status: "terminal", runtime_run_id: "rt-1" });
  expect(at(events[0], "payload")).toMatchObject({
    layer_count: 5,
    step_order: vectors.map(({ step }) => step),
    coordination_spec_sha256: specSha256,
    policy_envelope_sha256: envelopeSha256,
    orchestration_spec_sha256: orchestrationSha256,
    coordination_spec_version: 2,
    lowered_precedence_hash: loweredSha256,
  });
});

test("the sequential bundle has one step under way at a time, and reaches its last layer", async () => {
  const { events } = await run("sequential");
  const steps = story(events).slice(2, -1);
  expect(steps).toEqual(vectors.flatMap(({ step }) => [`policy_allowed ${step}`, `completed ${step}`]));
});

/** Each bundle is run once; nothing here changes what it left. */
const runs = new Map<string, Promise<Left>>();

function run(dispatch: (typeof dispatches)[number]): Promise<Left> {
  const known = runs.get(dispatch);
  if (known !== undefined) return known;
  const making = (async () => {
    const layout = await coordinated(dispatch);
    using place = await placed(layout);
    return await started(layout, place);
  })();
  runs.set(dispatch, making);
  return making;
}

function completions({ events }: Pick<Left, "events">): readonly Row[] {
  return events.filter((event) => event["event_type"] === "runtime.action.completed");
}

/** `completed ui` for the event that ended step `ui`. */
function story(events: readonly Row[]): string[] {
  return types(events).map((type, index) => {
    const payload = at(events[index], "payload");
    const actionId = at(payload, "action_id") ?? at(payload, "action", "action_id");
    const step = actionId === undefined ? "" : ` ${String(actionId).split(":")[1]}`;
    return `${type.split(".").at(-1)}${step}`;
  });
}
