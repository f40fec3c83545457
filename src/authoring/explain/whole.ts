/**
 * A whole bundle in plain sentences: what it will do and in which order, who may do what, what is denied, what would be touched.
 * It asks the inspection, which asks the policy; nothing here decides, and nothing is left out but values that may be secrets.
 */
import { objectAt, objectsAt, textAt } from "../../bundle/member.ts";
import type { Bundle, GraphNode } from "../../bundle/model.ts";
import { resolveRoute } from "../../bundle/routing.ts";
import { isJsonArray, type JsonValue } from "../../json/value.ts";
import type { BundleInspection } from "../../policy/inspect.ts";
import type { RunPolicy } from "../../policy/model.ts";
import { readableRoots } from "../diff/rights.ts";
import type { ExplainedPart, LineOf, Sentence } from "./model.ts";
import { type ActedOn, memberSentences, nameOf, type StepExtras, stepSentence } from "./step.ts";
import { listed, many, sizeText, timeText } from "./words.ts";

export interface ExplainInput {
  readonly bundle: Bundle;
  readonly policy: RunPolicy;
  readonly inspection: BundleInspection;
  readonly lineOf: LineOf;
  /** The bundle's nodes by id. */
  readonly nodes: ReadonlyMap<string, GraphNode>;
  /** Whether the plan's own text says this word: what it does not say came from the compiler. */
  mentions(word: string): boolean;
  /** Name in the file of a step of the bundle, which may be one of a matrix. */
  writtenAs(stepId: string): string;
}

export function explainBundle(input: ExplainInput): readonly ExplainedPart[] {
  const parts: ExplainedPart[] = [
    { part: "does", title: "What it will do", sentences: doesSentences(input) },
    { part: "stands", title: "What it makes stand", sentences: serviceSentences(input) },
    { part: "judged", title: "What it is judged by", sentences: checkSentences(input) },
    { part: "roles", title: "Who may do what", sentences: roleSentences(input) },
    { part: "may", title: "What it may do", sentences: maySentences(input) },
    { part: "denied", title: "What is denied", sentences: deniedSentences(input) },
    { part: "limits", title: "Limits", sentences: limitSentences(input) },
    { part: "touches", title: "What it touches", sentences: touchSentences(input) },
  ];
  return parts.filter(({ sentences }) => sentences.length > 0);
}

/** One step and all its members; undefined where there is none of this id. */
export function explainStep(input: ExplainInput, stepId: string): readonly ExplainedPart[] | undefined {
  const found = actionsOf(input).filter(
    (action) => nameOf(action) === stepId || input.writtenAs(nameOf(action)) === stepId,
  );
  if (found.length === 0) return undefined;
  return found.map((action) => ({
    part: "step",
    title: nameOf(action),
    sentences: memberSentences(action, extrasOf(action, input), {
      lineOf: input.lineOf,
      at: ["steps", input.writtenAs(nameOf(action))],
    }),
  }));
}

function actionsOf({ inspection }: Pick<ExplainInput, "inspection">): readonly ActedOn[] {
  return [...inspection.steps, ...inspection.nodes];
}

/** What a node says beside its route. */
function extrasOf(action: ActedOn, { bundle, nodes }: ExplainInput): StepExtras {
  const node = nodes.get(action.nodeId);
  if (node === undefined) return {};
  const route = resolveRoute(action.actionType, node, bundle.metadata);
  const execution = objectAt(node.properties, "runtime_execution");
  const retries = objectAt(execution, "retry")["retries"];
  return {
    title: node.name,
    ...(route.kind === "subprocess" && route.files !== undefined ? { files: route.files } : {}),
    ...(typeof retries === "number" ? { retries } : {}),
  };
}

function doesSentences(input: ExplainInput): readonly Sentence[] {
  const { bundle, inspection } = input;
  const actions = actionsOf(input);
  if (actions.length === 0) return [{ text: `${bundle.runId} has no step.` }];
  const { coordination } = inspection;
  const order =
    coordination === null
      ? "in the order of what they need"
      : `in ${many(coordination.layers, "layer")}, ${sideBySide(coordination)}`;
  return [
    {
      text: `${bundle.runId} of ${bundle.scope.tenantId}/${bundle.scope.repoId} carries out ${many(actions.length, "step")} ${order}.`,
    },
    ...actions.map((action) =>
      stepSentence(action, extrasOf(action, input), input.lineOf(["steps", input.writtenAs(nameOf(action))])),
    ),
  ];
}

function sideBySide(coordination: NonNullable<BundleInspection["coordination"]>): string {
  const { parallel, maxInFlightSteps, maxInFlightPerRole } = coordination;
  if (!parallel || maxInFlightSteps === 1) return "one at a time";
  return `at most ${maxInFlightSteps} at a time and ${maxInFlightPerRole} of one role`;
}

function serviceSentences({ bundle, lineOf }: ExplainInput): readonly Sentence[] {
  const provider = textAt(objectAt(bundle.document, "deployment_provider"), "kind");
  return objectsAt(bundle.document, "deployment_intents").map((intent): Sentence => {
    const id = textAt(intent, "node_id") ?? "?";
    const needs = textsOf(intent["depends_on"]);
    const deployment = objectAt(intent, "runtime_deployment");
    const [kind = provider ?? "a provider"] = Object.keys(deployment);
    const own = objectAt(deployment, kind);
    const copies =
      typeof own["replicas"] === "number"
        ? `${many(own["replicas"], "copy").replace(/copys$/, "copies")} of `
        : "";
    const line = lineOf(["services", id]);
    return {
      text: `${copies}${id} should stand, by ${provider ?? kind}${needs.length === 0 ? "" : `, after ${listed(needs)}`}.`,
      about: id,
      ...(line === undefined ? {} : { line }),
    };
  });
}

