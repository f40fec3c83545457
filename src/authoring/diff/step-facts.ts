/**
 * What a step says of itself, member by member: what runs with which input, after what, as whom. Values of variables, headers
 * and texts are shown by size and digest alone.
 */
import { objectAt } from "../../bundle/member.ts";
import type { Bundle, GraphNode, Route } from "../../bundle/model.ts";
import { resolveRoute } from "../../bundle/routing.ts";
import type { JsonValue } from "../../json/value.ts";
import type { InspectedNode, InspectedStep } from "../../policy/inspect.ts";
import { digestOf, flatten, without } from "./flatten.ts";

type Facts = Iterable<readonly [string, JsonValue | undefined]>;

/** Step → the edges that lead to it, as `archive (handoff)`. */
export type Arrivals = ReadonlyMap<string, readonly string[]>;

export function arrivalsOf({ coordination }: Bundle): Arrivals {
  const arrivals = new Map<string, string[]>();
  for (const { src, dst, kind } of coordination?.spec.edges ?? []) {
    const text = kind === "depends_on" ? src : `${src} (${kind})`;
    const known = arrivals.get(dst);
    if (known === undefined) arrivals.set(dst, [text]);
    else known.push(text);
  }
  return arrivals;
}

export function stepFacts(
  action: InspectedStep | InspectedNode,
  node: GraphNode | undefined,
  { bundle, arrivals }: { readonly bundle: Bundle; readonly arrivals: Arrivals },
): Facts {
  const route = resolveRoute(action.actionType, node, bundle.metadata);
  const execution = node === undefined ? {} : objectAt(node.properties, "runtime_execution");
  const known = ["route", "http", "wait"];
  const subprocess = objectAt(execution, "subprocess");
  return [
    ...("stepId" in action
      ? ([
          ["role", action.role],
          ["needs", [...(arrivals.get(action.stepId) ?? [])].sort()],
        ] as const)
      : ([
          ["on", [...action.events].sort()],
          ["needs", [...action.after].sort()],
        ] as const)),
    ...routeFacts(route),
    ...(node === undefined ? [] : ownFacts(node)),
    // What the route does not carry: files, retries, whatever else an adapter reads.
    ...flatten(
      without(execution, [...known, "subprocess", ...(filesOf(route) === undefined ? [] : ["files"])]),
    ),
    ...flatten(without(subprocess, ["argv", "stdin", "env", "timeout_ms"])),
  ].filter((fact) => fact[0] !== "" && !isEmptyMap(fact[1]));
}

function routeFacts(route: Route): [string, JsonValue | undefined][] {
  switch (route.kind) {
    case "subprocess":
      return [
        ["does", "runs a program"],
        ["argv", route.argv],
        ["stdin", route.stdin === undefined ? undefined : digestOf(route.stdin)],
        ...Object.entries(route.env ?? {}).map(([name, value]): [string, JsonValue] => [
          `env ${name}`,
          digestOf(value),
        ]),
        ["timeout ms", route.timeoutMs],
        ["inputs", filesOf(route)?.inputs],
        ["outputs", filesOf(route)?.outputs],
      ];
    case "http":
      return [
        ["does", "sends a request"],
        ["method", route.method],
        ["url", withoutQuery(route.url)],
        ...route.headers.map(([name, value]): [string, JsonValue] => [`header ${name}`, digestOf(value)]),
        ["body", route.body === undefined ? undefined : digestOf(route.body)],
        ["timeout ms", route.timeoutMs],
      ];
    case "wait":
      return [
        ["does", "waits"],
        ...Object.entries(route.for).map(([key, value]): [string, JsonValue] => [`wait ${key}`, value]),
      ];
    case "malformed":
    case "refused":
      return [
        ["does", `nothing: ${route.kind}`],
        ["why", route.why],
      ];
    case "noop":
      return [["does", "nothing"]];
    case "delegate_adapter":
      return [["does", "is handed to the adapter"]];
  }
}

/** Files as an author names them: `step/file`, and what it is called here where that is something else. */
function filesOf(route: Route): { readonly inputs: string[]; readonly outputs: string[] } | undefined {
  if (route.kind !== "subprocess" || route.files === undefined) return undefined;
  const { inputs, outputs } = route.files;
  return {
    inputs: inputs.map(({ stepId, path, as }) => `${stepId}/${path}${as === path ? "" : ` as ${as}`}`).sort(),
    outputs: [...outputs].sort(),
  };
}

/** A query may hold a secret; that it changed is told by its digest. */
function withoutQuery(url: string): string {
  const at = url.search(/[?#]/);
  const plain = (at < 0 ? url : url.slice(0, at)).replace(/\/\/[^/@]*@/, "//");
  return plain === url ? url : `${plain} (${digestOf(url)})`;
}

function ownFacts(node: GraphNode): [string, JsonValue][] {
  const { contract } = node;
  return [
    ["title", node.name],
    ["kind", node.kind],
    ...flatten(without(node.properties, ["runtime_execution"]), "properties"),
    ...(contract === undefined
      ? []
      : ([
          ["contract inputs", [...contract.inputKeys].sort()],
          ["contract outputs", [...contract.outputKeys].sort()],
          ...flatten(contract.acceptance ?? {}, "contract"),
          ...Object.entries(contract.budget ?? {}).map(([key, value]): [string, JsonValue] => [
            `budget ${key}`,
            value ?? null,
          ]),
        ] satisfies [string, JsonValue][])),
  ];
}

function isEmptyMap(value: JsonValue | undefined): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.keys(value).length === 0 &&
    Object.getPrototypeOf(value) === Object.prototype
  );
}
