/**
 * Checks a plan whose members have been read: all that depends on several of them. Every fault is noted before anything is
 * refused; what cannot be judged because something else is faulty is left alone.
 */
import { sha256Hex } from "../../json/fingerprint.ts";
import { limits } from "../../limits.ts";
import { writtenOut } from "../matrix.ts";
import type { NamedFile } from "../model.ts";
import type { Planned, PlannedStep } from "../planned.ts";
import type { PlanReading } from "../read.ts";
import type { PlanForm } from "../tables/plan.ts";
import type { StepForm } from "../tables/step.ts";
import { FileTexts, filesOfStep } from "./files.ts";
import { checkKind } from "./kinds.ts";
import { edgesOf } from "./order.ts";
import { callerRole, checkReach, plainRole, roleOf, warnReplaced } from "./reach.ts";
import { checkServices, providerOf } from "./services.ts";
import { takenBy } from "./taken.ts";

/** @returns undefined where not even names are known; otherwise what it amounts to, which is only whole without faults */
export function checkPlan(
  { plan, faults, raw }: PlanReading,
  files: readonly NamedFile[],
): Planned | undefined {
  if (plan === undefined) return undefined;
  const texts = new FileTexts(files, faults);
  const rawSteps = membersAt(raw, "steps");
  // A step that is no map cannot be read; its name is there all the same.
  const forms = new Map(
    Object.keys(rawSteps).map((id): [string, StepForm] => [id, plan.steps?.get(id) ?? {}]),
  );
  if (forms.size === 0 && Object.keys(membersAt(raw, "services")).length === 0)
    faults.add("missing", [], "the plan does nothing: it needs `steps` or `services`");
  const written = writtenOut(forms, faults);
  const knownRoles = [...Object.keys(membersAt(raw, "roles")), plainRole, callerRole];
  const read = written.steps.map((step) => {
    const named = filesOfStep(step);
    const stdin = texts.joined(named.stdin);
    const bodyText = texts.joined(named.body, limits.planBytesMax);
    if (plan.steps?.has(step.writtenAs) === true) {
      checkKind(step, membersAt(rawSteps, step.writtenAs), faults);
      checkReach(step, plan, knownRoles, faults);
    }
    const further = [stdin, bodyText].flatMap((text, index) => {
      const path = (index === 0 ? named.stdin : named.body)[0]?.path;
      return text === undefined || path === undefined ? [] : [{ text, path }];
    });
    const takes = takenBy(step, written, further, faults);
    return {
      step,
      takes,
      stdin: stdin ?? (typeof step.form.run?.stdin === "string" ? step.form.run.stdin : undefined),
      bodyText,
    };
  });
  const edges = edgesOf(written, new Map(read.map(({ step, takes }) => [step.id, takes])), faults);
  const steps = read.map(
    ({ step, takes, stdin, bodyText }): PlannedStep => ({
      ...step,
      role: roleOf(step, plan),
      takes,
      edges: edges.get(step.id) ?? [],
      ...(stdin === undefined ? {} : { stdin }),
      ...(bodyText === undefined ? {} : { bodyText }),
    }),
  );
  checkRoles(plan, Object.keys(membersAt(raw, "roles")), faults);
  const services = Object.keys(membersAt(raw, "services"));
  checkServices(plan, services, faults);
  for (const id of services)
    if (written.byId.has(id))
      faults.add("name-taken", ["services", id], `\`${id}\` is a step and a service: rename one`, "key");
  const manifest = plan.provider?.manifest;
  const text =
    manifest === undefined ? undefined : texts.text({ file: manifest, path: ["provider", "manifest"] });
  checkChecks(plan, faults);
  return {
    form: plan,
    steps,
    provider: services.length === 0 ? undefined : providerOf(plan),
    manifestSha256: text === undefined ? undefined : sha256Hex(text),
  };
}

function checkRoles(plan: PlanForm, names: readonly string[], faults: PlanReading["faults"]): void {
  for (const [name] of plan.defaults?.env ?? []) warnReplaced(name, ["defaults", "env", name], faults);
  const usual = plan.defaults?.role;
  if (usual !== undefined && ![...names, plainRole, callerRole].includes(usual)) {
    const why = `there is no role \`${usual}\`; write it under \`roles\``;
    faults.add("role-unknown", ["defaults", "role"], why);
  }
  for (const [name, role] of plan.roles ?? []) {
    if (role.network !== true || plan.policy?.network === true) continue;
    const why = "no role may have the network unless `policy.network` is true";
    faults.add("network-denied", ["roles", name, "network"], why);
  }
  const bounds = new Set([...(plan.roles?.values() ?? [])].flatMap(({ parallel }) => parallel ?? []));
  if (bounds.size > 1) {
    const why = `the runtime has one bound for all roles: ${Math.min(...bounds)} counts`;
    faults.warn("parallel-differs", ["roles"], why, "key");
  }
}

function checkChecks({ checks }: PlanForm, faults: PlanReading["faults"]): void {
  for (const [id, check] of checks ?? []) {
    const path = ["checks", id];
    const ways = (["binding", "evidence", "healthy", "converged", "params"] as const).filter(
      (way) => check[way] !== undefined,
    );
    if (ways.length === 0)
      faults.add(
        "contradiction",
        path,
        "the check looks at nothing: it needs `binding`, `evidence`, `healthy`, `converged` or `params`",
        "key",
      );
    const bounds = Object.keys(check.is ?? {});
    if (check.is !== undefined && bounds.length !== 1)
      faults.add("contradiction", [...path, "is"], "has exactly one of `gte`, `lte` and `eq`");
    if (check.is !== undefined && (check.healthy === true || check.converged === true))
      faults.add("contradiction", [...path, "is"], "a number and a state are two checks: write both", "key");
    const looked = check.binding !== undefined || check.evidence !== undefined;
    for (const member of ["at", "is", "consecutive", "min_samples"] as const)
      if (check[member] !== undefined && !looked && check.params === undefined)
        faults.add(
          "contradiction",
          [...path, member],
          `\`${member}\` belongs to \`binding\` or \`evidence\``,
          "key",
        );
  }
}

function membersAt(holder: unknown, key: string): Readonly<Record<string, unknown>> {
  if (typeof holder !== "object" || holder === null || !Object.hasOwn(holder, key)) return {};
  const value: unknown = Reflect.get(holder, key);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(Object.entries(value));
}
