/**
 * Programs that akc runs for a plugin, and the files that they made: what was granted is found here, what was asked is read,
 * and what is answered fits into a message. Starts nothing itself.
 */
import { AkcError } from "../errors.ts";
import { sha256Hex } from "../json/fingerprint.ts";
import type { Json, JsonMap } from "../sdk/protocol.ts";
import { countAt, listOfTexts, optionalCountAt, textAt, wrongParam } from "./own-params.ts";

export interface HostRunRequest {
  /** As the plugin asked. */
  readonly argv: readonly [string, ...string[]];
  /** Absolute path that was granted and stands for the name that was asked for; absent: the first of `argv` itself. */
  readonly executable?: string;
  readonly timeoutMs: number;
  /** Of standard output and error each; what is more is cut. */
  readonly outputBytesMax: number;
  readonly interruptAfterMs?: number;
  readonly signal?: "SIGINT" | "SIGTERM";
}

export interface HostRunEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly truncated: boolean;
}

export interface MadePart {
  readonly bytes: Uint8Array;
  /** Of the whole. */
  readonly sha256: string;
  readonly eof: boolean;
}

/** What one call hands to the plugin; whoever has them records what passes. */
export interface ToolServices {
  run?(request: HostRunRequest, signal: AbortSignal): Promise<HostRunEnd>;
  /** `offset` 0 reads the file anew. */
  readMade?(name: string, offset: number, length: number, signal: AbortSignal): Promise<MadePart>;
}

export interface ToolCall {
  readonly params: JsonMap;
  readonly services: ToolServices;
  readonly signal: AbortSignal;
}

/** @param bytesMax what one message can carry */
export async function runFor(
  { params, services, signal }: ToolCall,
  granted: readonly string[],
  bytesMax: number,
): Promise<Json> {
  const [name, ...args] = listOfTexts(params, "argv");
  if (name === undefined) throw wrongParam("argv");
  const place = grantedTool(granted, name);
  if (services.run === undefined || place === undefined) throw refused(name);
  const streamBytesMax = Math.floor(bytesMax / 2);
  const interruptAfterMs = optionalCountAt(params, "interrupt_after_ms");
  const ending = endingAt(params);
  const end = await services.run(
    {
      argv: [name, ...args],
      ...(place === name ? {} : { executable: place }),
      timeoutMs: countAt(params, "timeout_ms"),
      outputBytesMax: Math.min(optionalCountAt(params, "output_bytes_max") ?? streamBytesMax, streamBytesMax),
      ...(interruptAfterMs === undefined ? {} : { interruptAfterMs }),
      ...(ending === undefined ? {} : { signal: ending }),
    },
    signal,
  );
  const [stdout, stderr] = [end.stdout, end.stderr].map((bytes) => bytes.subarray(0, streamBytesMax));
  const cut = Math.max(end.stdout.length, end.stderr.length) > streamBytesMax;
  return {
    exit_code: end.exitCode,
    signal: end.signal,
    ...written("stdout", stdout),
    ...written("stderr", stderr),
    truncated: end.truncated || cut,
  };
}

/** @param bytesMax what one message can carry */
export async function readMadeFor(
  { params, services, signal }: ToolCall,
  granted: readonly string[],
  bytesMax: number,
): Promise<Json> {
  const name = textAt(params, "name");
  const offset = countAt(params, "offset");
  const length = Math.min(countAt(params, "length"), bytesMax);
  if (services.readMade === undefined || granted.length === 0) throw refused(name);
  const { bytes, sha256, eof } = await services.readMade(name, offset, length, signal);
  return { data_base64: Buffer.from(bytes).toString("base64"), sha256, eof };
}

/** A name is granted as such, or by the path of a program of that name. */
function grantedTool(granted: readonly string[], asked: string): string | undefined {
  if (granted.includes(asked)) return asked;
  return asked.includes("/") ? undefined : granted.find((path) => path.endsWith(`/${asked}`));
}

function written(stream: string, bytes: Uint8Array = new Uint8Array()): JsonMap {
  return {
    [`${stream}_base64`]: Buffer.from(bytes).toString("base64"),
    [`${stream}_sha256`]: sha256Hex(bytes),
  };
}

function endingAt({ signal }: JsonMap): "SIGINT" | "SIGTERM" | undefined {
  if (signal === undefined || signal === "SIGINT" || signal === "SIGTERM") return signal;
  throw wrongParam("signal");
}

function refused(asked: string): AkcError {
  return new AkcError("PLUGIN_NOT_GRANTED", { details: { permission: "run", asked } });
}
