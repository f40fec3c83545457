/**
 * One step in sentences: what it does, when, as whom, with what, and whether it would be let. Shows no value that may be a secret.
 */
import type { StepFiles } from "../../bundle/model.ts";
import type { InspectedNode, InspectedStep } from "../../policy/inspect.ts";
import type { InspectedRoute } from "../../policy/inspected-route.ts";
import { shellWord } from "../../policy/shell-word.ts";
import type { LineOf, Sentence } from "./model.ts";
import { listed, many, timeText } from "./words.ts";

/** What the inspection does not carry of a step. */
export interface StepExtras {
  readonly title?: string;
  readonly files?: StepFiles;
  /** Further tries after the first. */
  readonly retries?: number;
}

export type ActedOn = InspectedStep | InspectedNode;

export function nameOf(action: ActedOn): string {
  return "stepId" in action ? action.stepId : action.nodeId;
}

/** One paragraph: what, when, as whom, how long. */
export function stepSentence(action: ActedOn, extras: StepExtras, line: number | undefined): Sentence {
  const name = nameOf(action);
  const title = extras.title === undefined || extras.title === name ? "" : ` (${extras.title})`;
  const role = "stepId" in action && action.role !== "" ? ` as ${action.role}` : "";
  const parts = [
    `${name}${title} ${doesWhat(action.route)}${role}, ${when(action)}.`,
    ...filesSentence(extras.files),
    ...boundSentence(action.route, extras),
    ...(action.permission.allowed
      ? []
      : [`It would be DENIED: ${action.permission.why} [${action.permission.code}].`]),
  ];
  return {
    text: parts.join(" "),
    about: name,
    ...(line === undefined ? {} : { line }),
    ...(action.permission.allowed ? {} : { denied: true as const }),
  };
}

/** Every member of a step and what it came to. @param at the path of the step in the file: `["steps", "build"]` */
export function memberSentences(
  action: ActedOn,
  extras: StepExtras,
  { lineOf, at }: { readonly lineOf: LineOf; readonly at: readonly string[] },
): readonly Sentence[] {
  const say = (text: string, ...members: readonly string[]): Sentence => {
    const line = members.map((member) => lineOf([...at, member])).find((found) => found !== undefined);
    return { text, about: nameOf(action), ...(line === undefined ? {} : { line }) };
  };
  const { route, permission } = action;
  return [
    say(`It ${doesWhat(route)}.`, "run", "http", "wait", "agent"),
    say(`It starts ${when(action)}.`, "needs"),
    ...("stepId" in action
      ? [
          say(`${action.role || "No role"} takes it. ${rightsText(action)}`, "role"),
          say(`It stands in layer ${action.layer}.`, "needs"),
        ]
      : [say(`Events call it: ${listed(action.events)}.`)]),
    ...inputSentences(route, say),
    ...filesSentence(extras.files).map((text) => say(text, "inputs", "outputs")),
    ...boundSentence(route, extras).map((text) => say(text, "timeout", "retries")),
    say(`It works in ${action.workdir}.`),
    say(
      `In the bundle it is the node ${action.nodeId} (${action.nodeKind}, contract ${action.contractId}).`,
      "node",
    ),
    permission.allowed
      ? say("It would be allowed.")
      : { ...say(`It would be DENIED: ${permission.why} [${permission.code}].`), denied: true as const },
  ];
}

/** After a name: `runs \`git status\``. */
export function doesWhat(route: InspectedRoute): string {
  switch (route.kind) {
    case "subprocess":
      return `runs \`${route.argv.map(argument).join(" ")}\``;
    case "http":
      return `sends ${route.method} to ${route.url}`;
    case "wait":
      return waitsFor(route);
    case "delegate_adapter":
      return "is handed to the adapter, such as an agent worker";
    case "noop":
      return "does nothing but pass";
    case "malformed":
    case "refused":
      return `cannot be carried out (${route.why})`;
  }
}

/** A script in an argv is read as lines, and a sentence has one: its line ends are shown. */
function argument(text: string): string {
  const shown = shellWord(text.replaceAll("\n", "\\n"));
  return shown.length > 160 ? `${shown.slice(0, 150)}…` : shown;
}

function waitsFor(route: Extract<InspectedRoute, { kind: "wait" }>): string {
  const { signal, approval, timeoutMs, durationMs, until } = route;
  if (durationMs !== undefined) return `waits ${timeText(durationMs)}`;
  if (until !== undefined) return `waits until ${until}`;
  const most = timeoutMs === undefined ? ", as long as the run may" : `, at most ${timeText(timeoutMs)}`;
  return `waits for ${approval === true ? `a person's answer to ${signal}` : `the signal ${signal}`}${most}`;
}

function when(action: ActedOn): string {
  if (action.after.length > 0)
    return `once ${listed(action.after)} ${action.after.length === 1 ? "has" : "have"} succeeded`;
  return "stepId" in action ? "as soon as the run begins" : "when an event calls it";
}

function rightsText(step: InspectedStep): string {
  const tools = step.tools.length === 0 ? "" : ` Its tools are ${listed(step.tools)}.`;
  return `${step.network ? "It may use the network." : "It may not use the network."}${tools}`;
}

function inputSentences(
  route: InspectedRoute,
  say: (text: string, ...members: readonly string[]) => Sentence,
): readonly Sentence[] {
  switch (route.kind) {
    case "subprocess":
      return [
        ...(route.env.length === 0 ? [] : [say(`It is given the variables ${listed(route.env)}.`, "env")]),
        ...(route.stdin === undefined
          ? []
          : [
              say(
                `It reads ${many(route.stdin.bytes, "byte")} from its standard input, sha256 ${route.stdin.sha256}.`,
                "run",
              ),
            ]),
      ];
    case "http":
      return [
        ...(route.headers.length === 0
          ? []
          : [say(`It sends the headers ${listed(route.headers)}.`, "http")]),
        ...(route.body === undefined
          ? []
          : [say(`Its body has ${many(route.body.bytes, "byte")}, sha256 ${route.body.sha256}.`, "http")]),
      ];
    default:
      return [];
  }
}

function filesSentence(files: StepFiles | undefined): readonly string[] {
  if (files === undefined) return [];
  const inputs = files.inputs.map(
    ({ stepId, path, as }) => `${stepId}/${path}${as === path ? "" : ` as ${as}`}`,
  );
  return [
    ...(inputs.length === 0 ? [] : [`It is given ${listed(inputs)}.`]),
    ...(files.outputs.length === 0 ? [] : [`It must leave ${listed(files.outputs)}.`]),
  ];
}

function boundSentence(route: InspectedRoute, { retries }: StepExtras): readonly string[] {
  const time = route.kind === "subprocess" || route.kind === "http" ? timeText(route.timeoutMs) : undefined;
  if (time === undefined) return [];
  const tries =
    retries === undefined
      ? ""
      : retries === 0
        ? ", and one try"
        : `, and ${many(retries, "further try").replace(/trys$/, "tries")}`;
  return [`It has ${time}${tries}.`];
}
