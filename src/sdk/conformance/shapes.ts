/**
 * What answers must look like: the results of every method, and the offers of a handshake beside those of the manifest.
 * Says what is wrong as one sentence; undefined is right.
 */
import type { Json, JsonMap, Offers } from "../protocol.ts";
import { isMap } from "../read.ts";
import { brief } from "./check.ts";

/** Offered and not declared, and declared and not offered, in words. */
export function undeclared(
  offers: Json | undefined,
  declared: Offers,
): { lies: string[]; missing: string[] } {
  const said = listOf(isMap(offers) ? offers : {});
  const allowed = listOf(JSON.parse(JSON.stringify(declared)));
  return {
    lies: said.filter((one) => !allowed.includes(one)),
    missing: allowed.filter((one) => !said.includes(one)),
  };
}

/** `adapter hello`, `recover of adapter hello` */
function listOf(offers: JsonMap): string[] {
  const names: string[] = [];
  for (const [kinds, listKey] of [
    ["adapters", "capabilities"],
    ["providers", "capabilities"],
    ["validators", "binding_kinds"],
  ] as const) {
    const offered = offers[kinds];
    if (!isMap(offered)) continue;
    for (const [id, one] of Object.entries(offered)) {
      const thing = `${kinds.slice(0, -1)} ${id}`;
      names.push(thing);
      const listed = isMap(one) ? one[listKey] : undefined;
      if (Array.isArray(listed)) for (const name of listed) names.push(`${String(name)} of ${thing}`);
    }
  }
  return names;
}

export function executeResultFault(result: Json | undefined): string | undefined {
  if (!isMap(result)) return `the result is ${brief(result)}, not an object`;
  const { status, outputs, error, retryable, output_base64: output } = result;
  if (status !== "succeeded" && status !== "failed" && status !== "cancelled") {
    return `status is ${brief(status)}: it must be succeeded, failed or cancelled`;
  }
  if (!isMap(outputs)) return `outputs is ${brief(outputs)}, not an object`;
  if (status === "failed" && (typeof error !== "string" || error === "")) return "a failure without error";
  if (retryable !== undefined && typeof retryable !== "boolean") return `retryable is ${brief(retryable)}`;
  if (output !== undefined && !isBase64(output)) return "output_base64 is not base64";
  return undefined;
}

export function recoverResultFault(result: Json): string | undefined {
  if (!isMap(result)) return `the result is ${brief(result)}, not an object`;
  if (result["kind"] === "unknown") return undefined;
  if (result["kind"] === "ended") return executeResultFault(result["result"]);
  return `kind is ${brief(result["kind"])}: it must be unknown or ended`;
}

const healths = ["healthy", "unknown", "degraded", "failed"];

export function observedFault(result: Json): string | undefined {
  if (!isMap(result)) return `the result is ${brief(result)}, not an object`;
  const { exists, health, version, fields, observed_hash: hash, message, scope } = result;
  if (typeof exists !== "boolean") return `exists is ${brief(exists)}, not true or false`;
  if (typeof health !== "string" || !healths.includes(health)) return `health is ${brief(health)}`;
  for (const [key, value] of Object.entries({ version, observed_hash: hash, message, scope })) {
    if (value !== undefined && typeof value !== "string") return `${key} is ${brief(value)}, not text`;
  }
  return fields === undefined || isMap(fields) ? undefined : `fields is ${brief(fields)}, not an object`;
}

export function observeAllFault(result: Json): string | undefined {
  const rows = isMap(result) ? result["resources"] : undefined;
  if (!Array.isArray(rows)) return `resources is ${brief(rows)}, not a list`;
  for (const row of rows) {
    if (!isMap(row) || typeof row["resource_id"] !== "string")
      return `a row is ${brief(row)}: it needs a resource_id`;
    const { resource_id: id, observed, unobservable } = row;
    if ((observed === undefined) === (unobservable === undefined)) {
      return `the row of ${id} must have either observed or unobservable`;
    }
    if (unobservable !== undefined && typeof unobservable !== "string") {
      return `unobservable of ${id} is ${brief(unobservable)}, not text`;
    }
    const fault = observed === undefined ? undefined : observedFault(observed);
    if (fault !== undefined) return `the row of ${id}: ${fault}`;
  }
  return undefined;
}

export function diffFault(result: Json): string | undefined {
  const changes = isMap(result) ? result["changes"] : undefined;
  if (!Array.isArray(changes)) return `changes is ${brief(changes)}, not a list`;
  const wrong = changes.find((change: Json) => !isMap(change) || typeof change["path"] !== "string");
  return wrong === undefined ? undefined : `a change is ${brief(wrong)}: it needs a path`;
}

export function watchFault(result: Json): string | undefined {
  const { changed, cursor } = isMap(result) ? result : {};
  if (!Array.isArray(changed)) return `changed is ${brief(changed)}, not a list`;
  return typeof cursor === "string" ? undefined : `cursor is ${brief(cursor)}, not text`;
}

const verdicts = ["pass", "fail", "inconclusive", "error"];

export function validateFault(result: Json): string | undefined {
  if (!isMap(result)) return `the result is ${brief(result)}, not an object`;
  const { verdict, reason, message, evidence, attachments = [] } = result;
  if (typeof verdict !== "string" || !verdicts.includes(verdict)) {
    return `verdict is ${brief(verdict)}: it must be ${verdicts.join(", ")}`;
  }
  if (reason !== undefined && typeof reason !== "string") return `reason is ${brief(reason)}, not text`;
  if (message !== undefined && typeof message !== "string") return `message is ${brief(message)}, not text`;
  if (evidence !== undefined && !isMap(evidence)) return `evidence is ${brief(evidence)}, not an object`;
  if (!Array.isArray(attachments)) return `attachments is ${brief(attachments)}, not a list`;
  return attachments.map(attachmentFault).find((fault) => fault !== undefined);
}

function attachmentFault(one: Json): string | undefined {
  const { name, media_type: type, data_base64: data, sha256 } = isMap(one) ? one : {};
  if (typeof name !== "string" || !/^[^/\\\0]+$/.test(name) || name === "." || name === "..") {
    return `the name of an attachment is ${brief(name)}: it must be a file's, without a folder`;
  }
  if (typeof type !== "string") return `media_type of ${name} is ${brief(type)}, not text`;
  if ((data === undefined) === (sha256 === undefined)) return `${name} needs data_base64 or sha256`;
  if (data !== undefined && !isBase64(data)) return `data_base64 of ${name} is not base64`;
  return undefined;
}

function isBase64(value: Json): boolean {
  if (typeof value !== "string") return false;
  try {
    Uint8Array.fromBase64(value);
    return true;
  } catch {
    return false;
  }
}
