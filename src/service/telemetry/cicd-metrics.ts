/**
 * Attempts and recompiles under the names of OpenTelemetry's conventions for CI/CD, beside akc's own. Counts what is told; the
 * conventions may move, akc's own names do not.
 *
 * Source: OpenTelemetry semantic conventions, cicd metrics (status: development).
 */
import type { ControllerStatus, Telling } from "../../autopilot/contract.ts";
import { counter, histogram } from "../metrics/instruments.ts";
import type { Family } from "../metrics/model.ts";
import type { AttemptNews } from "./attempts.ts";
import { errorTypeOf, pipelineName, recompileSpan, resultOf } from "./spans.ts";

export interface CicdMetrics {
  told(told: Telling, news: AttemptNews | undefined): void;
  families(status: ControllerStatus): readonly Family[];
}

const bounds = [1, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400];

export function cicdMetrics(): CicdMetrics {
  const duration = histogram(
    {
      name: "cicd.pipeline.run.duration",
      help: "Duration of a pipeline run grouped by pipeline, state and result.",
      unit: "s",
      labels: ["cicd.pipeline.name", "cicd.pipeline.run.state", "cicd.pipeline.result", "error.type"],
    },
    bounds,
  );
  const errors = counter({
    name: "cicd.pipeline.run.errors",
    help: "Errors encountered in pipeline runs.",
    unit: "{error}",
    labels: ["cicd.pipeline.name", "error.type"],
  });
  const systemErrors = counter({
    name: "cicd.system.errors",
    help: "Errors in a component of the system itself.",
    unit: "{error}",
    labels: ["cicd.system.component", "error.type"],
  });
  const ran = (name: string, state: string, ms: number, result = "", errorType = "") =>
    duration.observe(
      {
        "cicd.pipeline.name": name,
        "cicd.pipeline.run.state": state,
        "cicd.pipeline.result": result,
        "error.type": errorType,
      },
      Math.max(0, ms) / 1_000,
    );
  return {
    told(told, news) {
      if (news?.news === "deployed" && news.attempt.deployed !== undefined) {
        const { kind, startedAtMs, deployed } = news.attempt;
        ran(pipelineName(kind), "executing", deployed.atMs - startedAtMs);
      }
      if (news?.news === "ended") {
        const name = pipelineName(news.attempt?.kind);
        const errorType = errorTypeOf(news);
        const deployed = news.attempt?.deployed;
        const since = deployed?.atMs ?? news.attempt?.startedAtMs ?? news.atMs;
        const state = deployed === undefined ? "executing" : "finalizing";
        ran(name, state, news.atMs - since, resultOf(news.verdict), errorType);
        if (errorType !== undefined) errors.add({ "cicd.pipeline.name": name, "error.type": errorType });
      }
      const recompile = recompileSpan(told);
      if (recompile !== undefined) {
        const { attributes, startMs, endMs } = recompile;
        const name = pipelineName("recompile");
        const errorType = attributes["error.type"];
        const type = errorType === undefined ? undefined : String(errorType);
        ran(name, "executing", endMs - startMs, String(attributes["cicd.pipeline.result"]), type);
        if (type !== undefined) errors.add({ "cicd.pipeline.name": name, "error.type": type });
      }
      if (told.kind === "entry" && told.entry.fact.type === "visit_failed") {
        systemErrors.add({ "cicd.system.component": "controller", "error.type": told.entry.fact.code });
      }
    },
    families: (status) => [active(status), duration.family(), errors.family(), systemErrors.family()],
  };
}

function active({ scopes }: ControllerStatus): Family {
  const held = scopes.filter(({ holding }) => holding);
  const count = (name: string, state: string, value: number) => ({
    labels: { "cicd.pipeline.name": name, "cicd.pipeline.run.state": state },
    value,
  });
  const attempts = (kind: "rollout" | "repair", phase: "running" | "baking") =>
    held.filter(({ state: { attempt } }) => attempt?.kind === kind && attempt.phase.kind === phase).length;
  return {
    name: "cicd.pipeline.run.active",
    help: "Pipeline runs that are active in the system, by state.",
    unit: "{run}",
    kind: "updown",
    series: [
      count(pipelineName("rollout"), "executing", attempts("rollout", "running")),
      count(pipelineName("rollout"), "finalizing", attempts("rollout", "baking")),
      count(pipelineName("repair"), "executing", attempts("repair", "running")),
      count(pipelineName("repair"), "finalizing", attempts("repair", "baking")),
      count(
        pipelineName("recompile"),
        "executing",
        held.filter(({ state }) => state.recompiling !== undefined).length,
      ),
    ],
  };
}
