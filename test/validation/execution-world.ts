/** Bindings, validators made of one function, and the real door to servers of this host, for tests of execution and replay. */
import { AkcError } from "../../src/errors.ts";
import type { JsonObject } from "../../src/json/value.ts";
import { systemClock } from "../../src/system/clock.ts";
import type { Binding } from "../../src/validation/bindings/model.ts";
import { type Execution, executeBindings } from "../../src/validation/execution/execute.ts";
import type { BindingObservation } from "../../src/validation/execution/model.ts";
import type {
  Answer,
  Door,
  RecordingDoor,
  Validator,
  ValidatorRequest,
  Validators,
} from "../../src/validators/contract.ts";
import { openDoor } from "../../src/validators/door.ts";

export const folder = ".akc/verification/validators/run-1";

export function binding(id: string, kind = "promql_query", more: Partial<Binding> = {}): Binding {
  return {
    id,
    kind,
    timeoutMs: 5_000,
    tries: 1,
    dryRun: false,
    settings: {},
    paths: [],
    secrets: [],
    line: 1,
    ...more,
  };
}

export type Validate = (
  request: ValidatorRequest,
  door: Door,
  signal: AbortSignal,
) => Answer | Promise<Answer>;

export function answer(verdict: Answer["verdict"], more: Partial<Answer> = {}): Answer {
  const reason = verdict === "pass" ? {} : { reason: verdict === "fail" ? "threshold" : "no-data" };
  return { verdict, ...reason, observed: {}, evidence: {}, attachments: [], ...more };
}

/** One validator, of every kind. */
export function judgedBy(validate: Validate, more: Partial<Validator> = {}): Validators {
  const validator: Validator = {
    id: "test",
    kinds: [],
    validate: async (request, door, signal) => validate(request, door, signal),
    ...more,
  };
  return { kinds: ["promql_query"], byKind: () => validator, close: async () => {} };
}

export async function execute(
  bindings: readonly Binding[],
  validate: Validate | Validators,
  more: Partial<Execution> = {},
): Promise<BindingObservation[]> {
  return executeBindings({
    bindings,
    validators: typeof validate === "function" ? judgedBy(validate) : validate,
    openDoor: doorOf,
    clock: systemClock,
    signal: new AbortController().signal,
    totalMs: 30_000,
    folder,
    criterionIdsByBinding: new Map(),
    ...more,
  });
}

/** A query validator in small: fetches `url`, and judges the number that it finds there by `lte`. */
export async function numberAt(request: ValidatorRequest, door: Door, signal: AbortSignal): Promise<Answer> {
  const { url, lte = 0 } = request.binding;
  try {
    const response = await door.fetch({ url: String(url), method: "GET", headers: {} }, signal);
    if (response.status !== 200)
      return answer("error", { reason: "malformed", message: `status ${response.status}` });
    const value = Number(new TextDecoder().decode(response.body));
    if (!Number.isFinite(value)) return answer("inconclusive", { reason: "no-data" });
    const verdict = value <= Number(lte) ? "pass" : "fail";
    return answer(verdict, { observed: { value }, evidence: { samples: 1, series: 1 } });
  } catch (cause) {
    const code = cause instanceof AkcError ? cause.code : undefined;
    if (code === "HTTP_UNREACHABLE") return answer("error", { reason: "unreachable" });
    if (code === "HTTP_TIMEOUT") return answer("error", { reason: "timeout" });
    throw cause;
  }
}

/** The door of a binding, as an operator who forbids nothing has it. */
export function doorOf(binding: Binding, workdir: string): Promise<RecordingDoor> {
  return openDoor({ binding, operator: undefined, env: {}, clock: systemClock, workdir });
}

/** A server of this host that answers with what `respond` says, and counts. */
export function serve(respond: (path: string) => Response | Promise<Response>) {
  let requests = 0;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      requests += 1;
      return respond(new URL(request.url).pathname);
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    get requests() {
      return requests;
    },
    stop: () => server.stop(true),
  };
}

/** What does not depend on when something happened. */
export function withoutTimes(payload: JsonObject): JsonObject {
  const timed =
    /^(evaluated_at_ms|duration_ms|started_ms|window_start_ms|window_end_ms|started_at_ms|ended_at_ms|fingerprint_sha256)$/;
  return JSON.parse(JSON.stringify(payload, (key, value) => (timed.test(key) ? undefined : value)));
}
