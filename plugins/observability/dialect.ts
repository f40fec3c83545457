/** What tells one query language and its API from another: how it is asked, and what its answers mean. Types only. */
import type { Json, JsonMap, Series } from "akc/sdk";
import type { QueryBinding } from "./binding.ts";
import type { Moment, QueryRequest } from "./request.ts";

export interface Dialect {
  request(binding: QueryBinding, moment: Moment): QueryRequest;
  /** @throws Refused when it is no answer of this API, or one without numbers */
  decode(document: Json, asked: Asked): Decoded;
  /** The query for when the samples of `query` were taken, in seconds, where answers do not say it themselves. */
  ageQuery?(query: string): string;
}

export interface Asked {
  readonly binding: QueryBinding;
  /** As it was sent. */
  readonly request: QueryRequest;
}

export interface Decoded {
  /** As the server calls it: `vector`, `matrix`, `scalar`, `streams`, `series`, `traces`. */
  readonly resultType: string;
  readonly seen: Seen;
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
  /** Why this may not be all there is; then it gives no verdict. */
  readonly limited?: string;
  /** For evidence, beside what is the same for all. */
  readonly details: JsonMap;
}

export type Seen =
  | { readonly kind: "series"; readonly series: readonly Series[] }
  /** Lines of a log. */
  | { readonly kind: "lines"; readonly count: number; readonly newestMs: number }
  /** Traces of a search, which never says that it found all. */
  | { readonly kind: "traces"; readonly count: number; readonly newestMs: number };
