/** The observability plugin called as a function: with the web's own fetch, or with answers that are given to it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Call, FetchInit, JsonMap, Verdict } from "akc/sdk";
import { type Asking, judge } from "../../plugins/observability/judge.ts";
import { loki } from "../../plugins/observability/loki.ts";
import { prometheus } from "../../plugins/observability/prometheus.ts";
import { tempo } from "../../plugins/observability/tempo.ts";

export const dialects = { promql: prometheus, logql: loki, traceql: tempo } as const;
export type Language = keyof typeof dialects;

export interface Trial {
  readonly language: Language;
  /** What is not the default; `url` and `query` have one too. */
  readonly binding: JsonMap;
  readonly evaluatedAtMs?: number;
  readonly call?: Asking;
}

export function verdictOf({
  language,
  binding,
  evaluatedAtMs = Date.now(),
  call = webCall(),
}: Trial): Promise<Verdict> {
  const request = {
    bindingKind: `${language}_query`,
    bindingId: "trial",
    binding: { url: "http://127.0.0.1:1/api/v1/query", query: "up", ...binding },
    evaluatedAtMs,
    timeoutMs: 5_000,
  };
  return judge(dialects[language], request, call);
}

/** Straight to the network, no guard between. */
export function webCall(): Asking {
  const { signal } = new AbortController();
  return {
    signal,
    fetch: (url, init = {}) =>
      fetch(url, {
        redirect: "manual",
        ...(init.method === undefined ? {} : { method: init.method }),
        ...(init.headers === undefined ? {} : { headers: new Headers(init.headers) }),
        ...(init.body === undefined ? {} : { body: init.body }),
      }),
  };
}

export interface Sent {
  readonly url: URL;
  readonly init: FetchInit;
}

/** What comes back: made anew for each request, as a body is read once. */
export type Given = () => Response;

/** Answers in turn, the last one for ever; remembers what was asked. */
export function answering(...answers: readonly (Given | Error)[]): Asking & { readonly sent: Sent[] } {
  const sent: Sent[] = [];
  const { signal } = new AbortController();
  const fetchIt: Call["fetch"] = async (url, init = {}) => {
    const answer = answers[Math.min(sent.length, answers.length - 1)];
    sent.push({ url: new URL(url), init });
    if (answer === undefined) throw new Error("nothing to answer with");
    if (answer instanceof Error) throw answer;
    return answer();
  };
  return { signal, sent, fetch: fetchIt };
}

export function given(body: string, status = 200, headers: Readonly<Record<string, string>> = {}): Given {
  return () => new Response(body, { status, headers: { ...headers } });
}

export function json(document: unknown, status = 200): Given {
  return given(JSON.stringify(document), status);
}

const recordings = join(import.meta.dir, "recordings/observability");

/** A recording's text, e.g. of `loki/streams.json`. */
export function recorded(name: string): string {
  return readFileSync(join(recordings, name), "utf8");
}

/** All of them but the texts. */
export function recordedNames(): readonly string[] {
  return [...new Bun.Glob("*/*.json").scanSync({ cwd: recordings })].sort();
}

/** As it came: the status is in its name. */
export function recording(name: string): Given {
  return given(recorded(name), Number(/_(\d{3})\.\w+$/.exec(name)?.[1] ?? 200));
}

/** The newest time in the recordings that were transcribed. */
export const recordedMs = 1_795_393_556_000;
