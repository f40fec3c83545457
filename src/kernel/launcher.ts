/**
 * Starts what the kernel has recorded as allowed, and hands back what came of it. Knows how long an attempt may take;
 * decides nothing else and records nothing.
 */
import type { ActionRequest, ActionResult, Adapter, RunContext } from "../adapters/contract.ts";
import type { HttpRoute, Route, SubprocessRoute } from "../bundle/model.ts";
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { RunPolicy } from "../policy/model.ts";
import type { RunWriter } from "../store/contract.ts";
import type { Clock } from "../system/clock.ts";
import { failpoint } from "../system/failpoint.ts";
import { handoffsOf, type StepOutputs } from "./action.ts";
import { type Actor, attempt } from "./attempt.ts";
import { fillPlaceholders } from "./handed-values.ts";
import type { Item } from "./model.ts";
import type { Recorder } from "./recorder.ts";
import { redactResult } from "./redact-result.ts";
import { adapterWait } from "./waits.ts";

export interface LauncherDeps {
  readonly clock: Clock;
  readonly writer: RunWriter;
  readonly adapter: Adapter;
  readonly policy: RunPolicy;
  readonly context: RunContext;
  readonly recorder: Recorder;
  readonly outputs: StepOutputs;
  /** Aborts every attempt. */
  readonly cancelled: AbortSignal;
  /** Monotonic milliseconds at which the run is out of time. */
  readonly deadlineAt: number;
  /** Values that no report of an attempt may show. */
  readonly secrets?: readonly string[];
  workdirOf(item: Item, route: Route): Promise<string> | string;
  arrive(item: Item, result: ActionResult): void;
}

export class Launcher {
  /** Attempts that have not come back yet. */
  underWay = 0;
  /** Items whose last attempt died with akc: the adapter is asked first what became of it. */
  lostSightOf: ReadonlySet<number> = new Set();
  readonly #asked = new Set<number>();
  readonly #deps: LauncherDeps;
  #broken: AkcError | undefined;

  constructor(deps: LauncherDeps) {
    this.#deps = deps;
  }

  /**
   * A result that could not be kept is none: the attempt stays under way on record, and is offered again when somebody goes
   * on with the run. @throws AkcError DISK_FULL, STORE_…
   */
  throwIfBroken(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }

  launch(item: Item): void {
    const about = this.#deps.recorder.underWay.get(item.index);
    if (about === undefined) return;
    failpoint("effect.before_start");
    const { policy, clock, workdirOf, secrets = [] } = this.#deps;
    const { route } = about;
    const instant = route.kind === "noop" || policy.mode === "simulate";
    const bounds = { instant, clock };
    this.underWay += 1;
    const begin = (made: string, asked: Asked = about) =>
      attempt(this.#actor(item, asked.route), this.#request(item, asked, made), bounds);
    const beginIn = (made: Promise<string> | string) =>
      typeof made === "string" ? begin(made) : made.then((folder) => begin(folder));
    const isGiven = !instant && givenBySteps(route);
    // Whoever is refused what he is given needs no folder, and nobody would hear that it could not be made.
    const result = isGiven
      ? this.#begunWithValues(about, async (asked) => begin(await workdirOf(item, route), asked))
      : beginIn(workdirOf(item, route));
    result.then(
      (ended) => this.#back(item, instant ? ended : redactResult(ended, secrets)),
      (cause) => this.#back(item, brokenBeforeStart(cause)),
    );
  }

  /** Of a step that is given files or values: with those filled in that are texts; the files are the adapter's. */
  async #begunWithValues(
    about: Asked,
    begin: (asked: Asked) => Promise<ActionResult>,
  ): Promise<ActionResult> {
    const { adapter, outputs, writer, secrets = [] } = this.#deps;
    const { route, action } = about;
    if (adapter.movesFiles !== true)
      throw new AkcError("STEP_HANDOVER_UNSUPPORTED", { details: { adapter: adapter.id } });
    if (!adapter.respectsRouting || !hasPlaceholders(route)) return begin(about);
    const { artifacts } = writer;
    const filled = await fillPlaceholders(route, { outputs, artifacts, secrets });
    const result = await begin({ action, route: filled.route });
    return { ...result, outputs: { ...result.outputs, placeholders: filled.values } };
  }