function checkSentences({ bundle, lineOf }: ExplainInput): readonly Sentence[] {
  const summary = objectAt(objectAt(bundle.document, "intent_policy_projection"), "success_criteria_summary");
  return objectsAt(summary, "criteria").map((criterion): Sentence => {
    const id = textAt(criterion, "id") ?? "?";
    const params = objectAt(criterion, "params");
    const kind = textAt(params, "predicate_kind");
    const bound = params["threshold"];
    const comparator = textAt(params, "threshold_comparator") ?? "";
    const how = `${kind === undefined ? "" : ` by ${kind}`}${typeof bound === "number" ? ` ${comparator} ${bound}` : ""}`;
    const line = lineOf(["checks", id]);
    return {
      text: `${id} must hold${how}: ${textAt(criterion, "summary") ?? id}`.replace(/[^.!?]$/, "$&."),
      about: id,
      ...(line === undefined ? {} : { line }),
    };
  });
}

function roleSentences({ bundle, inspection, lineOf }: ExplainInput): readonly Sentence[] {
  return inspection.roles.map(({ role, steps, network, tools }): Sentence => {
    const roots = readableRoots(bundle, role);
    const reads =
      roots.length === 0
        ? "reads nothing but its own folder and the system"
        : `reads ${listed(roots.map(rootText))}`;
    const line = lineOf(["roles", role]);
    return {
      text: `${role || "A step without a role"} takes ${many(steps, "step")}. It ${reads}, writes in its own folder alone and may ${network ? "" : "not "}use the network.${tools.length === 0 ? "" : ` Its tools are ${listed(tools)}.`}`,
      about: role,
      ...(line === undefined ? {} : { line }),
    };
  });
}

function rootText(root: string): string {
  return root === "." ? "the whole folder that the bundle belongs to" : root;
}

function maySentences({ policy, lineOf }: ExplainInput): readonly Sentence[] {
  const { subprocess, http } = policy;
  const said = (text: string, path: readonly string[]): Sentence => {
    const line = lineOf(path);
    return { text, ...(line === undefined ? {} : { line }) };
  };
  return [
    subprocess.enabled
      ? said(
          `It may start ${listed(subprocess.allowlist)}, each contained by ${subprocess.containment} at least.`,
          ["policy", "programs"],
        )
      : said("It may start no program.", ["policy", "programs"]),
    http.enabled
      ? said(`It may send ${listed(http.methods)} to ${listed(http.allowlist)}.`, ["policy", "http"])
      : said("It may send no request of its own.", ["policy", "http"]),
    said(
      `Programs may ${policy.allowNetwork ? "use the network where their role lets them" : "not use the network"}.`,
      ["policy", "network"],
    ),
  ];
}

function deniedSentences(input: ExplainInput): readonly Sentence[] {
  const { inspection, lineOf, mentions } = input;
  const line = lineOf(["policy", "deny"]);
  return [
    ...inspection.decisions
      .filter(({ allowed }) => !allowed)
      .map(
        ({ action, source, rule }): Sentence => ({
          text: `${action} is denied, by ${source} ${rule}.`,
          about: action,
          denied: true,
          ...(line === undefined || source !== "envelope" || !mentions(action) ? {} : { line }),
        }),
      ),
    ...inspection.deniedActionTypes.map(
      (type): Sentence => ({ text: `Actions of the type ${type} are denied.`, about: type, denied: true }),
    ),
    ...inspection.unresolvedPolicyIds.map(
      (id): Sentence => ({
        text: `The policy ${id} says nothing that akc can apply: enforce and canary refuse the bundle.`,
        about: id,
        denied: true,
      }),
    ),
  ];
}

function limitSentences({ policy }: ExplainInput): readonly Sentence[] {
  const { subprocess } = policy;
  return [
    {
      text: `${policy.runDeadlineMs === undefined ? "The run as a whole has no deadline" : `The run has ${timeText(policy.runDeadlineMs)}`}; no action has longer than ${timeText(policy.actionDeadlineMsMax)}.`,
    },
    ...(subprocess.enabled
      ? [
          {
            text: `A program may put out ${sizeText(subprocess.outputBytesMax)}, start ${many(subprocess.processesMax, "process").replace(/processs$/, "processes")} and write files of ${sizeText(subprocess.fileBytesMax)}.`,
          },
        ]
      : []),
  ];
}

function touchSentences(input: ExplainInput): readonly Sentence[] {
  const { bundle, inspection } = input;
  const actions = actionsOf(input);
  const folders = [...new Set(actions.map(({ workdir }) => workdir.replace(/\/[^/]*$/, "")))];
  const urls = actions.flatMap(({ route }) => (route.kind === "http" ? [route.url] : []));
  const services = objectsAt(bundle.document, "deployment_intents").length;
  return [
    ...(folders.length === 0
      ? []
      : [{ text: `It writes below ${listed(folders, 4)}, where runs are kept, and nowhere else.` }]),
    ...(urls.length === 0 ? [] : [{ text: `It calls ${listed([...new Set(urls)], 6)}.` }]),
    ...(services === 0
      ? []
      : [{ text: `It starts, changes and stops ${many(services, "service")} that outlive the run.` }]),
    ...(inspection.evidenceExpectations.length === 0
      ? []
      : [{ text: `It must leave evidence of ${listed(inspection.evidenceExpectations)}.` }]),
  ];
}

function textsOf(value: JsonValue | undefined): readonly string[] {
  return isJsonArray(value) ? value.filter((item) => typeof item === "string") : [];
}
