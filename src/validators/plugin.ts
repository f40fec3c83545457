/**
 * A validator of a plugin, behind the plugin door: it is asked for a verdict and shown the world through the door alone.
 * Whatever the plugin breaks is an answer, `error`; it is never an exception, and never a pass.
 *
 * Source: docs/plugin-protocol.md, "Methods of validators"
 */
import { AkcError, type ErrorCode, errorCodes } from "../errors.ts";
import { sha256Hex } from "../json/fingerprint.ts";
import { toPlain } from "../json/plain.ts";
import type { JsonObject } from "../json/value.ts";
import { limits } from "../limits.ts";
import type { CallServices, MadePart, PluginHandle } from "../plugin-host/host.ts";
import { hostCalls, type JsonMap, rpcErrors } from "../sdk/protocol.ts";
import { answered, oneLine, reasonOf } from "./answers.ts";
import type { Answer, Door, Validator, ValidatorRequest } from "./contract.ts";
import { readAnswer } from "./plugin-answer.ts";

export interface ValidatorOffer {
  /** e.g. `promql`. */
  readonly id: string;
  readonly kinds: readonly string[];
}

/** The handle stays its opener's: several validators may share one process. */
export function createPluginValidator(
  handle: Pick<PluginHandle, "plugin" | "call">,
  { id, kinds }: ValidatorOffer,
): Validator {
  const { manifest, digest } = handle.plugin;
  return {
    id,
    kinds,
    plugin: { id: manifest.id, version: manifest.version, digest },
    async validate(request, door, signal) {
      if (signal.aborted) throw new AkcError("CANCELLED");
      const known = new Map<string, Uint8Array>();
      try {
        const answer = await handle.call(hostCalls.validatorValidate, paramsOf(id, request), {
          // The door's own end comes first: then the plugin says what did not answer, and not akc that the plugin did not.
          timeoutMs: request.timeoutMs + limits.bindingGraceMs,
          signal,
          services: servicesOf(door, known),
        });
        if (signal.aborted) throw new AkcError("CANCELLED");
        return readAnswer(answer, known);
      } catch (cause) {
        if (signal.aborted) throw new AkcError("CANCELLED");
        return faultOf(cause);
      }
    },
  };
}

function paramsOf(id: string, request: ValidatorRequest): JsonMap {
  const { bindingId, kind, binding, context, evaluatedAtMs, timeoutMs } = request;
  return {
    validator: id,
    binding_id: bindingId,
    binding_kind: kind,
    binding: wireMap(binding),
    evaluated_at_ms: evaluatedAtMs,
    timeout_ms: timeoutMs,
    ...(context === undefined ? {} : { context: { ...context } }),
  };
}

function wireMap(settings: JsonObject): JsonMap {
  const map: JsonMap = JSON.parse(JSON.stringify(toPlain(settings)));
  return map;
}

/** What one call may ask of akc: the door, and nothing beside it. */
function servicesOf(door: Door, known: Map<string, Uint8Array>): CallServices {
  const keep = (bytes: Uint8Array) => {
    const sha256 = sha256Hex(bytes);
    known.set(sha256, bytes);
    return sha256;
  };
  const made = new Map<string, { readonly bytes: Uint8Array; readonly sha256: string }>();
  return {
    fetch: (asked, signal) => door.fetch(asked, signal),
    async run(asked, signal) {
      const end = await door.run(asked, signal);
      keep(end.stdout);
      keep(end.stderr);
      return end;
    },
    async readMade(name, offset, length, signal): Promise<MadePart> {
      if (offset === 0) {
        const bytes = await door.readMade(name, signal);
        made.set(name, { bytes, sha256: keep(bytes) });
      }
      const found = made.get(name);
      if (found === undefined) throw new AkcError("FILE_NOT_FOUND", { message: "no such file was read" });
      const { bytes, sha256 } = found;
      const end = Math.min(bytes.length, offset + length);
      return { bytes: bytes.subarray(Math.min(offset, end), end), sha256, eof: end >= bytes.length };
    },
  };
}

function faultOf(cause: unknown): Answer {
  if (!(cause instanceof AkcError)) {
    return answered("error", {
      reason: "plugin_fault",
      message: "the validator's plugin could not be asked",
    });
  }
  if (cause.code === "PLUGIN_TIMEOUT")
    return answered("error", { reason: "timeout", message: cause.message });
  if (cause.code !== "PLUGIN_FAILED") return fault(cause, cause.code);
  const { code, rpcCode } = cause.details;
  // A validator may let an error of the door's pass: it is the door's, not the plugin's.
  if (typeof code === "string" && isDoorCode(code)) {
    const { class: kind } = errorCodes[code];
    return answered("error", { reason: reasonOf({ code, class: kind }), message: cause.message });
  }
  if (rpcCode === rpcErrors.denied) return answered("error", { reason: "denied", message: cause.message });
  return fault(cause, typeof code === "string" ? code : cause.code);
}

function fault({ message }: AkcError, code: string): Answer {
  return answered("error", { reason: "plugin_fault", message: oneLine(`${message} [${code}]`) });
}

const doorCodes = /^(?:HTTP_|TOOL_|FILE_|REPLAY_|SUBPROCESS_|DOOR_|ROUTE_MALFORMED$)/;

function isDoorCode(code: string): code is ErrorCode {
  return doorCodes.test(code) && Object.hasOwn(errorCodes, code);
}