  /** What carries the attempt out. */
  #actor(item: Item, route: Route): Actor {
    const { adapter, context, policy } = this.#deps;
    const { id } = adapter;
    if (route.kind === "wait" && policy.mode !== "simulate")
      return { id, execute: () => adapterWait(adapter, context, route) };
    if (!this.lostSightOf.has(item.index) || this.#asked.has(item.index)) return adapter;
    this.#asked.add(item.index);
    return { id, execute: (request) => recoverOrExecute(adapter, request) };
  }

  #back(item: Item, result: ActionResult): void {
    this.underWay -= 1;
    failpoint("effect.ended");
    const fault = faultOfOurs(item, result);
    if (fault === undefined) this.#deps.arrive(item, result);
    else this.#broken ??= fault;
  }

  #request(item: Item, about: Asked, workdir: string): ActionRequest {
    const { context, policy, writer, outputs, cancelled } = this.#deps;
    return {
      context,
      action: about.action,
      attempt: item.attempt,
      route: about.route,
      node: item.node,
      ...(item.step === undefined ? {} : { step: item.step }),
      handoffs: handoffsOf(item, outputs, writer.artifacts),
      timeoutMs: this.#timeoutMs(item, about.route),
      policy,
      workdir,
      artifacts: writer.artifacts,
      signal: cancelled,
    };
  }

  /** The least of the route's own, the contract's, the operator's and the run's time. */
  #timeoutMs(item: Item, route: Route): number {
    const { clock, policy, deadlineAt } = this.#deps;
    const own =
      route.kind === "subprocess" || route.kind === "http" ? route.timeoutMs : limits.routeTimeoutMsMax;
    const budgetMs = (item.node.contract?.budget?.maxSeconds ?? Number.POSITIVE_INFINITY) * 1_000;
    return Math.max(1, Math.min(own, budgetMs, policy.actionDeadlineMsMax, deadlineAt - clock.monotonicMs()));
  }
}

type Asked = Pick<ActionRequest, "action" | "route">;

function givenBySteps(route: Route): boolean {
  const hasFiles = route.kind === "subprocess" && route.files !== undefined;
  return hasFiles || hasPlaceholders(route);
}

function hasPlaceholders(route: Route): route is SubprocessRoute | HttpRoute {
  return (route.kind === "subprocess" || route.kind === "http") && route.placeholders === true;
}

/** Only an adapter that knows the end of a lost attempt keeps it from being made again. */
async function recoverOrExecute(adapter: Adapter, request: ActionRequest): Promise<ActionResult> {
  const recovery = await adapter.recover?.(request).catch(() => undefined);
  const result = recovery?.kind === "ended" ? recovery.result : undefined;
  return result === undefined || result.status === "cancelled" ? adapter.execute(request) : result;
}

/** What they tell of is akc's own place for outputs, not the action: failing the action for it would be wrong for ever. */
const ourFaults: readonly string[] = ["DISK_FULL", "STORE_IO", "STORE_UNWRITABLE", "STORE_BUSY"];

function faultOfOurs({ actionId }: Item, { error }: ActionResult): AkcError | undefined {
  if (error === undefined || !ourFaults.includes(error.code)) return undefined;
  return new AkcError(error.code, { details: { action: actionId, why: error.message } });
}

function brokenBeforeStart(cause: unknown): ActionResult {
  if (cause instanceof AkcError) {
    const error = { code: cause.code, message: cause.message, retryable: cause.class === "retryable" };
    return { status: "failed", outputs: {}, error, durationMs: 0 };
  }
  const message = cause instanceof Error ? cause.message : "the working directory could not be made";
  const error = { code: "ADAPTER_FAILED" as const, message, retryable: true };
  return { status: "failed", outputs: {}, error, durationMs: 0 };
}
