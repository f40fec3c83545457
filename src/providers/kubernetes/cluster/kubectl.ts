/**
 * Asks kubectl, bounded in time and output, always in the provider's namespace and context. What it answers is parsed here and
 * nowhere else; what it refuses is a value with a reason, not an exception.
 */

import { AkcError } from "../../../errors.ts";
import { canonicalJson } from "../../../json/canonical.ts";
import { parseJson } from "../../../json/read.ts";
import { isJsonArray, isJsonObject, type JsonObject } from "../../../json/value.ts";
import { limits } from "../../../limits.ts";
import type { Clock } from "../../../system/clock.ts";
import { findTool, type Tool } from "../../../system/tool.ts";
import type { ProviderCall } from "../../contract.ts";
import { type Failure, failureOf } from "./failure.ts";

export interface Answer {
  readonly objects: readonly JsonObject[];
  /** Absent where all went well. Objects may have been given nevertheless. */
  readonly failure?: Failure;
}

export interface Question {
  readonly args: readonly string[];
  /** What `-f -` reads. */
  readonly stdin?: JsonObject;
  /** What it prints is for people: `objects` stays empty. */
  readonly silent?: boolean;
}

export interface Kubectl {
  /** How many processes were started. */
  readonly runs: number;
  /** A span of work with one deadline for all that is asked in it. */
  within(call: ProviderCall, timeoutMs: number): Asking;
}

export interface Asking {
  /** @throws AkcError CANCELLED */
  ask(question: Question): Promise<Answer>;
}

/** What kubectl and the credential plugins that it starts find their configuration by; no variable that holds a secret. */
const environment = [
  "HOME",
  "KUBECONFIG",
  "KUBERNETES_SERVICE_HOST",
  "KUBERNETES_SERVICE_PORT",
  "HTTPS_PROXY",
  "HTTP_PROXY",
  "NO_PROXY",
  "https_proxy",
  "http_proxy",
  "no_proxy",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "AWS_PROFILE",
  "AWS_REGION",
  "AWS_DEFAULT_REGION",
  "AWS_CONFIG_FILE",
  "AWS_SHARED_CREDENTIALS_FILE",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_ROLE_ARN",
  "CLOUDSDK_CONFIG",
  "GOOGLE_APPLICATION_CREDENTIALS",
  "USE_GKE_GCLOUD_AUTH_PLUGIN",
  "AZURE_CONFIG_DIR",
] as const;

export interface KubectlPlace {
  readonly namespace: string;
  readonly context?: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

/** @throws AkcError TOOL_MISSING */
export function findKubectl(place: KubectlPlace): Kubectl {
  const tool = findTool({ name: "kubectl", override: "AKC_KUBECTL", env: place.env, environment });
  return {
    get runs() {
      return tool.runs;
    },
    within(call, timeoutMs) {
      const deadline = place.clock.monotonicMs() + timeoutMs;
      return {
        ask: (question) => asked(tool, place, question, call, deadline - place.clock.monotonicMs()),
      };
    },
  };
}

async function asked(
  tool: Tool,
  { namespace, context, cwd }: KubectlPlace,
  { args, stdin, silent }: Question,
  { signal }: ProviderCall,
  leftMs: number,
): Promise<Answer> {
  const timeoutMs = Math.floor(leftMs);
  if (timeoutMs <= 0) return { objects: [], failure: late("there was no time left to ask") };
  const requestMs = Math.min(timeoutMs, limits.kubernetesRequestMsMax);
  try {
    const { exitCode, stdout, stderr } = await tool.run({
      args: [
        `--namespace=${namespace}`,
        ...(context === undefined ? [] : [`--context=${context}`]),
        `--request-timeout=${requestMs}ms`,
        ...args,
      ],
      ...(stdin === undefined ? {} : { stdin: canonicalJson(stdin) }),
      cwd,
      timeoutMs,
      outputBytesMax: limits.toolOutputBytesMax,
      signal,
    });
    const told = silent === true ? { objects: [] } : readObjects(stdout);
    return { ...told, ...(exitCode === 0 ? {} : { failure: failureOf(stderr) }) };
  } catch (cause) {
    if (!(cause instanceof AkcError) || cause.code === "CANCELLED") throw cause;
    if (cause.code === "TOOL_TIMEOUT") return { objects: [], failure: late(cause.message) };
    return {
      objects: [],
      failure: { reason: "failed", reasons: new Set(["failed"]), message: cause.message },
    };
  }
}

function late(message: string): Failure {
  return { reason: "timeout", reasons: new Set(["timeout"]), message };
}

/** One object, a list of them, or nothing; what is no JSON is no answer. */
function readObjects(stdout: string): Answer {
  if (stdout.trim() === "") return { objects: [] };
  try {
    const value = parseJson(stdout);
    if (!isJsonObject(value)) return unreadable("its answer is no object");
    const items = value["items"];
    if (!isJsonArray(items)) return { objects: [value] };
    return { objects: items.filter((item) => isJsonObject(item)) };
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    return unreadable(cause.message);
  }
}

function unreadable(why: string): Answer {
  const message = `kubectl's answer cannot be read: ${why}`;
  return { objects: [], failure: { reason: "failed", reasons: new Set(["failed"]), message } };
}
