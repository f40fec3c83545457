/**
 * The documented probes of a whole provider (`deployment_provider.observe_probes`), asked once a look and not once a resource.
 * Forgives what the document forgives: rows that make no sense are left out, numbers out of range are brought into it.
 *
 * Source: spec reconcile §2.
 */
import { member } from "../../bundle/member.ts";
import { asDouble, isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { connectTcp } from "../../system/tcp-connect.ts";
import type { HealthCondition, ProviderCall } from "../contract.ts";
import { checkHttp } from "./check.ts";
import { probeUrl } from "./schema.ts";

/**
 * One condition a row of kind `http` or `tcp`, in the order of the rows. A `healthy` resource of the provider is `degraded`
 * while any of them is `false`; they never enter what is compared. Never rejects.
 *
 * @param rows the member `observe_probes` as it stands in the bundle
 */
export async function runObserveProbes(
  rows: JsonValue | undefined,
  { signal }: ProviderCall,
): Promise<readonly HealthCondition[]> {
  const asked = (isJsonArray(rows) ? rows : []).filter(isJsonObject);
  const found = new Array<HealthCondition | undefined>(asked.length);
  let next = 0;
  const work = async () => {
    for (let index = next++; index < asked.length; index = next++) {
      const row = asked[index];
      if (row !== undefined) found[index] = await conditionOf(row, index, signal);
    }
  };
  await Promise.all(Array.from({ length: Math.min(asked.length, limits.probesInParallelMax) }, work));
  return found.filter((condition) => condition !== undefined);
}

async function conditionOf(
  row: JsonObject,
  index: number,
  signal: AbortSignal,
): Promise<HealthCondition | undefined> {
  const kind = member(row, "kind");
  const timeoutMs = Math.min(
    Math.max(integer(row, "timeout_ms") ?? limits.probeTimeoutMsDefault, 1),
    limits.probeTimeoutMsMax,
  );
  switch (typeof kind === "string" ? kind.trim().toLowerCase() : "") {
    case "tcp":
      return tcpCondition(row, timeoutMs, signal);
    case "http":
      return httpCondition(row, index, timeoutMs, signal);
    default:
      return undefined;
  }
}

async function tcpCondition(
  row: JsonObject,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<HealthCondition> {
  const type = "ProbeTcp";
  const host = text(row, "host") ?? "127.0.0.1";
  const port = integer(row, "port") ?? 0;
  if (port < 1 || port > 65_535)
    return { type, status: "false", reason: "tcp_failed", message: "invalid_port" };
  const answer = await connectTcp({ host, port, timeoutMs, signal });
  return answer.kind === "connected"
    ? { type, status: "true", reason: "tcp_connected" }
    : { type, status: "false", reason: "tcp_failed", message: answer.code };
}

async function httpCondition(
  row: JsonObject,
  index: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<HealthCondition> {
  const type = "ProbeHttp";
  const url = text(row, "url");
  if (url === undefined) return { type, status: "false", reason: "missing_url", message: `probe[${index}]` };
  const failed = (message: string): HealthCondition => ({
    type,
    status: "false",
    reason: "http_failed",
    message,
  });
  if (probeUrl(url) === undefined) return failed("url_must_be_http_or_https_with_host");
  const outcome = await checkHttp({
    url,
    statusMin: integer(row, "expected_status_min") ?? 200,
    statusMax: integer(row, "expected_status_max") ?? 299,
    timeoutMs,
    signal,
  });
  return outcome.passed ? { type, status: "true", reason: "http_ok" } : failed(outcome.message);
}

function integer(row: JsonObject, key: string): number | undefined {
  const value = member(row, key);
  const number = typeof value === "number" || typeof value === "bigint" ? asDouble(value) : undefined;
  return number !== undefined && Number.isInteger(number) ? number : undefined;
}

function text(row: JsonObject, key: string): string | undefined {
  const value = member(row, key);
  return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
}
