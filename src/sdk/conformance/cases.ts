/**
 * What the kit needs to know of a plugin to ask it something sensible: examples of what it does, by what it offers.
 * Types only. The author keeps them in `plugin.test.yaml` beside the manifest.
 */
import type { Json, JsonMap } from "../protocol.ts";

export interface Cases {
  /** The operator's settings. */
  readonly settings: JsonMap;
  /** What `host/secret` answers. */
  readonly secrets: { readonly [name: string]: string };
  /** What `host/fetch` answers, by URL. */
  readonly fetch: { readonly [url: string]: FetchCase };
  readonly adapters: { readonly [id: string]: readonly AdapterCase[] };
  readonly providers: { readonly [id: string]: readonly ProviderCase[] };
  readonly validators: { readonly [id: string]: readonly ValidatorCase[] };
}

export const noCases: Cases = {
  settings: {},
  secrets: {},
  fetch: {},
  adapters: {},
  providers: {},
  validators: {},
};

export interface FetchCase {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
}

export interface AdapterCase {
  readonly name: string;
  /** The step's settings, its node, and what predecessors hand over, by step. */
  readonly settings: JsonMap;
  readonly node: JsonMap;
  readonly handoffs: { readonly [stepId: string]: string };
  /** What must at least be answered; a map that is expected may hold more. */
  readonly expect: {
    readonly status: "succeeded" | "failed";
    readonly outputs?: Json;
    readonly output?: string;
  };
  /** Works for many seconds unless it is told to end: what cancelling and deadlines are tried with. */
  readonly slow: boolean;
  /** Names of outputs that differ from one time to the next. */
  readonly volatile: readonly string[];
}

export interface ProviderCase {
  readonly name: string;
  readonly resource_id: string;
  readonly resource_class: string;
  readonly intent: Json;
  /** Another intent for the same resource: what a change, and going back from it, is tried with. */
  readonly changed?: Json;
  /** What the fields must at least be once it stands. */
  readonly fields?: Json;
}

export interface ValidatorCase {
  readonly name: string;
  readonly binding_kind: string;
  readonly binding: JsonMap;
  /** The now of the judgement; a fixed one where the author names none. */
  readonly evaluated_at_ms?: number;
  /** The world, as it was recorded. Absent: `fetch` of all cases, and no programs. */
  readonly exchanges?: readonly ExchangeCase[];
  readonly expect: {
    readonly verdict?: string;
    readonly reason?: string;
    readonly observed?: Json;
    readonly evidence?: Json;
    /** Their names, in order. */
    readonly attachments?: readonly string[];
  };
}

/** One use of the world; with `error`, a code such as HTTP_UNREACHABLE, it failed. */
export type ExchangeCase =
  | {
      readonly kind: "http";
      readonly method: string;
      readonly url: string;
      /** Compared where it is given. */
      readonly request_body?: string;
      readonly status: number;
      readonly headers: { readonly [name: string]: string };
      readonly body: Uint8Array;
      readonly truncated: boolean;
      readonly error?: string;
    }
  | {
      readonly kind: "tool";
      readonly argv: readonly string[];
      readonly exit_code: number;
      /** In place of `exit_code` where a signal ended it. */
      readonly signal: string | null;
      readonly stdout: Uint8Array;
      readonly stderr: Uint8Array;
      readonly truncated: boolean;
      readonly error?: string;
    }
  | { readonly kind: "file"; readonly name: string; readonly content: Uint8Array; readonly error?: string };
