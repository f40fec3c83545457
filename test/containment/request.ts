/**
 * Builders for the tests of this folder: a runner over a fresh folder, requests that read like the domain, and an
 * artifact store in memory. They check nothing themselves.
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ActionResult, ArtifactRef, ArtifactStore } from "../../src/adapters/contract.ts";
import {
  createSubprocessRunner,
  type SubprocessDeps,
  type SubprocessRequest,
} from "../../src/adapters/local-depth/subprocess.ts";
import type { StepPlan } from "../../src/coordination/model.ts";
import { limits } from "../../src/limits.ts";
import type { RunPolicy, SubprocessLane } from "../../src/policy/model.ts";
import { systemClock } from "../../src/system/clock.ts";

export interface World {
  /** Fresh folders: the working directory of actions, a repository, and a place that is neither. */
  readonly root: string;
  readonly workdir: string;
  readonly repo: string;
  readonly outside: string;
  readonly artifacts: MemoryArtifacts;
  run(argv: readonly string[], options?: RunOptions): Promise<ActionResult>;
  sh(script: string, options?: RunOptions): Promise<ActionResult>;
  close(): Promise<void>;
}

export interface RunOptions {
  readonly lane?: Partial<SubprocessLane>;
  readonly network?: boolean;
  readonly timeoutMs?: number;
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly step?: Partial<StepPlan>;
  readonly handoffs?: SubprocessRequest["handoffs"];
  readonly workdir?: string;
  readonly actionId?: string;
  readonly artifacts?: ArtifactStore;
  /** In place of one made of `lane` and `network`. */
  readonly policy?: RunPolicy;
}

export interface MemoryArtifacts extends ArtifactStore {
  readonly contents: Map<string, Uint8Array>;
  writes: number;
}

export function memoryArtifacts(): MemoryArtifacts {
  const contents = new Map<string, Uint8Array>();
  const keep = (bytes: Uint8Array): ArtifactRef => {
    const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    contents.set(sha256, bytes);
    store.writes += 1;
    return { sha256, sizeBytes: bytes.length };
  };
  const store: MemoryArtifacts = {
    contents,
    writes: 0,
    put: async (bytes) => keep(Uint8Array.from(bytes)),
    begin() {
      const parts: Uint8Array[] = [];
      return {
        write: (chunk) => void parts.push(Uint8Array.from(chunk)),
        finish: async () => keep(Buffer.concat(parts)),
        discard: () => void parts.splice(0),
      };
    },
    read: async (sha256) => contents.get(sha256) ?? new Uint8Array(),
    sizeOf: async (sha256) => contents.get(sha256)?.length ?? 0,
  };
  return store;
}

export const openLane: SubprocessLane = {
  enabled: true,
  allowlist: ["sh", "true", "perl", "python3", "/bin/sh"],
  containment: "limits",
  readOnlyRoots: [],
  outputBytesMax: limits.subprocessOutputBytesDefault,
  processesMax: limits.rlimitProcesses,
  openFilesMax: limits.rlimitOpenFiles,
  fileBytesMax: limits.rlimitFileBytes,
};

let worlds = 0;

export function world(deps: Partial<SubprocessDeps> = {}): World {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "akc-containment-")));
  const [workdir, repo, outside] = ["work", "repo", "outside"].map((name) => join(root, name));
  if (workdir === undefined || repo === undefined || outside === undefined) throw new Error("no folders");
  for (const folder of [workdir, repo, outside]) mkdirSync(folder);
  const runner = createSubprocessRunner({ clock: systemClock, repoRoot: repo, workdirRoot: root, ...deps });
  const artifacts = memoryArtifacts();
  worlds += 1;
  const runtimeRunId = `run-${process.pid}-${worlds}`;
  let actions = 0;
  const run = (argv: readonly string[], options: RunOptions = {}): Promise<ActionResult> => {
    actions += 1;
    const subprocess = { ...openLane, ...options.lane };
    return runner.run({
      context: {
        scope: { tenantId: "acme", repoId: "shop" },
        runId: "compile-1",
        runtimeRunId,
        mode: "enforce",
        adapterId: "local_depth",
      },
      action: {
        actionId: options.actionId ?? `action-${actions}`,
        actionType: "workflow.execute",
        nodeId: "node",
        nodeKind: "workflow",
        contractId: "contract",
        inputsFingerprint: "0".repeat(64),
        idempotencyKey: `key-${actions}`,
      },
      attempt: 1,
      route: {
        kind: "subprocess",
        argv,
        timeoutMs: options.timeoutMs ?? 20_000,
        ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
        ...(options.env === undefined ? {} : { env: options.env }),
      },
      node: {
        nodeId: "node",
        kind: "workflow",
        name: "node",
        properties: {},
        dependsOn: [],
        contractId: "unknown",
        initialState: "initial",
        terminalStates: [],
      },
      ...(options.step === undefined ? {} : { step: { ...bareStep, ...options.step } }),
      handoffs: options.handoffs ?? [],
      timeoutMs: 60_000,
      policy: options.policy ?? { ...openPolicy, subprocess, allowNetwork: options.network ?? false },
      workdir: options.workdir ?? workdir,
      artifacts: options.artifacts ?? artifacts,
      signal: options.signal ?? new AbortController().signal,
    });
  };
  return {
    root,
    workdir,
    repo,
    outside,
    artifacts,
    run,
    sh: (script, options) => run(["sh", "-c", script], options),
    async close() {
      await runner.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

export const bareStep: StepPlan = {
  stepId: "step",
  layer: 0,
  roleId: "builder",
  nodeId: "node",
  predecessors: [],
  handoffFrom: [],
  allowNetwork: false,
  allowedTools: [],
  policyContext: {},
};

export const openPolicy: RunPolicy = {
  mode: "enforce",
  allow: new Set(["runtime.action.execute.subprocess"]),
  deny: new Set(),
  deniedBy: new Map(),
  denyActionTypes: new Set(),
  unresolvedPolicyIds: [],
  subprocess: openLane,
  http: {
    enabled: false,
    allowlist: [],
    narrowedBy: [],
    methods: [],
    bodyBytesMax: 0,
    responseBytesMax: 0,
  },
  allowNetwork: false,
  requireEffects: false,
  actionDeadlineMsMax: 60_000,
  actionsInFlightMax: 4,
  evidenceExpectations: [],
  effectiveEnvelope: {},
  envelopeSha256: "0".repeat(64),
};

/** What a script printed. */
export function printed(result: ActionResult): string {
  const text = result.outputs["stdout"];
  return typeof text === "string" ? text.trim() : "";
}

/** Resolves once `fact` holds; for facts of the kernel that follow a moment later. */
export async function eventually(fact: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await fact())) await Bun.sleep(5);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
