/**
 * Checks of what adapters do: each case carried out, twice under one key, cut off and asked about, cancelled, out of time.
 */
import { hostCalls, type Json, type JsonMap, rpcErrors } from "../protocol.ts";
import { isMap } from "../read.ts";
import type { AdapterCase } from "./cases.ts";
import { Broken, brief, type Check, equal, mustHold, Skipped } from "./check.ts";
import type { Client, Reply } from "./client.ts";
import type { Context } from "./context.ts";
import { executeResultFault, recoverResultFault } from "./shapes.ts";

const aMomentMs = 200;
const shortTimeoutMs = 300;
const recoverMs = 1_000;
const wellUnderWayMs = 1_000;

export function adapterChecks(id: string, capabilities: readonly string[], cases: readonly AdapterCase[]) {
  const [first] = cases.filter(({ slow }) => !slow);
  const slow = cases.find((one) => one.slow);
  const checks: Check<Context>[] = [
    refusesNothing(id, hostCalls.adapterExecute),
    ...cases.filter((one) => !one.slow).map((one) => carriesOut(id, one)),
    sameKeyTwice(id, first),
    cancelled(id, slow),
    outOfTime(id, slow),
    killedAndStartedAgain(id, first, slow, capabilities.includes("recover")),
  ];
  if (capabilities.includes("recover")) checks.push(recovers(id, first));
  if (capabilities.includes("cancel")) checks.push(cancelsById(id));
  if (capabilities.includes("external_checkpointing")) checks.push(checkpoints(id));
  return checks;
}

/** Params that lack everything must be an error, and nothing worse. */
export function refusesNothing(id: string, method: string): Check<Context> {
  return {
    name: `${id}: ${method} without params`,
    async run(context) {
      const client = await context.client();
      const reply = await client.call(method, {});
      if (reply.kind === "result") throw new Broken(`it was answered with ${brief(reply.result)}`);
      await context.mustPing(client);
      const { code } = reply.error;
      return code === rpcErrors.invalidParams
        ? undefined
        : `${code}; ${rpcErrors.invalidParams} would say what is wrong`;
    },
  };
}

function carriesOut(id: string, one: AdapterCase): Check<Context> {
  return {
    name: `${id}: ${one.name}`,
    async run(context) {
      const client = await context.client();
      const params = await executeParams(context, client, id, one, context.newKey());
      mustBeExpected(one, await client.call(hostCalls.adapterExecute, params));
      return undefined;
    },
  };
}

function sameKeyTwice(id: string, one: AdapterCase | undefined): Check<Context> {
  return {
    name: `${id}: the same idempotency key twice`,
    async run(context) {
      if (one === undefined) throw new Skipped(noCase(id));
      const client = await context.client();
      const params = await executeParams(context, client, id, one, context.newKey());
      const before = mustBeExpected(one, await client.call(hostCalls.adapterExecute, params));
      const after = mustBeExpected(
        one,
        await client.call(hostCalls.adapterExecute, { ...params, attempt: 2 }),
      );
      if (!equal(before, after)) throw new Broken(`first ${brief(before)}, then ${brief(after)}`);
      return undefined;
    },
  };
}

function cancelled(id: string, slow: AdapterCase | undefined): Check<Context> {
  return {
    name: `${id}: cancelled while it works`,
    async run(context) {
      if (slow === undefined) throw new Skipped(noSlowCase(id));
      return endsEarly(context, id, slow, aMomentMs);
    },
  };
}

function outOfTime(id: string, slow: AdapterCase | undefined): Check<Context> {
  return {
    name: `${id}: its time runs out`,
    async run(context) {
      if (slow === undefined) throw new Skipped(noSlowCase(id));
      return endsEarly(context, id, slow, shortTimeoutMs, shortTimeoutMs);
    },
  };
}

