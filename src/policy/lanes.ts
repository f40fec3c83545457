/**
 * The bounds inside which an allowed route is carried out: executables, hosts, sizes, deadlines, containment.
 * Whether it is allowed is not said here: a lane may be enabled by the bundle and its action denied by the policy.
 * Everything an operator says here takes the smaller value or the shorter list; nothing widens, apart from the
 * folders that a contained child may read.
 *
 * Source: spec bundle §14.5, §15.1; spec kernel §12.8, §14.
 */
import { limits } from "../limits.ts";
import type { PolicyInputs } from "./inputs.ts";
import {
  type ContainmentLevel,
  containmentLevels,
  type HttpLane,
  type OperatorPolicy,
  type PolicyAction,
  type SubprocessLane,
} from "./model.ts";

export function subprocessLane(
  { envelope, execution }: PolicyInputs,
  operator: OperatorPolicy | undefined,
): SubprocessLane {
  const bounds = operator?.limits;
  return {
    enabled: execution.allow_subprocess === true || envelope.runtime_allow_subprocess === true,
    allowlist: execution.subprocess_allowlist ?? [],
    ...(operator?.subprocess === undefined ? {} : { operatorPaths: operator.subprocess }),
    containment: stronger("limits", operator?.containment ?? "limits"),
    readOnlyRoots: operator?.readOnlyRoots ?? [],
    outputBytesMax: least(limits.subprocessOutputBytesDefault, bounds?.outputBytes),
    ...(bounds?.memoryBytes === undefined ? {} : { memoryBytesMax: bounds.memoryBytes }),
    processesMax: least(limits.rlimitProcesses, bounds?.processes),
    openFilesMax: least(limits.rlimitOpenFiles, bounds?.openFiles),
    fileBytesMax: least(limits.rlimitFileBytes, bounds?.fileBytes),
  };
}

export function httpLane(inputs: PolicyInputs, operator: OperatorPolicy | undefined): HttpLane {
  const { envelope, execution } = inputs;
  return {
    enabled: execution.allow_http === true || envelope.runtime_allow_http === true,
    allowlist: execution.http_allowlist ?? [],
    narrowedBy: [envelope.http_allowlist, operator?.http].filter((list) => list !== undefined),
    methods: (execution.http_method_allowlist ?? ["GET"]).map((method) => method.toUpperCase()),
    bodyBytesMax: bodyBytesMax(execution.http_max_body_bytes),
    responseBytesMax: clamp(
      execution.http_max_response_bytes ?? limits.httpResponseBytesDefault,
      limits.httpResponseBytesMin,
      limits.httpResponseBytesMax,
    ),
  };
}

/**
 * What an agent worker may call: its own list, or the route's list when the bundle says so in as many words.
 * Absent when there is no such list, when HTTP is not enabled, or when the policy denies HTTP: the worker's call is no
 * action of its own, so nobody would ask again.
 */
export function agentWorkerLane(
  inputs: PolicyInputs,
  http: HttpLane,
  allow: ReadonlySet<string>,
): HttpLane | undefined {
  const inherited = inputs.inheritHttpAllowlist ? http.allowlist : [];
  const allowlist = inputs.agentWorkerAllowlist ?? inherited;
  const open = http.enabled && allow.has("runtime.action.execute.http" satisfies PolicyAction);
  return open && allowlist.length > 0 ? { ...http, allowlist } : undefined;
}

/** The run's deadline in milliseconds: what the intent bounds, made shorter by the operator; absent when neither speaks. */
export function runDeadlineMs(
  inputs: PolicyInputs,
  operator: OperatorPolicy | undefined,
): number | undefined {
  const asked = [inputs.maxSeconds, operator?.limits?.runSeconds].filter((seconds) => seconds !== undefined);
  return asked.length === 0 ? undefined : milliseconds(Math.min(...asked), limits.runDeadlineMsMax);
}

export function actionDeadlineMsMax(operator: OperatorPolicy | undefined): number {
  const seconds = operator?.limits?.actionSeconds;
  return seconds === undefined ? limits.routeTimeoutMsMax : milliseconds(seconds, limits.routeTimeoutMsMax);
}

export function actionsInFlightMax(operator: OperatorPolicy | undefined): number {
  return least(limits.actionsInFlightMax, operator?.limits?.actionsInFlight);
}

/** 0, or less, forbids a body; it used to lift the bound (bundle:W-25). */
function bodyBytesMax(asked: number | undefined): number {
  return Math.max(0, Math.trunc(asked ?? limits.httpBodyBytesDefault));
}

function stronger(a: ContainmentLevel, b: ContainmentLevel): ContainmentLevel {
  return containmentLevels.indexOf(a) > containmentLevels.indexOf(b) ? a : b;
}

function least(bound: number, asked: number | undefined): number {
  return Math.min(bound, asked ?? bound);
}

/** Never 0: a deadline that is over before it starts would only hide the mistake. */
function milliseconds(seconds: number, bound: number): number {
  return clamp(seconds * 1_000, 1, bound);
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, Math.trunc(value)));
}
