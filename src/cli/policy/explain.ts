/** `akc policy explain`: what the policy would answer for one action, and by which rule. Decides with the run's own code. */

import { loadBundle } from "../../bundle/load.ts";
import { type PolicyMode, policyModes } from "../../bundle/model.ts";
import { derivePolicy } from "../../policy/derive.ts";
import { type ExplainStep, type Explanation, explainDecision } from "../../policy/explain.ts";
import { policyActions } from "../../policy/model.ts";
import { readBundleSource } from "../../run/bundle-files.ts";
import { readOperatorPolicy } from "../../run/prepare.ts";
import { nearestWord } from "../../spelling.ts";
import { bundlePath } from "../bundle/bundle-path.ts";
import { command } from "../command.ts";
import { facts, type Plain } from "../render/output.ts";
import { table } from "../render/table.ts";
import { printable } from "../render/text.ts";
import { policyArgs } from "./policy-args.ts";

export const explain = command({
  path: "policy explain",
  summary: "Say what the policy would answer for an action, and by which rule.",
  notes: ["Answering is success: the exit code is 0 for an action that is denied as well."],
  examples: [
    {
      command: "akc policy explain --bundle release.json --action runtime.action.execute.subprocess",
      says: "May this bundle start processes, and who says so?",
    },
    {
      command:
        "akc policy explain --bundle release.json --action runtime.action.dispatch --action-type workflow.execute",
      says: "May an action of this type be dispatched?",
    },
  ],
  exits: [0, 2],
  args: {
    bundle: { type: "string", required: true, valueHint: "FILE", description: "The bundle." },
    action: {
      type: "string",
      required: true,
      valueHint: "ACTION",
      description: `One of ${policyActions.join(", ")}.`,
    },
    actionType: {
      type: "string",
      valueHint: "TYPE",
      description: "With runtime.action.dispatch: the type of the action, e.g. workflow.execute.",
    },
    mode: {
      type: "enum",
      options: [...policyModes],
      default: "enforce",
      description: "The mode of the run asked about: simulate, enforce or canary.",
      valueHint: "MODE",
    },
    ...policyArgs,
  },
  async run(args, session) {
    const mode = policyModes.find((known) => known === args.mode) ?? "enforce";
    const explanation = await explained(args, mode);
    if (!policyActions.some((known) => known === explanation.action)) {
      session.io.words(unknownAction(explanation.action));
    }
    const place = session.io.stdout;
    const columnsMax = place.isTerminal ? place.columns() : undefined;
    await session.print({
      data: dataOf(explanation, mode),
      text: () => textOf(explanation, mode, columnsMax),
    });
    return 0;
  },
});

/** What the policy does not know is denied; that somebody asks may be a slip all the same. */
function unknownAction(action: string): string {
  const meant = nearestWord(action, policyActions);
  const guess = meant === undefined ? "" : ` Did you mean ${meant}?`;
  return `warning: "${printable(action)}" is no action of the policy, and so denied.${guess}\n`;
}

interface Question {
  readonly bundle: string;
  readonly action: string;
  readonly actionType?: string | undefined;
  readonly policy?: string | undefined;
}

async function explained(question: Question, mode: PolicyMode): Promise<Explanation> {
  const operator = await readOperatorPolicy(question.policy);
  const bundle = await loadBundle(await readBundleSource(bundlePath(question.bundle)), {
    mode,
    ...(operator?.strictIntentAuthority === true ? { strictIntentAuthority: true } : {}),
  });
  // A bundle with policies that cannot be applied has no policy in enforce; it can be explained all the same.
  const lenient = derivePolicy(bundle, "simulate", operator);
  const policy = lenient.unresolvedPolicyIds.length > 0 ? lenient : derivePolicy(bundle, mode, operator);
  return explainDecision(bundle, policy, question.action, {
    ...(operator === undefined ? {} : { operator }),
    ...(question.actionType === undefined ? {} : { actionType: question.actionType }),
  });
}

/** Enforce and canary refuse a bundle whose policies cannot be applied, whatever the rules say about the action. */
function refusedAtStart(explanation: Explanation, mode: PolicyMode): boolean {
  return mode !== "simulate" && explanation.unresolved.length > 0;
}

function dataOf(explanation: Explanation, mode: PolicyMode): Plain {
  const { decision, lane } = explanation;
  const refused = refusedAtStart(explanation, mode);
  return {
    kind: "PolicyExplanation",
    action: explanation.action,
    mode,
    allowed: decision.allowed && !refused,
    reason: refused ? "policy.unresolved" : decision.reason,
    source: refused ? "intent" : decision.source,
    rule: refused ? "/intent_policy_projection/policies" : decision.rule,
    steps: explanation.steps.map(({ rule, source, says, subject, actions, effect }) => ({
      rule,
      source,
      says,
      subject,
      actions,
      effect,
    })),
    ...(lane === undefined
      ? {}
      : {
          lane: { kind: lane.kind, open: lane.open, switches: lane.switches, bounds: boundsOf(lane.bounds) },
        }),
    unresolved_policy_ids: explanation.unresolved,
  };
}

function boundsOf(bounds: NonNullable<Explanation["lane"]>["bounds"]): Plain {
  return "containment" in bounds
    ? {
        allowlist: bounds.allowlist,
        operator_paths: bounds.operatorPaths,
        containment: bounds.containment,
        read_only_roots: bounds.readOnlyRoots,
        output_bytes_max: bounds.outputBytesMax,
        memory_bytes_max: bounds.memoryBytesMax,
        processes_max: bounds.processesMax,
        open_files_max: bounds.openFilesMax,
        file_bytes_max: bounds.fileBytesMax,
      }
    : {
        allowlist: bounds.allowlist,
        narrowed_by: bounds.narrowedBy,
        methods: bounds.methods,
        body_bytes_max: bounds.bodyBytesMax,
        response_bytes_max: bounds.responseBytesMax,
      };
}

function textOf(explanation: Explanation, mode: PolicyMode, columnsMax: number | undefined): string {
  const { decision, lane } = explanation;
  const refused = refusedAtStart(explanation, mode);
  const answer: [string, string][] = [
    [decision.allowed && !refused ? "allowed" : "denied", printable(explanation.action)],
    ["mode", mode],
    ["reason", printable(refused ? "the bundle names policies that akc cannot apply" : decision.reason)],
    ["rule", printable(refused ? explanation.unresolved.join(", ") : decision.rule)],
  ];
  if (lane !== undefined) {
    answer.push([lane.kind, lane.open ? "enabled" : "not enabled: no switch of the bundle opens it"]);
    const list = lane.bounds.allowlist.join(", ");
    answer.push(["allowlist", list === "" ? "empty: nothing is allowed" : printable(list)]);
  }
  return `${facts(answer)}\n\n${chain(explanation.steps, columnsMax)}`;
}

function chain(steps: readonly ExplainStep[], columnsMax: number | undefined): string {
  return table(
    steps,
    [
      { title: "EFFECT", value: (step) => step.effect },
      { title: "SOURCE", value: (step) => step.source, optional: true },
      {
        title: "SAYS",
        value: (step) => printable(step.subject === undefined ? step.says : `${step.says} (${step.subject})`),
        narrowest: 12,
        optional: true,
      },
      { title: "RULE", value: (step) => printable(step.rule), narrowest: 20 },
    ],
    columnsMax,
  );
}
