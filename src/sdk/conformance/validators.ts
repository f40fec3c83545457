/**
 * Checks of what validators do: each case judged as expected, and the same again; a binding of a kind that it does not judge
 * is never passed.
 */
import { hostCalls, type Json, type JsonMap } from "../protocol.ts";
import { isMap } from "../read.ts";
import { refusesNothing } from "./adapters.ts";
import type { ValidatorCase } from "./cases.ts";
import { Broken, brief, type Check, mustHold } from "./check.ts";
import type { Context } from "./context.ts";
import { validateFault } from "./shapes.ts";

export function validatorChecks(id: string, kinds: readonly string[], cases: readonly ValidatorCase[]) {
  const checks: Check<Context>[] = [
    refusesNothing(id, hostCalls.validatorValidate),
    {
      name: `${id}: a binding of another kind`,
      async run(context) {
        const client = await context.client();
        const params = { validator: id, binding_kind: "conformance.none", binding: {} };
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
      const params = { validator: id, binding_kind: one.binding_kind, binding: one.binding };
      for (const time of ["", "a second time: "]) {
        const result = await judged(context, params);
        mustHold(result["verdict"], one.expect.verdict, `${time}verdict`);
        mustHold(result["reason"], one.expect.reason, `${time}reason`);
        mustHold(result["observed"], one.expect.observed, `${time}observed`);
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
      const params = { validator: id, binding_kind: kind, binding: {} };
      const reply = await client.call(hostCalls.validatorValidate, params);
      if (reply.kind === "result") mustBeVerdict(reply.result);
      return `plugin.test.yaml has no case for it; answered ${brief(reply.kind === "result" ? reply.result : reply.error)}`;
    },
  };
}

async function judged(context: Context, params: JsonMap): Promise<JsonMap> {
  const client = await context.client();
  return mustBeVerdict(await client.result(hostCalls.validatorValidate, params));
}

function mustBeVerdict(result: Json): JsonMap {
  const fault = validateFault(result);
  if (fault === undefined && isMap(result)) return result;
  throw new Broken(fault ?? "no result");
}
