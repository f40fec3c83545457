/**
 * All that the kernel is handed to run a plan: time, a store, an adapter, a policy, and who may stop it. Types only.
 */
import type { Adapter, RunContext } from "../adapters/contract.ts";
import type { Route } from "../bundle/model.ts";
import type { RunPolicy } from "../policy/model.ts";
import type { Converge } from "../reconciler/model.ts";
import type { RunWriter, Signal } from "../store/contract.ts";
import type { Clock } from "../system/clock.ts";
import type { Machine } from "./machine.ts";
import type { Item } from "./model.ts";
import type { OpeningDeps } from "./opening.ts";
import type { Past } from "./past.ts";
import type { Progress, RecorderDeps } from "./recorder.ts";
import type { RunBudget } from "./spending.ts";

export interface KernelDeps extends Pick<RecorderDeps, "noted">, Pick<OpeningDeps, "deniedBeforehand"> {
  readonly clock: Clock;
  readonly writer: RunWriter;
  readonly adapter: Adapter;
  readonly policy: RunPolicy;
  readonly context: RunContext;
  /** Fingerprint of the coordination spec; empty on runs without one. */
  readonly specSha256: string;
  /** Payload of the documented first event of a coordinated run. */
  readonly planEnqueued?: string;
  routeOf(item: Item): Route;
  /** Whether carrying the item out would change or ask anything. */
  hasEffect(item: Item, route: Route): boolean;
  /** The working directory of an action, made when it is first needed. */
  workdirOf(item: Item, route: Route): Promise<string> | string;
  /** Whether another process asked the run to stop. */
  stopRequested(): Promise<boolean>;
  /** Signals that no step took yet; absent where there is no inbox, and then a wait for one only ends by its time. */
  openSignals?(): Promise<readonly Signal[]>;
  /** What another process left; absent on a new run. */
  readonly past?: Past;
  /** Steps, nodes or actions of the past that are to run again, with all that depends on them. */
  readonly rerun?: readonly string[];
  /** Aborts when this process is told to end. */
  readonly signal: AbortSignal;
  readonly deadlineMs?: number;
  readonly budget: RunBudget;
  /** Values that no report of an attempt may show. */
  readonly secrets?: readonly string[];
  /** What should stand once every action has succeeded; absent on bundles that want nothing. */
  readonly converge?: Converge;
  onProgress?(progress: Progress): void;
  /** Called after every commit with the state that is durable now: for whoever checks it. */
  onCommitted?(machine: Machine): void;
}
