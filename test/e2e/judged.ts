/**
 * Runs that are judged by outside evidence, for tests of the binary: what a bundle asks for, where a registry says it is to be had, and
 * what was told of it afterwards. Makes documents and reads files; it judges nothing itself.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type BundleBuilder, bundle, type Json, runId, sh } from "./bundle.ts";
import { jsonObject, type Started, type World } from "./world.ts";

/** A signal of a query's artifact: its number, unless `more` says otherwise. */
export function queried(stub: string, more: Json = {}): Json {
  return {
    evidence_type: "akc_observability_query_result",
    payload_path: "summary.value",
    validator_stub: stub,
    ...more,
  };
}

/** Params: the number of this binding is at most that. */
export function atMost(threshold: number, stub: string, more: Json = {}): Json {
  return thresholds([queried(stub)], "lte", threshold, more);
}

export function thresholds(
  signals: readonly Json[],
  comparator: "lte" | "gte" | "eq",
  threshold: number,
  more: Json = {},
): Json {
  const predicate = { predicate_kind: "threshold", threshold, threshold_comparator: comparator };
  return { spec_version: 1, window: "single_run", ...predicate, signals, ...more };
}

/** Params: there is a status, as every guide for such criteria shows it. */
export function answered(stub: string, more: Json = {}): Json {
  return present([queried(stub, { payload_path: "status" })], more);
}

export function present(signals: readonly Json[], more: Json = {}): Json {
  return { spec_version: 1, window: "single_run", predicate_kind: "presence", signals, ...more };
}

export function criterion(id: string, params: Json, more: Json = {}): Json {
  return { id, evaluation_mode: "operational_spec", params, ...more };
}

/** A bundle of one small action, whose run may ask and is judged by these. */
export function judged(...criteria: readonly Json[]): BundleBuilder {
  const summary = { count: criteria.length, evaluation_modes: ["operational_spec"], criteria };
  return bundle()
    .started("work", sh("echo worked >worked"))
    .with({
      layer_replacement_mode: "full",
      intent_policy_projection: { success_criteria_summary: summary },
    });
}

/** Writes a registry of these bindings. Returns its path. */
export async function registry(world: World, bindings: Json, name = "bindings.json"): Promise<string> {
  const path = join(world.side, name);
  await Bun.write(path, JSON.stringify({ schema_kind: "validator_bindings", bindings }));
  return path;
}

/** The manifest of the compile run as a compiler leaves it. */
export async function compiled(world: World): Promise<void> {
  const ids = { tenant_id: "acme", repo_id: "shop", run_id: runId };
  const manifest = { schema_kind: "run_manifest", manifest_version: 1, ...ids };
  await world.write(`.akc/run/${runId}.manifest.json`, JSON.stringify(manifest));
}

/** Starts it with this registry, in mode enforce unless the flags say otherwise. */
export async function start(
  world: World,
  bundle: BundleBuilder,
  bindings: Json,
  ...flags: readonly string[]
): Promise<Started> {
  return world.start(bundle, "--validator-bindings", await registry(world, bindings), ...flags);
}

/** `akc verify` of the scope. */
export function verify(world: World, ...flags: readonly string[]): Promise<Started> {
  return world.ask("verify", "--tenant-id", "acme", "--repo-id", "shop", ...flags);
}

/** What `akc verify` found, a line each: `error operational.evidence_tampered`. */
export function findings({ report }: Started): readonly string[] {
  return objects(report["findings"]).map(({ severity, code }) => `${severity} ${code}`);
}

export function idOf({ report }: Started): string {
  return String(report["runtime_run_id"]);
}

/** How the run ended, what it was judged to be, and the code that it gives for it. */
export function standing(ran: Started): readonly unknown[] {
  const { outcome, validity, last_error_code: code } = ran.report;
  return [ran.code, outcome, jsonObject(JSON.stringify(validity ?? null))["verdict"], code];
}

/** The lines of what did not pass. */
export function failures({ report }: Started): readonly string[] {
  const lines = jsonObject(JSON.stringify(report["validity"] ?? null))["failures"];
  return Array.isArray(lines) ? lines.map(String) : [];
}

/** The report of a run, from its own folder. */
export function reportOf(world: World, run: Started): Json {
  return readJson(join(world.runFolder(idOf(run)), "operational_validity_report.json"));
}

/** The checks of a report that judge signals, metrics, spans and windows: `check verdict reason`. */
export function checks(report: Json): readonly string[] {
  return objects(report["predicate_results"])
    .filter(({ signal_key: key }) => !ofTheRun.has(String(key)))
    .map(({ signal_key: key, verdict, reason }) => [key, verdict, reason].filter(Boolean).join(" "));
}

const ofTheRun: ReadonlySet<string> = new Set(["aggregate_terminal_health", "reconcile_convergence"]);

/** The rows of a run's evidence that a binding left. */
export function rowsOf(world: World, run: Started, bindingId: string): readonly Json[] {
  return evidenceOf(world, run)
    .map(({ payload }) => jsonObject(JSON.stringify(payload)))
    .filter(({ binding_id: id }) => id === bindingId);
}

export function rowOf(world: World, run: Started, bindingId: string): Json {
  const [row, ...others] = rowsOf(world, run, bindingId);
  if (row === undefined || others.length > 0) throw new Error(`not one row of ${bindingId}`);
  return row;
}

export function evidenceOf(world: World, run: Started): readonly Json[] {
  const path = join(world.runFolder(idOf(run)), "runtime_evidence.json");
  const rows: unknown = JSON.parse(readFileSync(path, "utf8"));
  return objects(rows);
}

export function readJson(path: string): Json {
  return existsSync(path) ? jsonObject(readFileSync(path, "utf8")) : {};
}

export function objects(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map((item) => jsonObject(JSON.stringify(item))) : [];
}

/** What a metrics system of this host answers: a number, a list of samples with their age in seconds, or any response. */
export type Says = number | undefined | Response;

/** Answers instant queries as Prometheus does, each with what `says` says of it; undefined is an empty vector. */
export function metricsSystem(says: (query: string) => Says) {
  let requests = 0;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      requests += 1;
      const value = says(new URL(request.url).searchParams.get("query") ?? "");
      if (value instanceof Response) return value;
      const result = value === undefined ? [] : [{ metric: {}, value: [Date.now() / 1_000, String(value)] }];
      return Response.json({ status: "success", data: { resultType: "vector", result } });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}/api/v1/query`,
    get requests() {
      return requests;
    },
    stop: () => server.stop(true),
  };
}

export function promql(url: string, query: string, more: Json = {}): Json {
  return { kind: "promql_query", url, query, ...more };
}
