/**
 * Checks of what validators do: each case judged as expected, and the same again; a binding of a kind that it does not judge
 * is never passed.
 */
import { hostCalls, type Json, type JsonMap, type RpcError } from "../protocol.ts";
import { isMap } from "../read.ts";
import { refusesNothing } from "./adapters.ts";
import type { ValidatorCase } from "./cases.ts";
import { Broken, brief, type Check, mustHold } from "./check.ts";
import type { Context } from "./context.ts";
import { validateFault } from "./shapes.ts";
import { World } from "./world.ts";

/** 2026-01-01, midnight UTC. */
const someDayMs = 1_767_225_600_000;

export function validatorChecks(id: string, kinds: readonly string[], cases: readonly ValidatorCase[]) {
  const checks: Check<Context>[] = [
    refusesNothing(id, hostCalls.validatorValidate),
    {
      name: `${id}: a binding of another kind`,
      async run(context) {
        const client = await context.client();
        const params = paramsOf(context, id, "conformance.none");
        const reply = await client.call(hostCalls.validatorValidate, params);
        if (reply.kind === "error") return undefined;
        const { verdict } = isMap(reply.result) ? reply.result : {};
        if (verdict === "error" || verdict === "inconclusive") return undefined;
        throw new Broken(`it was judged: ${brief(reply.result)}`);
      },
    },
    ...cases.map((one) => judges(id, one)),
  ];
  const untried = kinds.filter((kind) => !cases.some((one) => one.binding_kind === kind));
  return [...checks, ...untried.map((kind) => emptyBinding(id, kind))];
}

function judges(id: string, one: ValidatorCase): Check<Context> {
  return {
    name: `${id}: ${one.name}`,
    async run(context) {
      const params = {
        ...paramsOf(context, id, one.binding_kind, one.binding),
        ...(one.evaluated_at_ms === undefined ? {} : { evaluated_at_ms: one.evaluated_at_ms }),
      };
      for (const time of ["", "a second time: "]) {
        const world = one.exchanges === undefined ? undefined : new World(one.exchanges);
        const result = await judged(context, params, world);
        mustHold(result["verdict"], one.expect.verdict, `${time}verdict`);
        mustHold(result["reason"], one.expect.reason, `${time}reason`);
        mustHold(result["observed"], one.expect.observed, `${time}observed`);
        mustHold(result["evidence"], one.expect.evidence, `${time}evidence`);
        mustHold(namesOf(result["attachments"]), one.expect.attachments, `${time}attachments`);
        const [unused] = world?.unused ?? [];
        if (unused !== undefined) throw new Broken(`${time}it did not ask for ${unused}`);
      }
      return undefined;
    },
  };
}

/** Nothing is known of what it judges; that it must not pass nothing is. */
function emptyBinding(id: string, kind: string): Check<Context> {
  return {
    name: `${id}: an empty binding of kind ${kind}`,
    async run(context) {
      const client = await context.client();
      const params = paramsOf(context, id, kind);
      const reply = await client.call(hostCalls.validatorValidate, params);
      if (reply.kind === "result") mustBeVerdict(reply.result);
      return `plugin.test.yaml has no case for it; answered ${brief(reply.kind === "result" ? reply.result : reply.error)}`;
    },
  };
}

async function judged(context: Context, params: JsonMap, world: World | undefined): Promise<JsonMap> {
  const client = await context.client();
  const reply = await client.call(hostCalls.validatorValidate, params, undefined, world);
  if (reply.kind === "result") return mustBeVerdict(reply.result);
  const reason = passedOn(reply.error);
  if (reason !== undefined) return { verdict: "error", reason };
  throw new Broken(`${hostCalls.validatorValidate}: ${reply.error.code} ${brief(reply.error.message)}`);
}

/** An error of what it asked akc for is akc's, not the plugin's: it may pass it on as it came. */
function passedOn({ data }: RpcError): string | undefined {
  return data?.code === undefined ? undefined : reasons.get(data.code);
}

/** Of the errors that a recorded world may hold. */
const reasons: ReadonlyMap<string, string> = new Map([
  ["HTTP_UNREACHABLE", "unreachable"],
  ["HTTP_TIMEOUT", "timeout"],
  ["TOOL_TIMEOUT", "timeout"],
  ["TOOL_MISSING", "tool_missing"],
  ["FILE_NOT_FOUND", "malformed"],
]);

function paramsOf({ subject }: Context, id: string, kind: string, binding: JsonMap = {}): JsonMap {
  return {
    validator: id,
    binding_id: "conformance",
    binding_kind: kind,
    binding,
    evaluated_at_ms: someDayMs,
    timeout_ms: subject.limits.callMs,
  };
}

function namesOf(attachments: Json = []): Json {
  return Array.isArray(attachments)
    ? attachments.map((one: Json) => (isMap(one) ? (one["name"] ?? null) : null))
    : [];
}

function mustBeVerdict(result: Json): JsonMap {
  const fault = validateFault(result);
  if (fault === undefined && isMap(result)) return result;
  throw new Broken(fault ?? "no result");
}
