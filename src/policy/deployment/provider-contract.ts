/**
 * What a bundle itself demands of the place where its resources are changed: `deployment_provider_contract`. It can only add demands;
 * nothing in it permits anything.
 *
 * Source: spec reconcile §4.2 (preflight), spec bundle §10.2.
 */
import * as v from "valibot";
import { member } from "../../bundle/member.ts";
import type { Issue } from "../../errors.ts";
import type { JsonObject } from "../../json/value.ts";
import { Names, readPart } from "../border.ts";
import { decide } from "../decide.ts";
import type { RunPolicy } from "../model.ts";
import { providerReach } from "./kinds.ts";

const Word = v.pipe(v.string("must be a string"), v.trim());

const Contract = v.looseObject(
  {
    kind: v.nullish(Word, ""),
    mutation_mode: v.nullish(v.pipe(Word, v.toLowerCase()), ""),
    required_env_flags: v.nullish(Names, []),
    required_policy_actions: v.nullish(Names, []),
  },
  "must be an object",
);

export interface ContractQuestion {
  readonly metadata: JsonObject;
  /** The kind of provider that is really used. */
  readonly kind: string;
  readonly policy: RunPolicy;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Every demand that is not met, with its JSON pointer into the bundle; none without a contract. Only for runs that change things. */
export function unmetContract({ metadata, kind, policy, env }: ContractQuestion): readonly Issue[] {
  const at = "/deployment_provider_contract";
  const document = member(metadata, "deployment_provider_contract") ?? null;
  if (document === null) return [];
  const issues: Issue[] = [];
  const contract = readPart(Contract, document, at, issues);
  if (contract === undefined) return issues;
  if (contract.kind !== "" && contract.kind !== kind) {
    issues.push({ path: `${at}/kind`, message: `is ${contract.kind}, but the provider is ${kind}` });
  }
  if (contract.mutation_mode === "observe_only" && providerReach(kind) === "changes") {
    issues.push({ path: `${at}/mutation_mode`, message: `permits no changes, but ${kind} makes them` });
  }
  for (const name of new Set(contract.required_env_flags)) {
    if (env[name] !== "1") {
      issues.push({
        path: `${at}/required_env_flags`,
        message: `${name} must be 1 in the environment of akc`,
      });
    }
  }
  for (const action of new Set(contract.required_policy_actions)) {
    const { allowed, rule } = decide(policy, action);
    if (!allowed) {
      issues.push({ path: `${at}/required_policy_actions`, message: `${action} is denied by ${rule}` });
    }
  }
  return issues;
}
