/**
 * Asks kubectl for leases, bounded in time and output, in one namespace. What it prints is parsed here and nowhere else; what it
 * refuses is a value with its words, not an exception.
 */
import { AkcError } from "../../errors.ts";
import { canonicalJson } from "../../json/canonical.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonArray, isJsonObject, type JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { findTool, type Tool } from "../../system/tool.ts";

export interface KubectlPlace {
  readonly namespace: string;
  /** Absolute path of its configuration; absent: its own way. */
  readonly kubeconfig?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of one call. */
  readonly timeoutMs: number;
}

export interface KubectlAnswer {
  /** Those that were read or written, also when others were refused. */
  readonly objects: readonly JsonObject[];
  /** What it said when not all went well. */
  readonly failure?: string;
}

export interface LeaseKubectl {
  get(names: readonly string[]): Promise<KubectlAnswer>;
  create(object: JsonObject): Promise<KubectlAnswer>;
  /** Each on its own: what one is refused for does not keep the others. */
  replace(objects: readonly JsonObject[]): Promise<KubectlAnswer>;
  /** Ends what is under way. */
  close(): void;
}

/** What kubectl and the credential plugins that it starts find their configuration by; no variable that holds a secret. */
const environment =
  "HOME KUBECONFIG KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT HTTPS_PROXY HTTP_PROXY NO_PROXY https_proxy http_proxy no_proxy SSL_CERT_FILE SSL_CERT_DIR AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_ARN CLOUDSDK_CONFIG GOOGLE_APPLICATION_CREDENTIALS USE_GKE_GCLOUD_AUTH_PLUGIN AZURE_CONFIG_DIR".split(
    " ",
  );

const resource = "leases.coordination.k8s.io";

/** @throws AkcError TOOL_MISSING */
export function findLeaseKubectl(place: KubectlPlace): LeaseKubectl {
  const tool = findTool({ name: "kubectl", override: "AKC_KUBECTL", env: place.env, environment });
  const closing = new AbortController();
  const ask = (args: readonly string[], stdin?: JsonObject) =>
    asked(tool, place, closing.signal, args, stdin);
  return {
    get: (names) => ask(["get", resource, ...names, "--ignore-not-found", "--output=json"]),
    create: (object) => ask(["create", "--filename=-", "--output=json"], object),
    replace: (objects) =>
      ask(["replace", "--filename=-", "--output=json"], { apiVersion: "v1", kind: "List", items: objects }),
    close: () => closing.abort(),
  };
}

async function asked(
  tool: Tool,
  { namespace, kubeconfig, timeoutMs }: KubectlPlace,
  signal: AbortSignal,
  args: readonly string[],
  stdin: JsonObject | undefined,
): Promise<KubectlAnswer> {
  try {
    const { exitCode, stdout, stderr } = await tool.run({
      args: [
        `--namespace=${namespace}`,
        ...(kubeconfig === undefined ? [] : [`--kubeconfig=${kubeconfig}`]),
        `--request-timeout=${Math.floor(timeoutMs)}ms`,
        ...args,
      ],
      ...(stdin === undefined ? {} : { stdin: canonicalJson(stdin) }),
      timeoutMs,
      outputBytesMax: limits.leaseKubectlBytesMax,
      signal,
    });
    const objects = objectsIn(stdout);
    return exitCode === 0 ? { objects } : { objects, failure: saidIn(stderr) };
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    return { objects: [], failure: `${cause.code}: ${cause.message}` };
  }
}

/** One object, a list of them, or several documents one after the other, as `replace` prints them. */
function objectsIn(stdout: string): readonly JsonObject[] {
  return stdout.split(/(?<=^\})\n/m).flatMap((text) => {
    if (text.trim() === "") return [];
    const value = parseJson(text);
    if (!isJsonObject(value)) return [];
    const items = value["items"];
    return isJsonArray(items) ? items.filter((item) => isJsonObject(item)) : [value];
  });
}

function saidIn(stderr: string): string {
  return stderr.trim().replaceAll(/\s+/g, " ").slice(0, limits.toolWordsCharsMax);
}
