/**
 * What a plugin is given for the length of one call: a signal to obey, a log to write, and all that the host does for it.
 * Nothing here outlives the call; whoever keeps it is refused.
 */
import type { Json, JsonMap } from "./protocol.ts";

/** `Settings` is what `definePlugin`'s `config` made of the operator's settings. */
export interface Call<Settings = JsonMap> {
  /** Aborts when akc wants the call to end: a run was stopped, a deadline has passed. End soon after, or be killed. */
  readonly signal: AbortSignal;
  readonly settings: Settings;
  /** Absolute path of a folder of the plugin's own: writable, private, emptied at each start. */
  readonly workdir: string;
  readonly log: Log;

  /** Tells people how far it is. `fraction` is 0 to 1. At most ten a second are sent on, the last one always. */
  progress(message: string, fraction?: number): void;

  /**
   * Output in pieces, of any size; text is sent as UTF-8. Together it becomes the action's output artifact.
   * Resolves when the host has room for more: await it, and a fast producer waits for a slow disk.
   * @throws PluginError `cancelled` when the call has been told to end
   */
  output(bytes: Uint8Array | string): Promise<void>;

  /**
   * A web request that the host makes: it must be granted under `permissions.net`, and passes the guard of akc's http route.
   * As the web's `fetch`, with text or bytes as body; the answer is held in memory.
   * @throws PluginError `denied` when not granted; `failed` when there was no answer
   */
  fetch(url: string | URL, init?: FetchInit): Promise<Response>;

  /**
   * Runs a program on the host, without a shell, in a folder of the call's own (not `workdir`, where the plugin works): it
   * must be granted under `permissions.run`. Name its files there without a folder. Only a validator's call has it, and akc
   * records what the program said, so that the verdict can be given again.
   * @throws PluginError `denied` when not granted; `failed` with code TOOL_MISSING, TOOL_TIMEOUT
   */
  run(argv: readonly [string, ...string[]], options: RunOptions): Promise<RunEnd>;

  /** A file that such a program made in that folder. @throws PluginError `failed` with code FILE_NOT_FOUND, FILE_TOO_LARGE */
  readMade(name: string): Promise<Uint8Array>;

  /**
   * The value of a secret that is granted under `permissions.secrets`. Ask anew in each call and keep it nowhere.
   * @throws PluginError `denied` when not granted, and in a validator's call: there akc adds what the binding names
   */
  secret(name: string): Promise<string>;

  /**
   * What a predecessor handed over. Only `execute` and `recover` of an adapter have any.
   * @throws PluginError `failed` with code NO_SUCH_HANDOFF
   */
  handoff(stepId: string): Handoff;
}

/** Reaches the host's log with its level. `console` writes here too. Fields are for programs; no secrets. */
export interface Log {
  debug(message: string, fields?: JsonMap): void;
  info(message: string, fields?: JsonMap): void;
  warn(message: string, fields?: JsonMap): void;
  error(message: string, fields?: JsonMap): void;
}

export interface RunOptions {
  readonly timeoutMs: number;
  readonly outputBytesMax?: number;
  /** Sends `signal` after so long: for programs that finish their file on it. */
  readonly interruptAfterMs?: number;
  readonly signal?: "SIGINT" | "SIGTERM";
}

export interface RunEnd {
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** Whether it printed more than is here. */
  readonly truncated: boolean;
}

/** Set on an answer whose body the host cut at its limit: what is here is not the whole. */
export const truncatedHeader = "akc-truncated";

export interface FetchInit {
  /** `GET` unless said. */
  readonly method?: string;
  readonly headers?: Headers | Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface Handoff {
  readonly stepId: string;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Pieces as they arrive, each fetched when it is asked for. */
  stream(): ReadableStream<Uint8Array>;
  /** The whole content, in memory. */
  bytes(): Promise<Uint8Array>;
  text(): Promise<string>;
  /** @throws SyntaxError when it is not JSON */
  json(): Promise<Json>;
}
