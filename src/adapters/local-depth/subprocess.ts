/**
 * The subprocess route: one attempt is one child, contained by the kernel, bounded in time, output and resources.
 * It never uses a shell, never retries, and starts nothing that the policy or this host cannot hold.
 *
 * Source: spec bundle §14.5, spec kernel §10.2, §12.9; bundle:W-26, kernel:W-16.
 */
import type { StepFiles, SubprocessRoute } from "../../bundle/model.ts";
import { AkcError } from "../../errors.ts";
import type { JsonObject } from "../../json/value.ts";
import type { ContainmentLevel } from "../../policy/model.ts";
import type { Clock } from "../../system/clock.ts";
import { killStrays, newSpawnId } from "../../system/process-tree.ts";
import { strongestContainment, weaker } from "../../system/sandbox.ts";
import { createSpawnPool } from "../../system/spawn.ts";
import type { OutputStream, SpawnOrder } from "../../system/spawn-protocol.ts";
import type { ActionRequest, ActionResult, ArtifactRef, ArtifactStore } from "../contract.ts";
import { admit } from "./admission.ts";
import { CapturedStream } from "./captured-output.ts";
import { type ChildPlace, createChildPlaces, runKeyOf } from "./child-place.ts";
import { createHandoffFiles } from "./handoff-files.ts";
import { spawnOrder } from "./spawn-order.ts";
import { createInputPlacing, filesJson, keepOutputs } from "./step-files.ts";
import { notStarted, resultOf, subprocessFailure } from "./subprocess-result.ts";

export type SubprocessRequest = ActionRequest & { readonly route: SubprocessRoute };

export interface SubprocessDeps {
  readonly clock: Clock;
  /** What relative read-only roots are relative to, and must stay in. */
  readonly repoRoot: string;
  /** Every working directory really lies below it, links resolved. */
  readonly workdirRoot: string;
  /** Absolute paths that no child may reach, whatever else is opened: the state database, evidence. */
  readonly closedPaths?: readonly string[];
  /** Never stronger than this: for measuring and for tests. A required level above it is refused. */
  readonly containmentAtMost?: ContainmentLevel;
}

export interface SubprocessRunner {
  run(request: SubprocessRequest): Promise<ActionResult>;
  /** Ends every child that still runs, then the threads. */
  close(): Promise<void>;
}

export function createSubprocessRunner(deps: SubprocessDeps): SubprocessRunner {
  const pool = createSpawnPool();
  const handoffs = createHandoffFiles(deps.workdirRoot);
  const level = weaker(strongestContainment(), deps.containmentAtMost ?? "landlock");
  const placeInputs = createInputPlacing();
  const places = createChildPlaces({ ...deps, level, handoffs });

  async function run(request: SubprocessRequest): Promise<ActionResult> {
    const startedAt = deps.clock.monotonicMs();
    try {
      const admission = admit(request.route, request.policy.subprocess, level);
      if (admission.kind === "refused") return subprocessFailure(admission, 0);
      const place = places.find(request) ?? (await places.make(request));
      const runKey = runKeyOf(deps.workdirRoot, request.context);
      const sweeping = killStrays(runKey);
      if (sweeping !== undefined) await sweeping;
      const { files } = request.route;
      const inputs = files === undefined ? {} : await placeInputs(request, files);
      const spawnId = newSpawnId(runKey);
      const folder =
        request.handoffs.length === 0
          ? undefined
          : await handoffs.place(request.workdir, spawnId, request.handoffs);
      try {
        const order = spawnOrder(request, admission.executable, { ...place, spawnId, handoffFolder: folder });
        const result = await follow(request, place, order);
        return files === undefined ? result : await withFiles(request, files, result, inputs);
      } finally {
        if (folder !== undefined) handoffs.remove(folder);
      }
    } catch (cause) {
      if (cause instanceof AkcError) return subprocessFailure(cause, deps.clock.monotonicMs() - startedAt);
      throw cause;
    }
  }

  /** The result with what it says of files; the same process without one of its outputs has failed. */
  async function withFiles(
    request: SubprocessRequest,
    files: StepFiles,
    result: ActionResult,
    inputs: JsonObject,
  ): Promise<ActionResult> {
    const outputs = {
      ...result.outputs,
      ...(files.inputs.length === 0 ? {} : { inputs }),
    };
    if (result.status !== "succeeded") return { ...result, outputs };
    try {
      const kept = await keepOutputs(request, files);
      if (kept.length === 0) return { ...result, outputs };
      return { ...result, outputs: { ...outputs, files: filesJson(kept) }, files: kept };
    } catch (cause) {
      if (!(cause instanceof AkcError)) throw cause;
      return { ...subprocessFailure(cause, result.durationMs), outputs };
    }
  }

  /** From the start to the end of one child. */
  async function follow(
    request: SubprocessRequest,
    place: ChildPlace,
    order: SpawnOrder,
  ): Promise<ActionResult> {
    const { artifacts, signal } = request;
    if (signal.aborted) return subprocessFailure(new AkcError("CANCELLED"), 0);
    const stdout = new CapturedStream(artifacts);
    const stderr = new CapturedStream(artifacts);
    const take = (stream: OutputStream, bytes: Uint8Array) =>
      (stream === "stdout" ? stdout : stderr).write(bytes);
    const { ended, stop } = pool.start(place.profile, order, take);
    signal.addEventListener("abort", stop, { once: true });
    try {
      const end = await ended;
      if (end.kind === "not-started") return notStarted(end.errno);
      if (end.stdout !== null) stdout.write(end.stdout);
      if (end.stderr !== null) stderr.write(end.stderr);
      const out = { snippet: stdout.snippet(), ref: await stdout.finish() };
      const err = { snippet: stderr.snippet(), ref: await stderr.finish() };
      const output = out.ref ?? (await nothing(artifacts));
      return resultOf(request, place, end, { stdout: out, stderr: err }, order.timeoutMs, output);
    } finally {
      signal.removeEventListener("abort", stop);
      stdout.discard();
      stderr.discard();
    }
  }

  return {
    run,
    async close() {
      await pool.close();
      handoffs.close();
    },
  };
}

/** Empty contents, one a store: a successor may read the output of a step that printed nothing. */
const empties = new WeakMap<ArtifactStore, Promise<ArtifactRef>>();

function nothing(artifacts: ArtifactStore): Promise<ArtifactRef> {
  const known = empties.get(artifacts);
  if (known !== undefined) return known;
  const made = artifacts.put(new Uint8Array());
  empties.set(artifacts, made);
  // A store that failed once is asked again.
  made.catch(() => empties.delete(artifacts));
  return made;
}
