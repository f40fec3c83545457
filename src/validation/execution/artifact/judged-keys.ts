/**
 * What akc adds to every documented artifact: the verdict, by whom and of what it was given, and all that is needed to give it again
 * from the files alone. Holds no secret and no value of a header that may be one. Pure.
 */
import { type MutableJsonObject, setMember } from "../../../json/member.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../../json/value.ts";
import type { WireContext } from "../../../sdk/protocol.ts";
import type { Validator } from "../../../validators/contract.ts";
import {
  holdsCredential,
  isKnownToken,
  looksLikeToken,
  namesCredential,
} from "../../bindings/credentials.ts";
import { builtinKinds, documentedKinds } from "../../bindings/model.ts";
import { type Attempt, type Judgement, lastAttempt } from "../judgement.ts";
import { mainResponse, type ObservedFiles } from "./observed-files.ts";
import { exchangeJson } from "./recorded-exchange.ts";

/** Of evidence: these stand by themselves in an artifact. */
const liftedKeys = ["range", "series", "samples", "aggregate", "warnings"] as const;

export function judgementJson(judgement: Judgement, files: ObservedFiles): JsonObject {
  const { binding, validator, context, attempts } = judgement;
  const last = lastAttempt(judgement);
  const { verdict, reason, message, observed, evidence } = last.answer;
  const { value, ...seen } = observed;
  const rest = Object.entries(evidence).filter(([key]) => !liftedKeys.some((lifted) => lifted === key));
  const lifted = liftedKeys.flatMap((key) => {
    const item = evidence[key];
    return item === undefined ? [] : [[key, item] as const];
  });
  const main = mainResponse(last.exchanges);
  return {
    verdict,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    ...(value === undefined ? {} : { value }),
    judged_by: last.judgedBy,
    dry_run: binding.dryRun,
    evaluated_at_ms: last.evaluatedAtMs,
    timeout_ms: binding.timeoutMs,
    duration_ms: Math.round(last.durationMs),
    binding: recordedSettings(binding.kind, binding.settings),
    ...(validator === undefined ? {} : { validator: validatorJson(validator) }),
    ...(context === undefined ? {} : { context: contextJson(context) }),
    ...Object.fromEntries(lifted),
    ...(rest.length === 0 ? {} : { evidence: Object.fromEntries(rest) }),
    ...(Object.keys(seen).length === 0 ? {} : { observed: seen }),
    ...(main === undefined ? {} : { response_sha256: main.body.sha256 }),
    exchanges: last.exchanges.map((exchange) => exchangeJson(exchange, files.pathOf)),
    ...(attempts.length === 1 ? {} : { attempts: attempts.map(attemptJson) }),
    ...(files.leftOut === 0 ? {} : { files_left_out: files.leftOut }),
  };
}

function attemptJson({ answer, evaluatedAtMs, durationMs, exchanges }: Attempt): JsonObject {
  return {
    verdict: answer.verdict,
    ...(answer.reason === undefined ? {} : { reason: answer.reason }),
    ...(answer.message === undefined ? {} : { message: answer.message }),
    evaluated_at_ms: evaluatedAtMs,
    duration_ms: Math.round(durationMs),
    exchanges: exchanges.length,
  };
}

function validatorJson({ id, plugin }: Pick<Validator, "id" | "plugin">): JsonObject {
  return {
    id,
    ...(plugin === undefined ? {} : { plugin: plugin.id, version: plugin.version, digest: plugin.digest }),
  };
}

function contextJson(context: WireContext): JsonObject {
  const { tenant_id, repo_id, run_id, runtime_run_id, policy_mode, adapter_id } = context;
  return { tenant_id, repo_id, run_id, runtime_run_id, policy_mode, adapter_id };
}

const hiddenValue = "[redacted]";

/** The settings as they were judged by. A registry holds no credential; should one have come in, it is not carried on. */
export function recordedSettings(kind: string, settings: JsonObject): JsonObject {
  const { headers, secret_headers: named, ...own } = settings;
  return {
    // What a plugin's kind has of its own was checked by nobody.
    ...(isOwn(kind) ? own : withoutCredentials(own)),
    ...(headers === undefined ? {} : { headers: isJsonObject(headers) ? shownHeaders(headers) : headers }),
    // Names of secrets.
    ...(named === undefined ? {} : { secret_headers: named }),
  };
}

function isOwn(kind: string): boolean {
  return [...documentedKinds, ...builtinKinds].some((own) => own === kind);
}

function withoutCredentials(settings: JsonObject): JsonObject {
  const members: MutableJsonObject = {};
  for (const [name, value] of Object.entries(settings)) {
    const isNamed = typeof value === "string" && namesCredential(name);
    setMember(members, name, isNamed ? hiddenValue : withoutTokens(value));
  }
  return members;
}

function withoutTokens(value: JsonValue): JsonValue {
  if (typeof value === "string") return isKnownToken(value) ? hiddenValue : value;
  if (isJsonArray(value)) return value.map(withoutTokens);
  return isJsonObject(value) ? withoutCredentials(value) : value;
}

function shownHeaders(headers: JsonObject): JsonObject {
  const isHidden = (name: string, value: JsonValue) =>
    namesCredential(name) || typeof value !== "string" || looksLikeToken(value) || holdsCredential(value);
  const shown = Object.entries(headers).map(
    ([name, value]) => [name, isHidden(name, value) ? hiddenValue : value] as const,
  );
  return Object.fromEntries(shown);
}
