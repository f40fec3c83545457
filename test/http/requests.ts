/** Action requests for the adapters that speak HTTP, with a lane open to the loopback servers of a test. */
import type { ActionRequest, ArtifactStore, Handoff, RuntimeAction } from "../../src/adapters/contract.ts";
import type { Route } from "../../src/bundle/model.ts";
import type { StepPlan } from "../../src/coordination/model.ts";
import { sha256Hex } from "../../src/json/fingerprint.ts";
import type { JsonObject } from "../../src/json/value.ts";
import { bundleOf } from "../../src/policy/bundle.fixture.ts";
import { derivePolicy } from "../../src/policy/derive.ts";
import type { HttpLane, RunPolicy } from "../../src/policy/model.ts";

export function lane(more: Partial<HttpLane> = {}): HttpLane {
  return {
    enabled: true,
    allowlist: ["127.0.0.1"],
    narrowedBy: [],
    methods: ["GET", "POST", "PUT"],
    bodyBytesMax: 4_096,
    responseBytesMax: 262_144,
    ...more,
  };
}

export function policyWith(more: Partial<RunPolicy>): RunPolicy {
  return { ...derivePolicy(bundleOf(), "enforce"), ...more };
}

/** Keeps contents in memory; `contents` is what was put, by hash. */
export function memoryArtifacts(): ArtifactStore & { readonly contents: ReadonlyMap<string, Uint8Array> } {
  const contents = new Map<string, Uint8Array>();
  const put = async (bytes: Uint8Array) => {
    const sha256 = sha256Hex(bytes);
    contents.set(sha256, bytes);
    return { sha256, sizeBytes: bytes.byteLength };
  };
  const read = async (sha256: string) => contents.get(sha256) ?? new Uint8Array();
  return {
    contents,
    put,
    begin: () => {
      const chunks: Uint8Array[] = [];
      return {
        write: (chunk) => void chunks.push(chunk),
        finish: () => put(Buffer.concat(chunks)),
        discard: () => chunks.splice(0),
      };
    },
    read,
    sizeOf: async (sha256) => (await read(sha256)).byteLength,
  };
}

export function handoff(stepId: string, content: string | Uint8Array): Handoff {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return { stepId, sha256: sha256Hex(bytes), sizeBytes: bytes.byteLength, read: async () => bytes };
}

export function requestFor<R extends Route>(
  route: R,
  more: Partial<ActionRequest> = {},
): ActionRequest & { readonly route: R; readonly artifacts: ReturnType<typeof memoryArtifacts> } {
  return {
    context: {
      scope: { tenantId: "acme", repoId: "shop" },
      runId: "run-1",
      runtimeRunId: "rt-1",
      mode: "enforce",
      adapterId: "local_depth",
    },
    action: action(),
    attempt: 1,
    node: {
      nodeId: "n1",
      kind: "workflow",
      name: "n1",
      properties: {},
      dependsOn: [],
      contractId: "unknown",
      initialState: "ready",
      terminalStates: ["completed"],
    },
    handoffs: [],
    timeoutMs: 10_000,
    policy: policyWith({ http: lane() }),
    workdir: "/nonexistent",
    signal: new AbortController().signal,
    ...more,
    route,
    artifacts: memoryArtifacts(),
  };
}

export function action(more: Partial<RuntimeAction> = {}): RuntimeAction {
  return {
    actionId: "a1",
    actionType: "service.call",
    nodeId: "n1",
    nodeKind: "workflow",
    contractId: "unknown",
    inputsFingerprint: "f".repeat(64),
    idempotencyKey: "e".repeat(64),
    ...more,
  };
}

/** The action and plan of the step `review`, with whatever its policy context holds beside. */
export function stepRequest(
  more: Partial<ActionRequest> & {
    readonly policyContext?: JsonObject;
    readonly stepPlan?: Partial<StepPlan>;
  } = {},
) {
  const { policyContext = {}, stepPlan = {}, ...rest } = more;
  const context: JsonObject = {
    run_stage: "coordination.step",
    coordination_step_id: "review",
    coordination_role_id: "reviewer",
    coordination_spec_sha256: "c".repeat(64),
    ...policyContext,
  };
  return requestFor(
    { kind: "delegate_adapter" },
    {
      action: action({
        actionId: "coordination:review:3",
        actionType: "coordination.step",
        policyContext: context,
      }),
      step: {
        stepId: "review",
        layer: 3,
        roleId: "reviewer",
        nodeId: "n1",
        predecessors: [],
        handoffFrom: [],
        allowNetwork: false,
        allowedTools: ["llm.complete"],
        policyContext: context,
        ...stepPlan,
      },
      ...rest,
    },
  );
}
