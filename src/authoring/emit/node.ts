/**
 * Writes a step down as a node of the IR: how it is carried out, what it must put out, how often it is tried.
 *
 * Source: spec bundle §3.2, §13; docs/waiting.md.
 */
import { canonicalJson } from "../../json/canonical.ts";
import type { JsonObject, JsonValue } from "../../json/value.ts";
import { merged } from "../merge.ts";
import type { PlannedStep } from "../planned.ts";
import type { PlanForm } from "../tables/plan.ts";
import type { StepForm } from "../tables/step.ts";
import { filledOnly, objectOf, present } from "./plain-members.ts";

export function nodeOf(step: PlannedStep, form: PlanForm): JsonObject {
  const contract = contractOf(step, form);
  return merged(
    present({
      id: step.id,
      tenant_id: form.scope.tenantId,
      kind: "workflow",
      name: step.form.title ?? step.id,
      properties: present({
        runtime_execution: executionOf(step, form),
        matrix: filledOnly(objectOf(step.values)),
      }),
      depends_on: [],
      contract,
    }),
    step.form.node,
  );
}

function executionOf(step: PlannedStep, { defaults }: PlanForm): JsonObject | undefined {
  const { run, http, wait, agent } = step.form;
  const timeoutMs = step.form.timeout ?? defaults?.timeout;
  const retry = retryOf(step.form.retries ?? defaults?.retries);
  if (run !== undefined) {
    const env = { ...objectOf(defaults?.env), ...objectOf(step.form.env) };
    const subprocess = present({
      argv: run.argv,
      stdin: step.stdin,
      env: filledOnly(env),
      timeout_ms: timeoutMs,
    });
    return present({
      route: "subprocess",
      subprocess,
      retry,
      files: filesOf(step),
      placeholders: placeholdersIn(subprocess),
    });
  }
  if (http !== undefined) {
    const { method, url, headers, body } = http;
    const request = present({
      method: method ?? "GET",
      url,
      headers: filledOnly(objectOf(headers)),
      body: body ?? step.bodyText,
      timeout_ms: timeoutMs,
    });
    return present({ route: "http", http: request, retry, placeholders: placeholdersIn(request) });
  }
  if (wait !== undefined) return { route: "wait", wait: waitOf(wait) };
  return agent === undefined ? undefined : present({ route: "delegate_adapter", retry });
}

/** Read by the kernel (docs/akc-yaml.md); a bundle without it gets the runtime's own number of tries. */
function retryOf(retries: StepForm["retries"]): JsonObject | undefined {
  if (retries === undefined) return undefined;
  return present({ retries: retries.max, delay_ms: retries.delay, delay_max_ms: retries.delay_max });
}

/** Whether the runtime has anything to fill in, `$${{` included; it looks for nothing that it is not told of. */
function placeholdersIn(spec: JsonObject): true | undefined {
  return canonicalJson(spec).includes("${{") ? true : undefined;
}

/** Read by the adapter: docs/akc-yaml.md. */
function filesOf({ takes, form }: PlannedStep): JsonObject | undefined {
  const inputs = takes.flatMap(({ from, file }): JsonObject[] =>
    file === undefined
      ? []
      : [present({ step: from, path: file.path, as: file.as === file.path ? undefined : file.as })],
  );
  return filledOnly(present({ inputs: filledOnly(inputs), outputs: filledOnly(form.outputs ?? []) }));
}

function waitOf({ approval, signal, until, timeout, ...rest }: NonNullable<StepForm["wait"]>): JsonObject {
  if (approval !== undefined) return present({ signal: approval, approval: true, timeout_ms: timeout });
  if (signal !== undefined) return present({ signal, timeout_ms: timeout });
  return until === undefined ? { duration_ms: rest.for ?? 1 } : { until };
}

/** What a step of each kind leaves behind; one that ends without it has failed, whatever it says itself. */
const outputKeys = {
  run: ["action_id", "exit_code", "stdout"],
  http: ["action_id", "http_status_code"],
  wait: ["action_id"],
  agent: ["action_id", "agent_worker_output_sha256"],
  node: ["action_id"],
} as const;

function contractOf({ form: step }: PlannedStep, { defaults }: PlanForm): JsonObject {
  const kind = (["run", "http", "wait", "agent"] as const).find((one) => step[one] !== undefined) ?? "node";
  const timeoutMs = kind === "agent" ? (step.timeout ?? defaults?.timeout) : undefined;
  const seconds = timeoutMs === undefined ? undefined : Math.ceil(timeoutMs / 1_000);
  const event = "runtime.kernel.started";
  const keys: readonly JsonValue[] = outputKeys[kind];
  return present({
    contract_id: seconds === undefined ? `akc-${kind}` : `akc-${kind}-${seconds}s`,
    contract_category: "runtime",
    triggers: [{ trigger_id: "start", source: event, details: { event_type: event } }],
    io_contract: { input_keys: ["runtime_run_id"], output_keys: keys },
    runtime_budget: seconds === undefined ? undefined : { max_seconds: seconds },
  });
}
