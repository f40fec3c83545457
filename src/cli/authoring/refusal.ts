/**
 * Why an action would be refused, which rule says so, and what would mend it. It only puts into words what the policy and the
 * host have answered; it decides nothing.
 */
import type { ActedOn } from "../../authoring/explain/step.ts";
import { type ErrorCode, errorCodes } from "../../errors.ts";
import { decide, decideDispatch } from "../../policy/decide.ts";
import { urlAllowed } from "../../policy/url-pattern.ts";
import type { Prepared } from "../../run/prepare.ts";
import { findExecutable } from "../../system/executable.ts";

export interface Refusal {
  readonly code: string;
  readonly why: string;
  /** A JSON pointer into the bundle, `operator:/…` for the operator's file, or the name of what is closed. */
  readonly rule: string;
  readonly fix: string;
}

/** @param host what the host says beyond the policy; undefined when it has nothing against it */
export function refusalOf(
  prepared: Prepared,
  action: ActedOn,
  host: { readonly code: ErrorCode; readonly why: string } | undefined,
): Refusal | undefined {
  if (host !== undefined) return { ...host, ...ruleAndFix(prepared, action, host) };
  const { permission } = action;
  if (permission.allowed) return undefined;
  return { code: permission.code, why: permission.why, ...ruleAndFix(prepared, action, permission) };
}

type RuleAndFix = Pick<Refusal, "rule" | "fix">;

function ruleAndFix(
  prepared: Prepared,
  action: ActedOn,
  { code, why }: { readonly code: string; readonly why: string },
): RuleAndFix {
  const { policy, operator } = prepared;
  const { route } = action;
  const operatorFile = operator === undefined ? "the operator's policy" : operator.path;
  switch (code) {
    case "POLICY_DENIED":
      return denial(prepared, action);
    case "SUBPROCESS_NOT_ALLOWED": {
      const argv0 = route.kind === "subprocess" ? (route.argv[0] ?? "") : "";
      if (policy.subprocess.operatorPaths === undefined || !/operator/.test(why)) {
        return {
          rule: "/runtime_execution/subprocess_allowlist",
          fix: `Add ${JSON.stringify(argv0)} to policy.programs of the plan (subprocess_allowlist of the bundle).`,
        };
      }
      const found = findExecutable(argv0);
      const place = found.kind === "found" ? (found.foundAs[0] ?? found.real) : argv0;
      return {
        rule: "operator:/subprocess",
        fix: `Use a program that ${operatorFile} lists, or have its owner add ${place} to \`subprocess\`.`,
      };
    }
    case "HTTP_URL_DENIED": {
      const url = route.kind === "http" ? route.url : "";
      const own = urlAllowed({ ...policy.http, narrowedBy: [] }, url);
      return own
        ? { rule: "operator:/http", fix: `Have ${origin(url)} added to \`http\` in ${operatorFile}.` }
        : {
            rule: "/runtime_execution/http_allowlist",
            fix: `Add ${origin(url)} to policy.http of the plan (http_allowlist of the bundle).`,
          };
    }
    case "HTTP_METHOD_DENIED":
      return {
        rule: "/runtime_execution/http_method_allowlist",
        fix: "Add the method to policy.methods of the plan (http_method_allowlist of the bundle).",
      };
    case "HTTP_NETWORK_DENIED":
      return {
        rule: "/runtime_policy_envelope/allow_network",
        fix: "Give the step's role `network: true`, and policy.network as well.",
      };
    default:
      return { rule: code, fix: hintOf(code) };
  }
}

/** Which of the actions that the policy decides about was denied, and by which rule. */
function denial({ policy, operator }: Prepared, { actionType, route }: ActedOn): RuleAndFix {
  const lane =
    route.kind === "subprocess" || route.kind === "http" ? `runtime.action.execute.${route.kind}` : undefined;
  const dispatch = decideDispatch(policy, actionType);
  const decision = dispatch.allowed && lane !== undefined ? decide(policy, lane) : dispatch;
  const { action, rule, source } = decision;
  const where = source === "operator" ? (operator?.path ?? "the operator's policy") : "policy of the plan";
  return {
    rule,
    fix: `${action} is denied by ${where}: allow it there, or leave the step out.`,
  };
}

function origin(url: string): string {
  return URL.parse(url)?.origin ?? url;
}

function hintOf(code: string): string {
  const known: Readonly<Record<string, { readonly hint: string }>> = errorCodes;
  return known[code]?.hint ?? "See docs/policy.md.";
}
