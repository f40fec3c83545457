/**
 * The whole of `akc.yaml` as a table. The JSON schema in docs/ is made from it, and the reader reads by it; neither knows a
 * member that is not here.
 */
import type { JsonSchema } from "../../json/schema-text.ts";
import { limits } from "../../limits.ts";
import { policyActions } from "../../policy/model.ts";
import { byName, list, map, may, must, named } from "../form/composed.ts";
import { count, flag, lengthOfTime, oneOf, text } from "../form/plain.ts";
import { made, type ReadBy, verbatimMap, wrongForm } from "../form/reader.ts";
import { checks } from "./check.ts";
import { rollout } from "./rollout.ts";
import { provider, service } from "./service.ts";
import { retries, step } from "./step.ts";
import {
  environment,
  identifier,
  idPattern,
  idWants,
  readableRoot,
  roleName,
  routeTimeout,
  texts,
} from "./words.ts";

const scope = made(
  text({ pattern: /^[^/]+\/[^/]+$/, wants: "`tenant/repository`, such as acme/shop" }),
  (written, path, ground) => {
    const [tenantId = "", repoId = ""] = written.split("/");
    const whole = [tenantId, repoId].map((part) => identifier.read(part, path, ground));
    return whole.includes(undefined) ? undefined : { tenantId, repoId };
  },
);

export const role = map("a map about a role", {
  reads: may(
    list(readableRoot),
    "Folders and files that its programs may read beside the system's, below the plan's folder. None unless said.",
  ),
  scratch: may(text({ least: 0 }), "Its working folder, within the role's own. `scratch` unless said."),
  network: may(flag, "Whether its programs and requests may use the network. No unless said."),
  tools: may(texts, "Tools that its agents are told of."),
  parallel: may(
    count(1, limits.actionsInFlightMax),
    "Steps of the role at a time. The runtime has one bound for all roles: the smallest counts.",
  ),
});

const policy = map("a map of lists", {
  programs: may(
    texts,
    "Programs that `run` may start: a name as it is written in the step, or an absolute path. Empty: none.",
  ),
  http: may(
    texts,
    "Addresses that `http` may call: a host, an origin, or the beginning of a URL. Empty: none.",
  ),
  methods: may(
    list(text({ pattern: /^[A-Z]+$/, wants: "a method in capital letters" }), { least: 1 }),
    "HTTP methods. [GET] unless said.",
  ),
  agents: may(
    texts,
    "Addresses of workers that an agent's turn may be sent to. Empty: none but the operator's own.",
  ),
  network: may(flag, "Whether any role may have the network for its programs. No unless said."),
  allow: may(list(oneOf(policyActions)), "Only these of the policy's actions (docs/policy.md)."),
  deny: may(list(oneOf(policyActions)), "Never these of the policy's actions."),
  request_bytes: may(count(0, Number.MAX_SAFE_INTEGER), "Longest body of a request."),
  response_bytes: may(
    count(limits.httpResponseBytesMin, limits.httpResponseBytesMax),
    "Longest body of an answer.",
  ),
});

const bounds = map("a map of bounds", {
  run: may(lengthOfTime(1_000, limits.runDeadlineMsMax), "The longest time of a whole run."),
  parallel: may(count(1, limits.actionsInFlightMax), "Steps at a time. 4 unless said."),
  parallel_per_role: may(
    count(1, limits.actionsInFlightMax),
    "Steps of one role at a time. As `parallel` unless said.",
  ),
  input_tokens: may(count(1, Number.MAX_SAFE_INTEGER), "Tokens that an agent's turn may read."),
  output_tokens: may(count(1, Number.MAX_SAFE_INTEGER), "Tokens that an agent's turn may write."),
});

const defaults = map("a map of defaults", {
  role: may(roleName, "Of steps that name none."),
  timeout: may(routeTimeout, "Of `run`, `http` and `agent`. 30 s for the first two unless said."),
  retries: may(retries, "Of `run`, `http` and `agent`."),
  env: may(environment, "Variables for every program; a step's own win."),
});

const version = made(count(1, 1), (value, path, ground) =>
  value === 1 ? value : wrongForm("must be 1", path, ground),
);

export const plan = map("a map", {
  version: must(version, "The version of this format: 1."),
  scope: must(scope, "`tenant/repository`: nothing crosses it."),
  name: must(identifier, "The plan's name; the bundle's `run_id`, and the name of its file."),
  title: may(text(), "For people: what the plan is for."),
  goal: may(text(), "What agents are told that it is all about."),
  defaults: may(defaults, "What steps have that do not say it themselves."),
  limits: may(bounds, "Bounds of the whole run."),
  roles: may(
    byName(named("the name of a role", idPattern, role, "a map of roles")),
    "Who takes steps, and what each may touch.",
  ),
  steps: may(
    named(`the id of a step: ${idWants}`, idPattern, step, "a map of steps"),
    "What is done. The key is the step's id.",
  ),
  services: may(
    byName(named(`the id of a service: ${idWants}`, idPattern, service, "a map of services")),
    "What has to stand when the steps are done.",
  ),
  provider: may(provider, "Who makes the services stand. One for the whole plan."),
  rollout: may(rollout, "How changes of services are rolled out."),
  checks: may(checks, "What must be true when the run has been."),
  policy: may(policy, "What may be done. What is not listed is denied."),
  bundle: may(verbatimMap, "Merged over the bundle as it stands: all that a bundle can say."),
});

export type PlanForm = ReadBy<typeof plan>;
export type RoleForm = ReadBy<typeof role>;

/** As it is published: docs/akc.schema.json. */
export function planSchemaText(): string {
  const schema: JsonSchema = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: "https://akc.dev/schemas/akc.v1.json",
    title: "akc plan (akc.yaml)",
    ...plan.schema,
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}
