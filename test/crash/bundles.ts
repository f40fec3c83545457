/**
 * What is killed: bundles that between them have every kind of step, whose steps leave a trace outside of akc each time
 * that they begin. What each of them puts out is the same in every run.
 */
import { type BundleBuilder, bundle, edge, get, type Json, noop, type StepRoute, sh } from "../e2e/bundle.ts";

/** Each begin of a child, appended in one write: `begin ACTION ATTEMPT`. */
export const ledgerName = "ledger";

export interface Scenario {
  readonly name: string;
  /** @param origin folder of the counting server that is this world's own, ends with a slash */
  bundle(origin: string): BundleBuilder;
  /** Signals that it needs, by name. */
  readonly signals?: readonly string[];
}

/** A child that says that it began, does `script`, and prints something that is always the same. */
function counted(name: string, script = ":"): StepRoute {
  const begin = `printf 'begin %s %s\\n' "$AKC_ACTION_ID" "$AKC_ATTEMPT" >>${ledgerName}`;
  return sh(`${begin}; ${script}; echo did ${name}`, { timeoutMs: 20_000 });
}

const nap = (ms: number) => `sleep ${ms / 1_000}`;

/** Subprocess, HTTP, nothing, an agent's turn; fork, join and handoff; an output too large for the database. */
const train: Scenario = {
  name: "train",
  bundle: (origin) => {
    const nodes = ["checkout", "lint", "large", "ask", "pause", "agent", "join", "publish", "note"];
    const edges = [
      edge("checkout", "lint"),
      edge("checkout", "large"),
      edge("checkout", "ask"),
      edge("lint", "join"),
      edge("ask", "join"),
      handoff("large", "join"),
      edge("pause", "join"),
      edge("pause", "agent"),
      handoff("agent", "join"),
      handoff("join", "publish"),
      edge("publish", "note"),
    ];
    return bundle()
      .step("checkout", counted("checkout"))
      .step("lint", counted("lint", nap(40)))
      .step("large", counted("large", "seq 1 8000"))
      .step("ask", get(`${origin}slow/ask`))
      .step("pause", noop)
      .step("agent", { route: "delegate_adapter" })
      .step("join", counted("join", `cat "$AKC_HANDOFF_DIR"/* | wc -c; ${nap(20)}`))
      .step("publish", get(`${origin}ok/publish`))
      .step("note", counted("note"))
      .reaching(origin)
      .lanes({ subprocess_allowlist: ["sh"] })
      .coordination({
        // The first one that knows handoffs.
        spec_version: 2,
        coordination_graph: { nodes: nodes.map((id) => ({ node_id: id, kind: "step" })), edges },
      });
  },
};

/** Nodes that events trigger: one each by the start, in a chain, and one by the death of another. */
const triggered: Scenario = {
  name: "triggered",
  bundle: (origin) =>
    withReactor(
      bundle()
        .started("fetch", counted("fetch", nap(20)))
        .started("build", counted("build"), "fetch")
        .started("call", get(`${origin}ok/call`), "fetch")
        .started("doomed", { route: "subprocess", subprocess: { argv: [] } }, "build")
        .reaching(origin),
    ),
};

/** Attempts that fail and are tried again, of a child and of a server; one that never succeeds, and who waits for it. */
const retries: Scenario = {
  name: "retries",
  bundle: (origin) =>
    bundle()
      .step("once", counted("once", "test -e tried || { : >tried; exit 1; }"))
      .step("busy", get(`${origin}flaky/busy`))
      .step("after", counted("after"), "once", "busy")
      .step("malformed", { route: "subprocess", subprocess: { argv: [] } })
      .step("held", counted("held"), "malformed")
      .reaching(origin),
};

/** Waits for a clock and for a person. */
const waits: Scenario = {
  name: "waits",
  signals: ["go"],
  bundle: () =>
    bundle()
      .step("before", counted("before"))
      .step("clock", wait({ duration_ms: 250 }), "before")
      .step("person", wait({ signal: "go", timeout_ms: 60_000 }), "before")
      .step("after", counted("after"), "clock", "person"),
};

/** More at once than there are places, each over in no time. */
const wide: Scenario = {
  name: "wide",
  bundle: () => {
    let built = bundle().step("first", counted("first"));
    for (let n = 0; n < 12; n += 1) {
      built = built.step(`n${n}`, n % 3 === 0 ? noop : counted(`n${n}`), "first");
    }
    return built.step("last", counted("last"), ...Array.from({ length: 12 }, (_, n) => `n${n}`));
  },
};

/** Longer than the lease is renewed after; meanwhile one fails until nobody tries it again. */
export const long: Scenario = {
  name: "long",
  bundle: () =>
    bundle()
      .step("sleep", counted("sleep", nap(5_600)))
      .step("after", counted("after"), "sleep")
      .step("doomed", counted("doomed", "exit 3"))
      .step("held", counted("held"), "doomed"),
};

export const scenarios: readonly Scenario[] = [train, triggered, retries, waits, wide];

function wait(spec: Json): StepRoute {
  return { route: "wait", wait: spec };
}

function handoff(from: string, to: string): Json {
  return { ...edge(from, to, "handoff"), metadata: { handoff_id: `${from}-${to}` } };
}

/** Adds a node that runs once a node's action has failed for good. */
function withReactor(built: BundleBuilder): BundleBuilder {
  const type = "runtime.action.dead_lettered";
  const contract = {
    contract_id: "contract-mourn",
    contract_category: "runtime",
    triggers: [{ trigger_id: "death", source: type, details: { event_type: type } }],
    io_contract: { input_keys: ["reason"], output_keys: ["action_id"] },
  };
  const document = built.document();
  const listed = (key: string) => {
    const value = document[key];
    return Array.isArray(value) ? value : [];
  };
  const node = {
    id: "mourn",
    tenant_id: "acme",
    kind: "workflow",
    name: "mourn",
    properties: { runtime_execution: counted("mourn") },
    depends_on: [],
    contract,
  };
  return built.with({
    referenced_ir_nodes: [...listed("referenced_ir_nodes"), node],
    referenced_contracts: [...listed("referenced_contracts"), contract],
  });
}
