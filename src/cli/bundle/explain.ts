/** `akc bundle explain`: a plan or a bundle in plain sentences, a single step of it, or a rule that a plan can break. */
import { type ExplainInput, explainBundle, explainStep } from "../../authoring/explain/whole.ts";
import { rules } from "../../authoring/rules.ts";
import { AkcError } from "../../errors.ts";
import { inspectBundle } from "../../policy/inspect.ts";
import type { Prepared } from "../../run/prepare.ts";
import { nearestWord } from "../../spelling.ts";
import { type Given, givenArg, readGiven } from "../authoring/given.ts";
import { prepareGiven } from "../authoring/prepared.ts";
import { command, type Session } from "../command.ts";
import type { ExitCode } from "../exit-codes.ts";
import { policyArgs } from "../policy/policy-args.ts";
import { wrap } from "../render/text.ts";
import { explanationData, explanationText } from "./explain-text.ts";

export const explain = command({
  path: "bundle explain",
  summary: "Say in plain sentences what a plan or a bundle would do, and who may do what.",
  notes: [
    "Of a plan each sentence names the line that it comes from. What is denied is counted in, the operator's policy of this host included; nothing is started. Values of variables, headers and texts are never shown.",
  ],
  examples: [
    { command: "akc bundle explain akc.yaml", says: "To read before running it." },
    {
      command: "akc bundle explain akc.yaml --step test",
      says: "One step, and what each of its members came to.",
    },
    {
      command: "akc bundle explain --rule program-not-listed",
      says: "What does this rule of an error want?",
    },
  ],
  exits: [0, 2],
  args: {
    file: givenArg,
    step: {
      type: "string",
      valueHint: "STEP",
      description: "Only this step; of a matrix, all of its steps.",
    },
    rule: {
      type: "string",
      valueHint: "RULE",
      description: "A rule, as the errors of a plan name it; or all.",
    },
    ...policyArgs,
  },
  async run(args, session) {
    if (args.rule !== undefined) {
      if (args.file !== undefined || args.step !== undefined) {
        throw new AkcError("USAGE", {
          message: "--rule stands alone",
          hint: "Leave the file and --step out.",
        });
      }
      return explainRule(session, args.rule);
    }
    const given = await readGiven(args.file);
    const prepared = await prepareGiven(given, { mode: "enforce", policyPath: args.policy });
    const input = explainInput(given, prepared);
    const parts = args.step === undefined ? explainBundle(input) : explainStep(input, args.step);
    if (parts === undefined) throw noStep(args.step ?? "", input);
    const { bundle } = prepared;
    const place = session.io.stdout;
    await session.print({
      data: explanationData(parts, { path: given.path, sha256: bundle.sha256 }),
      text: () => explanationText(parts, place, given.kind === "plan" ? given.path : undefined),
    });
    return 0;
  },
});

function explainInput(given: Given, { bundle, policy }: Prepared): ExplainInput {
  return {
    bundle,
    policy,
    inspection: inspectBundle(bundle, policy),
    nodes: new Map(bundle.nodes.map((node) => [node.nodeId, node])),
    lineOf: given.kind === "plan" ? given.compiled.lineOf : () => undefined,
    mentions: (word) => given.kind === "plan" && given.text.includes(word),
    writtenAs: (stepId) =>
      given.kind === "plan" ? (given.compiled.writtenAs.get(stepId) ?? stepId) : stepId,
  };
}

function noStep(stepId: string, { inspection, writtenAs }: ExplainInput): AkcError {
  const ids = [
    ...inspection.steps.map((step) => step.stepId),
    ...inspection.nodes.map((node) => node.nodeId),
  ];
  const meant = nearestWord(stepId, [...new Set([...ids, ...ids.map(writtenAs)])]);
  const known = ids.length <= 20 ? ` It has ${ids.join(", ")}.` : "";
  return new AkcError("STEP_UNKNOWN", {
    message: `there is no step ${stepId}`,
    hint: `${meant === undefined ? "" : `Did you mean ${meant}?`}${known} \`akc bundle explain\` without --step shows them all.`.trim(),
  });
}

async function explainRule(session: Session, asked: string): Promise<ExitCode> {
  const known = Object.entries(rules);
  const found = asked === "all" ? known : known.filter(([rule]) => rule === asked);
  if (found.length === 0) {
    const meant = nearestWord(asked, Object.keys(rules));
    throw new AkcError("USAGE", {
      message: `there is no rule ${asked}`,
      hint: `${meant === undefined ? "" : `Did you mean ${meant}? `}\`akc bundle explain --rule all\` lists them.`,
    });
  }
  const columns = session.io.stdout.isTerminal ? Math.min(100, session.io.stdout.columns()) : undefined;
  await session.print({
    data: { kind: "PlanRuleList", items: found.map(([rule, says]) => ({ rule, says })) },
    text: () =>
      found
        .map(([rule, says]) => {
          const lines = columns === undefined ? [says] : wrap(says, Math.max(20, columns - 2));
          return [rule, ...lines.map((line) => `  ${line}`)].join("\n");
        })
        .join("\n"),
  });
  return 0;
}