async function endsEarly(
  context: Context,
  id: string,
  slow: AdapterCase,
  afterMs: number,
  timeoutMs?: number,
) {
  const client = await context.client();
  const params = await executeParams(context, client, id, slow, context.newKey());
  const limited = timeoutMs === undefined ? params : { ...params, timeout_ms: timeoutMs };
  const sent = client.send(hostCalls.adapterExecute, limited);
  const early = await Promise.race([sent.reply(context.subject.limits.callMs), pause(afterMs)]);
  if (early === undefined) client.notify("$/cancel", { id: sent.id });
  const reply = early ?? (await sent.reply(context.subject.limits.stopMs));
  await context.mustPing(client);
  // A plugin may watch its time by itself; then it says that it failed.
  if (reply.kind === "error") return timeoutMs === undefined ? mustBeCancelled(reply) : undefined;
  const { status } = isMap(reply.result) ? reply.result : {};
  if (status === "cancelled" || (status === "failed" && timeoutMs !== undefined)) return undefined;
  throw new Broken(
    `it answered ${brief(reply.result)}: the case ${slow.name} is not slow, or cancelling does nothing`,
  );
}

function mustBeCancelled({ error }: Extract<Reply, { kind: "error" }>): undefined {
  if (error.code === rpcErrors.cancelled) return undefined;
  throw new Broken(`the error is ${error.code} ${brief(error.message)}, not ${rpcErrors.cancelled}`);
}

function killedAndStartedAgain(
  id: string,
  one: AdapterCase | undefined,
  slow: AdapterCase | undefined,
  recovers: boolean,
): Check<Context> {
  return {
    name: `${id}: killed at work and started again`,
    async run(context) {
      if (one === undefined) throw new Skipped(noCase(id));
      const first = await context.client();
      const key = context.newKey();
      const cutOff = slow ?? one;
      first.send(hostCalls.adapterExecute, await executeParams(context, first, id, cutOff, key));
      await pause(slow === undefined ? 0 : wellUnderWayMs);
      await first.kill();
      const second = await context.client();
      if (recovers) {
        const asked = { ...(await executeParams(context, second, id, cutOff, key)), attempt: 2 };
        await endsOrIsCancelled(context, second, asked);
      }
      const again = await executeParams(context, second, id, one, cutOff === one ? key : context.newKey());
      mustBeExpected(one, await second.call(hostCalls.adapterExecute, { ...again, attempt: 2 }));
      return undefined;
    },
  };
}

/** An adapter may wait for what it finds still at work; then it must end when it is told to. */
async function endsOrIsCancelled(context: Context, client: Client, asked: JsonMap): Promise<void> {
  const sent = client.send(hostCalls.adapterRecover, asked);
  const early = await Promise.race([sent.reply(context.subject.limits.callMs), pause(recoverMs)]);
  if (early === undefined) client.notify("$/cancel", { id: sent.id });
  const reply = early ?? (await sent.reply(context.subject.limits.stopMs));
  if (reply.kind === "error") {
    if (early === undefined) mustBeCancelled(reply);
    else throw new Broken(`recover: ${reply.error.code} ${brief(reply.error.message)}`);
    return;
  }
  const fault = recoverResultFault(reply.result);
  if (fault !== undefined) throw new Broken(`recover: ${fault}`);
}

function recovers(id: string, one: AdapterCase | undefined): Check<Context> {
  return {
    name: `${id}: recover`,
    async run(context) {
      const client = await context.client();
      const plain: AdapterCase = one ?? emptyCase;
      const never = await executeParams(context, client, id, plain, context.newKey());
      const fault = recoverResultFault(
        await client.result(hostCalls.adapterRecover, { ...never, attempt: 2 }),
      );
      if (fault !== undefined) throw new Broken(`of what never ran: ${fault}`);
      if (one === undefined) return noCase(id);
      const ran = await executeParams(context, client, id, one, context.newKey());
      mustBeExpected(one, await client.call(hostCalls.adapterExecute, ran));
      const known = await client.result(hostCalls.adapterRecover, { ...ran, attempt: 2 });
      const wrong = recoverResultFault(known);
      if (wrong !== undefined) throw new Broken(`of what ran: ${wrong}`);
      return isMap(known) && known["kind"] === "ended" ? undefined : "does not know what has ended already";
    },
  };
}

