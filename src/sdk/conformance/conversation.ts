/**
 * Checks of what every plugin must do whatever it offers: the handshake, the order of things, and what the host must never
 * send but a plugin must live through.
 */
import { hostCalls, notifications, rpcErrors } from "../protocol.ts";
import { isMap } from "../read.ts";
import { Broken, brief, type Check, Skipped } from "./check.ts";
import { endText } from "./client.ts";
import type { Context } from "./context.ts";
import { undeclared } from "./shapes.ts";

const padding = "x".repeat(1024);

export const conversationChecks: readonly Check<Context>[] = [
  {
    name: "handshake",
    async run(context) {
      await context.client();
      const { protocol, plugin } = context.agreed ?? {};
      if (protocol !== 1) throw new Broken(`result.protocol is ${brief(protocol)}, 1 was offered`);
      const { id, version } = context.subject;
      if (!isMap(plugin) || plugin["id"] !== id || plugin["version"] !== version) {
        throw new Broken(`result.plugin is ${brief(plugin)}, the manifest says ${id} ${version}`);
      }
      if (!Array.isArray(context.agreed?.["features"])) throw new Broken("result.features is not a list");
      return undefined;
    },
  },
  {
    name: "offers are those of the manifest",
    async run(context) {
      await context.client();
      const { lies, missing } = undeclared(context.agreed?.["offers"], context.subject.declared);
      if (lies.length > 0) throw new Broken(`offers what the manifest does not allow: ${lies.join(", ")}`);
      return missing.length === 0 ? undefined : `does not offer ${missing.join(", ")}`;
    },
  },
  {
    name: "ping",
    async run(context) {
      await context.mustPing(await context.client());
      return undefined;
    },
  },
  {
    name: "a protocol that it does not speak",
    async run(context) {
      const client = await context.fresh();
      await context.shakeHands(client, [999]).then(
        () => {
          throw new Broken("initialize with major 999 alone was accepted");
        },
        (cause: unknown) => {
          if (!String(cause).includes("initialize: ")) throw cause;
        },
      );
      await client.kill();
      return undefined;
    },
  },
  {
    name: "a method that does not exist",
    async run(context) {
      const client = await context.client();
      const reply = await client.call("conformance/no_such_method", {});
      if (reply.kind === "result") throw new Broken("it was answered with a result");
      if (reply.error.code !== rpcErrors.methodNotFound) {
        throw new Broken(`the error is ${reply.error.code}, JSON-RPC says ${rpcErrors.methodNotFound}`);
      }
      return undefined;
    },
  },
  {
    name: "a notification that does not exist",
    async run(context) {
      const client = await context.client();
      client.notify("$/conformance_no_such_notification", {});
      client.notify(notifications.cancel, { id: 999_999 });
      await context.mustPing(client);
      return undefined;
    },
  },
  {
    name: "a line that is not JSON",
    async run(context) {
      const client = await context.client();
      client.raw("{ this is not JSON");
      await context.mustPing(client);
      return undefined;
    },
  },
  {
    name: "JSON that is not JSON-RPC",
    async run(context) {
      const client = await context.client();
      client.raw('["neither","request"]');
      client.raw("42");
      await context.mustPing(client);
      return undefined;
    },
  },
  {
    name: "text of the whole of Unicode",
    async run(context) {
      const client = await context.client();
      const reply = await client.call("conformance/ünïcødé 🦉 \u0000 \u2028", { text: '"\\\n\t🦉' });
      if (reply.kind === "result") throw new Broken("an unknown method was answered with a result");
      return undefined;
    },
  },
  {
    name: "a message that is too large",
    async run(context) {
      const client = await context.client();
      const { messageBytes } = context.subject.limits;
      if (messageBytes > largestTried) throw new Skipped("limits.message_bytes is more than the kit sends");
      const params = { padding: padding.repeat(Math.ceil(messageBytes / padding.length)) };
      const seen = client.complaints.length;
      const sent = client.send("conformance/no_such_method", params);
      const reply = await Promise.race([sent.reply(answerMs), complaint(client, seen)]);
      await context.mustPing(client);
      if (reply !== "complained" && reply.kind === "result")
        throw new Broken("it was answered with a result");
      return undefined;
    },
  },
  {
    name: "many calls at the same time",
    async run(context) {
      const client = await context.client();
      const { concurrency, callMs } = context.subject.limits;
      const count = Math.min(concurrency, 32);
      const sent = Array.from({ length: count }, () => client.send(hostCalls.ping, {}));
      for (const one of await Promise.all(sent.map((ping) => ping.reply(callMs)))) {
        if (one.kind === "error") throw new Broken(`ping: ${one.error.message}`);
      }
      return undefined;
    },
  },
  {
    name: "shutdown: answers, then ends",
    async run(context) {
      const client = await context.freshInitialized();
      const { stopMs } = context.subject.limits;
      const reply = await client.call(hostCalls.shutdown, {}, stopMs);
      if (reply.kind === "error") throw new Broken(`shutdown: ${reply.error.message}`);
      const end = await client.ended(stopMs);
      if (end.exitCode !== 0) throw new Broken(`it ended with ${endText(end)}`);
      return undefined;
    },
  },
  {
    name: "ends when its input does",
    async run(context) {
      const client = await context.freshInitialized();
      client.wire.closeInput();
      await client.ended(context.subject.limits.stopMs);
      return undefined;
    },
  },
];

const largestTried = 16 * 1024 * 1024;
const answerMs = 10_000;
const lookMs = 20;

/** Resolves once the plugin has said, of no call in particular, that something could not be read. */
async function complaint(
  client: { readonly alive: boolean; readonly complaints: readonly unknown[] },
  seen: number,
) {
  while (client.alive && client.complaints.length === seen) {
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
  return "complained" as const;
}

/** The last check: what was seen on stdout all the while. */
export const cleanChecks: readonly Check<Context>[] = [
  {
    name: "stdout holds nothing but the protocol",
    async run(context) {
      await context.close();
      const [first] = context.violations;
      if (first === undefined) return undefined;
      const more = context.violations.length > 1 ? ` (and ${context.violations.length - 1} more)` : "";
      throw new Broken(`${first}${more}`);
    },
  },
];
