/**
 * Reads from the environment which agent worker the operator wants. Never looks at the environment itself, and the key
 * that it returns goes into one request header and nowhere else.
 *
 * Source: spec bundle §14.2, spec kernel §12.8.
 */

export type AgentWorkerEnv =
  | { readonly kind: "deterministic" }
  | {
      readonly kind: "http";
      /** Where turns go that no delegate edge sends elsewhere. */
      readonly url?: string;
      readonly apiKey?: string;
      /** Caps the turn's own time. */
      readonly timeoutMs?: number;
    }
  /** The operator asked for the HTTP worker and said something that cannot be meant. */
  | { readonly kind: "invalid"; readonly why: string };

const timeoutWhenNotPositiveMs = 30_000;

export function parseAgentWorkerEnv(env: Readonly<Record<string, string | undefined>>): AgentWorkerEnv {
  const read = (name: string) => env[name]?.trim() || undefined;
  const wanted = read("AKC_AGENT_WORKER_HTTP")?.toLowerCase();
  if (wanted === undefined || !["1", "true", "yes"].includes(wanted)) return { kind: "deterministic" };

  const url = read("AKC_HTTP_AGENT_WORKER_URL");
  const apiKey = read("AKC_HTTP_AGENT_WORKER_API_KEY");
  const timeout = read("AKC_HTTP_AGENT_WORKER_TIMEOUT_S");
  const seconds = timeout === undefined ? undefined : Number(timeout);
  if (url !== undefined && !isHttpUrl(url)) return invalid("AKC_HTTP_AGENT_WORKER_URL is no http(s) URL");
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey)) {
    return invalid("AKC_HTTP_AGENT_WORKER_API_KEY holds a character that a header cannot carry");
  }
  if (seconds !== undefined && !Number.isFinite(seconds)) {
    return invalid("AKC_HTTP_AGENT_WORKER_TIMEOUT_S is no number");
  }
  return {
    kind: "http",
    ...(url === undefined ? {} : { url }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(seconds === undefined ? {} : { timeoutMs: seconds > 0 ? seconds * 1_000 : timeoutWhenNotPositiveMs }),
  };
}

function isHttpUrl(text: string): boolean {
  const protocol = URL.parse(text)?.protocol;
  return protocol === "http:" || protocol === "https:";
}

function invalid(why: string): AgentWorkerEnv {
  return { kind: "invalid", why };
}
