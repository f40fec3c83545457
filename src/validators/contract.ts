/**
 * The contract between akc and whatever judges by outside evidence: one binding in, one verdict out, and a door through which
 * alone the world is reached. What passes the door is recorded by akc itself, so that a verdict can be given again offline.
 *
 * A validator never turns not knowing into a pass or a fail, and never reads a clock: `evaluatedAtMs` is its now.
 */
import type { JsonObject, JsonValue } from "../json/value.ts";
import type { WireContext } from "../sdk/protocol.ts";

export const verdicts = ["pass", "fail", "inconclusive", "error"] as const;
export type Verdict = (typeof verdicts)[number];

/** Why a verdict is `inconclusive`: what was seen does not suffice. */
export const inconclusiveReasons = ["no-data", "ambiguous", "limited", "stale"] as const;
/** Why a verdict is `error`: something went wrong on the way. Plugins may have others. */
export const errorReasons = [
  "unreachable",
  "denied",
  "malformed",
  "tool_missing",
  "timeout",
  "plugin_fault",
  "cancelled",
] as const;

export interface ValidatorRequest {
  readonly bindingId: string;
  /** e.g. `promql_query`; one of the validator's `kinds`. */
  readonly kind: string;
  /** Normalised by whoever read the registry; secrets only by name. */
  readonly binding: JsonObject;
  /** Absent where nothing runs, as for a binding that is tried by hand. */
  readonly context?: WireContext;
  /** Milliseconds since the epoch: what every age and window counts from; the same when it is replayed. */
  readonly evaluatedAtMs: number;
  /** For all of it. */
  readonly timeoutMs: number;
}

export interface Answer {
  readonly verdict: Verdict;
  /** Always there unless the verdict is `pass`. */
  readonly reason?: string;
  /** For people: one sentence, no secrets. */
  readonly message?: string;
  /** What was seen. `value` is the number that was judged, where there was one. */
  readonly observed: JsonObject & { readonly value?: JsonValue };
  /** How it was seen: range, step, aggregate, series, samples, warnings, limits. */
  readonly evidence: JsonObject;
  /** What the validator made beside its verdict: a screenshot, a log, a report. */
  readonly attachments: readonly Attachment[];
}

export interface Attachment {
  /** A file name: no folder, not `.` or `..`. */
  readonly name: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

export interface DoorFetch {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface DoorResponse {
  readonly status: number;
  /** `content-type` and no other: what is not recorded must not be judged. */
  readonly headers: Readonly<Record<string, string>>;
  /** Cut at the door's limit where `truncated`. */
  readonly body: Uint8Array;
  readonly truncated: boolean;
}

export interface DoorRun {
  /** The first is a name looked up in the fixed search path, or an absolute path. */
  readonly argv: readonly [string, ...string[]];
  /** Absolute path that is started in place of the first: where the operator granted one for that name. Not recorded. */
  readonly executable?: string;
  readonly timeoutMs: number;
  /** Of standard output and error each; absent: the door's own bound. */
  readonly outputBytesMax?: number;
  /** Ended by this signal, and not killed, after so long: for recorders that finish their file on it. */
  readonly interruptAfterMs?: number;
  readonly signal?: "SIGINT" | "SIGTERM";
}

export interface DoorRunEnd {
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly truncated: boolean;
}

/**
 * All that a validator may do to the world. Each use is one `Exchange`; a use too many is refused with DOOR_LIMIT. What it throws is
 * an error of which only code and message mean anything: the rest is not recorded.
 */
export interface Door {
  /** Any status is an answer, 500 too. @throws AkcError HTTP_*, ROUTE_MALFORMED, CANCELLED */
  fetch(request: DoorFetch, signal: AbortSignal): Promise<DoorResponse>;
  /** @throws AkcError TOOL_MISSING, TOOL_DENIED, TOOL_TIMEOUT, CANCELLED */
  run(request: DoorRun, signal: AbortSignal): Promise<DoorRunEnd>;
  /**
   * A file that a tool made in the validator's working folder; recorded like all else.
   * @throws AkcError FILE_NOT_FOUND, FILE_TOO_LARGE, FILE_UNREADABLE for a link, PATH_UNSAFE
   */
  readMade(name: string, signal: AbortSignal): Promise<Uint8Array>;
}

/** Content that was seen, by its digest. */
export interface ContentDigest {
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface Content extends ContentDigest {
  readonly bytes: Uint8Array;
}

/** One use of the door, in the order in which it began. Holds no header of a request and no secret. */
export type Exchange<Seen extends ContentDigest = Content> =
  | {
      readonly kind: "http";
      readonly method: string;
      /** With its query; user, password and secrets taken out. */
      readonly url: string;
      /** Of the body that was sent, where there was one. */
      readonly requestSha256?: string;
      readonly startedMs: number;
      readonly durationMs: number;
      readonly answer:
        | {
            readonly kind: "response";
            readonly status: number;
            /** The answer's `content-type`, as it came; empty where there was none. */
            readonly mediaType: string;
            readonly truncated: boolean;
            readonly body: Seen;
          }
        | { readonly kind: "error"; readonly code: string; readonly message: string };
    }
  | {
      readonly kind: "tool";
      readonly argv: readonly string[];
      readonly startedMs: number;
      readonly durationMs: number;
      readonly answer:
        | {
            readonly kind: "ended";
            readonly exitCode: number | null;
            readonly signal: string | null;
            readonly truncated: boolean;
            readonly stdout: Seen;
            readonly stderr: Seen;
          }
        | { readonly kind: "error"; readonly code: string; readonly message: string };
    }
  | {
      readonly kind: "file";
      readonly name: string;
      readonly startedMs: number;
      readonly durationMs: number;
      readonly answer:
        | { readonly kind: "read"; readonly content: Seen }
        | { readonly kind: "error"; readonly code: string; readonly message: string };
    };

export interface RecordingDoor extends Door {
  /** What has passed so far. */
  readonly exchanges: readonly Exchange[];
}

export interface Validator {
  /** e.g. `promql`. */
  readonly id: string;
  /** The kinds of bindings that it judges. */
  readonly kinds: readonly string[];
  /** Of the plugin that it is of; absent for what is built in. Kept with the verdict. */
  readonly plugin?: { readonly id: string; readonly version: string; readonly digest: string };
  /**
   * What a plugin breaks is an answer too (`error`, `plugin_fault`). @throws AkcError CANCELLED when `signal` aborts, and nothing else
   */
  validate(request: ValidatorRequest, door: Door, signal: AbortSignal): Promise<Answer>;
}

/** The validators of this akc by kind of binding; ends their plugins when it is closed. */
export interface Validators {
  readonly kinds: readonly string[];
  /** Undefined where nobody judges the kind. */
  byKind(kind: string): Validator | undefined;
  close(): Promise<void>;
}