function cancelsById(id: string): Check<Context> {
  return {
    name: `${id}: cancel of an action that is not there`,
    async run(context) {
      const client = await context.client();
      await client.result(hostCalls.adapterCancel, {
        adapter: id,
        context: wireContext(id),
        action_id: "conformance:never",
      });
      return undefined;
    },
  };
}

function checkpoints(id: string): Check<Context> {
  return {
    name: `${id}: checkpoint and restore`,
    async run(context) {
      const client = await context.client();
      const asked = { adapter: id, context: wireContext(id) };
      const answer = await client.result(hostCalls.adapterCheckpoint, asked);
      const { token } = isMap(answer) ? answer : {};
      if (token === null) return "there is nothing to come back to";
      if (typeof token !== "string") throw new Broken(`token is ${brief(token)}, not text or null`);
      await client.result(hostCalls.adapterRestore, { ...asked, token });
      return undefined;
    },
  };
}

/** @returns what must be the same another time. @throws Broken */
function mustBeExpected(one: AdapterCase, reply: Reply): Json {
  if (reply.kind === "error")
    throw new Broken(`the error is ${reply.error.code} ${brief(reply.error.message)}`);
  const fault = executeResultFault(reply.result);
  if (fault !== undefined || !isMap(reply.result)) throw new Broken(fault ?? "no result");
  const { status, outputs = {}, output_base64: inline } = reply.result;
  if (status === "failed" && one.expect.status !== "failed") {
    throw new Broken(`it failed: ${brief(reply.result["error"])}`);
  }
  mustHold(status, one.expect.status, "status");
  mustHold(outputs, one.expect.outputs, "outputs");
  const sent = new TextDecoder().decode(reply.output);
  const output = typeof inline === "string" ? sent + decodeText(inline) : sent;
  mustHold(output, one.expect.output, "output");
  const steady = Object.entries(isMap(outputs) ? outputs : {}).filter(([key]) => !one.volatile.includes(key));
  return { status: status ?? null, outputs: Object.fromEntries(steady), output };
}

function decodeText(base64: string): string {
  return new TextDecoder().decode(Uint8Array.fromBase64(base64));
}

async function executeParams(
  context: Context,
  client: Client,
  id: string,
  one: AdapterCase,
  key: string,
): Promise<JsonMap> {
  const handoffs: Json[] = [];
  for (const [stepId, content] of Object.entries(one.handoffs)) {
    const bytes = new TextEncoder().encode(content);
    const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
    client.offerHandoffs({ [sha256]: content });
    handoffs.push({ step_id: stepId, sha256, size_bytes: bytes.length });
  }
  return {
    adapter: id,
    context: wireContext(id),
    action: {
      action_id: `coordination:${key}:0`,
      action_type: "coordination_step",
      node_id: key,
      node_kind: "task",
      contract_id: "conformance",
      inputs_fingerprint: "0".repeat(64),
      idempotency_key: key,
    },
    attempt: 1,
    settings: one.settings,
    node: one.node,
    handoffs,
    timeout_ms: context.subject.limits.callMs,
    workdir: client.wire.actionDir,
  };
}

function wireContext(id: string): JsonMap {
  return {
    tenant_id: "conformance",
    repo_id: "kit",
    run_id: "conformance",
    runtime_run_id: "01890000-0000-7000-8000-000000000000",
    policy_mode: "enforce",
    adapter_id: id,
  };
}

const emptyCase: AdapterCase = {
  name: "empty",
  settings: {},
  node: {},
  handoffs: {},
  expect: { status: "succeeded" },
  slow: false,
  volatile: [],
};

function pause(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms));
}

function noCase(id: string): string {
  return `plugin.test.yaml has no case for adapter ${id}`;
}

function noSlowCase(id: string): string {
  return `plugin.test.yaml has no case with \`slow: true\` for adapter ${id}`;
}
