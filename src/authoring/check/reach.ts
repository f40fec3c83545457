/**
 * Holds every step against what the plan itself allows: programs, addresses, methods, the network, roles. The runtime denies
 * the same later; here the author is told at once, with the place and what would mend it.
 */
import { replacedVariables, variableFault } from "../../bundle/route-spec.ts";
import { urlAllowed } from "../../policy/url-pattern.ts";
import { type Faults, meant, type Path } from "../form/faults.ts";
import type { WrittenStep } from "../matrix.ts";
import type { PlanForm } from "../tables/plan.ts";

/** The role of a step that names none: it reads nothing but its own folder and has no network. */
export const plainRole = "worker";
/** The role of a request that names none: it may use the network, and no program ever runs in it. */
export const callerRole = "caller";

/** Which role takes the step. A request needs the network, so a default role without it does not count for one. */
export function roleOf({ form }: WrittenStep, { defaults, roles }: PlanForm): string {
  if (form.role !== undefined) return form.role;
  const usual = defaults?.role;
  const calls = form.http !== undefined || form.agent?.delegate !== undefined;
  if (usual !== undefined && !(calls && roles?.get(usual)?.network !== true)) return usual;
  return calls ? callerRole : plainRole;
}

export function checkReach(
  step: WrittenStep,
  plan: PlanForm,
  knownRoles: readonly string[],
  faults: Faults,
): void {
  const { form, path } = step;
  const at = (...keys: readonly string[]) => [...path, ...keys];
  if (form.role !== undefined && !knownRoles.includes(form.role)) {
    const fix = knownRoles.length === 0 ? "; write it under `roles`" : `; there are ${knownRoles.join(", ")}`;
    faults.add(
      "role-unknown",
      at("role"),
      `there is no role \`${form.role}\`${meant(form.role, knownRoles, fix)}`,
    );
  }
  if (form.run !== undefined) checkProgram(form.run.argv[0] ?? "", at("run"), plan, faults);
  for (const [name] of form.env ?? []) {
    const fault = variableFault(name);
    if (fault !== undefined) faults.add("wrong-form", at("env", name), fault, "key");
    warnReplaced(name, at("env", name), faults);
  }
  if (form.http !== undefined) checkRequest(step, form.http, plan, faults);
  const delegate = form.agent?.delegate;
  if (delegate !== undefined) {
    checkAddress(delegate, plan.policy?.agents, "policy.agents", at("agent", "delegate"), faults);
    checkNetwork(step, plan, faults);
  }
}

/** Where the runtime would not keep what is written. `path`: of the variable. */
export function warnReplaced(name: string, path: Path, faults: Faults): void {
  if (!replacedVariables.has(name)) return;
  const why = `\`${name}\` is set by the runtime to a folder of the step's own; what is written here counts for nothing`;
  faults.warn("env-replaced", path, why, "key");
}

function checkProgram(program: string, path: Path, { policy }: PlanForm, faults: Faults): void {
  const programs = policy?.programs ?? [];
  if (!programs.includes(program)) {
    const near = meant(program, programs);
    const fix = `add it: \`programs: [${[...programs, program].slice(-6).join(", ")}]\``;
    faults.add(
      "program-not-listed",
      path,
      `\`${program}\` is not in \`policy.programs\`${near === "" ? `; ${fix}` : near}`,
    );
  }
  if (program.includes("/") && !program.startsWith("/"))
    faults.add(
      "wrong-form",
      path,
      `\`${program}\` must be a name, or an absolute path: a step works in a folder of its own`,
    );
  denied("runtime.action.execute.subprocess", path, policy, faults);
}

function checkRequest(
  step: WrittenStep,
  { url, method = "GET" }: NonNullable<WrittenStep["form"]["http"]>,
  plan: PlanForm,
  faults: Faults,
): void {
  const at = (...keys: readonly string[]) => [...step.path, "http", ...keys];
  checkAddress(url, plan.policy?.http, "policy.http", at("url"), faults);
  const methods = plan.policy?.methods ?? ["GET"];
  if (!methods.includes(method)) {
    const fix = `add it: \`methods: [${[...methods, method].join(", ")}]\``;
    faults.add("method-not-listed", at("method"), `${method} is not in \`policy.methods\`; ${fix}`);
  }
  checkNetwork(step, plan, faults);
  denied("runtime.action.execute.http", at(), plan.policy, faults);
}

function checkAddress(
  url: string,
  allowlist: readonly string[] = [],
  member: string,
  path: Path,
  faults: Faults,
): void {
  // What is filled in later can change neither scheme nor host.
  const parsed = URL.parse(url.replaceAll(/\$\{\{[^}]*\}\}/g, "x")) ?? undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    faults.add("wrong-form", path, `\`${url}\` must be an absolute URL that begins with http:// or https://`);
  } else if (parsed.username !== "" || parsed.password !== "") {
    faults.add(
      "wrong-form",
      path,
      "the URL must hold no user name and no password: the bundle is kept as it is",
    );
  } else if (!urlAllowed({ allowlist, narrowedBy: [] }, parsed)) {
    faults.add(
      "origin-not-listed",
      path,
      `${parsed.origin} is not in \`${member}\`; add \`${parsed.origin}\``,
    );
  }
}

function checkNetwork(step: WrittenStep, plan: PlanForm, faults: Faults): void {
  const { role } = step.form;
  if (role === undefined || plan.roles?.get(role) === undefined || plan.roles.get(role)?.network === true)
    return;
  faults.add(
    "network-denied",
    [...step.path, "role"],
    `the role \`${role}\` may not use the network; say \`network: true\` there, or leave \`role\` out here`,
  );
}

function denied(action: string, path: Path, policy: PlanForm["policy"], faults: Faults): void {
  const allow: readonly string[] | undefined = policy?.allow;
  const deny: readonly string[] = policy?.deny ?? [];
  for (const asked of ["runtime.action.dispatch", action]) {
    if (deny.includes(asked))
      faults.warn("policy-denies", path, `\`policy.deny\` has ${asked}: the run will deny this step`);
    else if (allow?.includes(asked) === false)
      faults.warn("policy-denies", path, `\`policy.allow\` lacks ${asked}: the run will deny this step`);
  }
}
