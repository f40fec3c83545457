/**
 * Checks of what providers do: each resource brought to stand, twice under one key, changed and changed back, watched, removed.
 * Each of a resource's checks begins where the one before it ended.
 */
import { hostCalls, type Json, type JsonMap } from "../protocol.ts";
import { isMap } from "../read.ts";
import { refusesNothing } from "./adapters.ts";
import type { ProviderCase } from "./cases.ts";
import { Broken, brief, type Check, equal, mustHold, Skipped } from "./check.ts";
import type { Context } from "./context.ts";
import { diffFault, observeAllFault, observedFault, watchFault } from "./shapes.ts";

export function providerChecks(id: string, capabilities: readonly string[], cases: readonly ProviderCase[]) {
  const can = (name: string) => capabilities.includes(name);
  const checks: Check<Context>[] = [refusesNothing(id, hostCalls.providerObserve)];
  if (can("apply")) checks.push(refusesNothing(id, hostCalls.providerApply));
  if (can("observe_all")) checks.push(refusesNothing(id, hostCalls.providerObserveAll));
  if (cases.length === 0) {
    checks.push(
      check(`${id}: its resources`, async () => {
        throw new Skipped(`plugin.test.yaml has no case for provider ${id}`);
      }),
    );
  }
  for (const one of cases) {
    const resource = new Resource(id, one);
    const name = (what: string) => `${id}: ${one.name}: ${what}`;
    checks.push(check(name("observe"), (context) => resource.observe(context)));
    if (can("observe_all") && !can("apply")) {
      checks.push(check(name("observe_all"), (context) => resource.observeAll(context)));
    }
    if (!can("apply")) continue;
    checks.push(check(name("apply"), (context) => resource.apply(context)));
    checks.push(check(name("apply again under the same key"), (context) => resource.applyAgain(context)));
    checks.push(check(name("apply of a version that has passed"), (context) => resource.conflict(context)));
    if (can("observe_all"))
      checks.push(check(name("observe_all"), (context) => resource.observeAll(context)));
    if (can("diff")) checks.push(check(name("diff"), (context) => resource.diff(context)));
    if (can("watch")) checks.push(check(name("watch"), (context) => resource.watch(context)));
    if (can("rollback")) checks.push(check(name("rollback"), (context) => resource.rollBack(context)));
    if (can("delete")) checks.push(check(name("delete, and again"), (context) => resource.remove(context)));
  }
  return checks;
}

/** Whose the resources of these checks are. */
const scope = "conformance/kit";

function check(name: string, run: Check<Context>["run"]): Check<Context> {
  return { name, run };
}

class Resource {
  readonly #provider: string;
  readonly #case: ProviderCase;
  #lastKey = "";

  constructor(provider: string, one: ProviderCase) {
    this.#provider = provider;
    this.#case = one;
  }

  async observe(context: Context): Promise<undefined> {
    const before = await this.#observed(context);
    const after = await this.#observed(context);
    if (before["exists"] !== after["exists"]) throw new Broken("to observe it changes it");
    return undefined;
  }

  async apply(context: Context): Promise<undefined> {
    this.#lastKey = context.newKey();
    const applied = await this.#change(context, hostCalls.providerApply, this.#case.intent, this.#lastKey);
    await this.#mustStand(applied, this.#case.intent, "apply answers");
    const observed = await this.#observed(context);
    await this.#mustStand(observed, this.#case.intent, "observe then answers");
    mustHold(observed["fields"] ?? {}, this.#case.fields, "fields");
    return undefined;
  }

  /** Asked about it and about what is not there, it must tell of both what `observe` tells. */
  async observeAll(context: Context): Promise<string | undefined> {
    const client = await context.client();
    const { resource_id, resource_class } = this.#case;
    const stranger = `${resource_id}-not-there`;
    const asked = [resource_id, stranger].map((id) => ({ resource_id: id, resource_class }));
    const alone = await this.#observed(context);
    const all = await client.result(hostCalls.providerObserveAll, {
      provider: this.#provider,
      resources: asked,
    });
    const fault = observeAllFault(all);
    const rows = isMap(all) && Array.isArray(all["resources"]) ? all["resources"].filter(isMap) : [];
    if (fault !== undefined) throw new Broken(`observe_all: ${fault}`);
    for (const { resource_id: id } of asked) {
      const times = rows.filter((row) => row["resource_id"] === id).length;
      if (times !== 1) throw new Broken(`observe_all tells of ${id} ${times} times, not once`);
    }
    const { observed } = rows.find((row) => row["resource_id"] === resource_id) ?? {};
    if (!isMap(observed)) return "it could not be observed";
    for (const member of ["exists", "version", "observed_hash", "fields"]) {
      if (!equal(observed[member] ?? null, alone[member] ?? null)) {
        throw new Broken(
          `${member}: observe says ${brief(alone[member])}, observe_all says ${brief(observed[member])}`,
        );
      }
    }
    const { observed: nothing } = rows.find((row) => row["resource_id"] === stranger) ?? {};
    if (isMap(nothing) && nothing["exists"] !== false)
      throw new Broken(`observe_all says that ${stranger} exists`);
    return undefined;
  }

  async applyAgain(context: Context): Promise<string | undefined> {
    const before = await this.#observed(context);
    const again = await this.#change(context, hostCalls.providerApply, this.#case.intent, this.#lastKey);
    if (before["version"] === undefined)
      return "it tells no version, so nobody can see whether it was changed";
    if (again["version"] !== before["version"]) {
      throw new Broken(
        `version was ${brief(before["version"])}, then ${brief(again["version"])}: it was changed twice`,
      );
    }
    return undefined;
  }

  async conflict(context: Context): Promise<string | undefined> {
    const { version } = await this.#observed(context);
    if (version === undefined) return "it tells no version";
    const client = await context.client();
    const reply = await client.call(hostCalls.providerApply, {
      ...(await this.#changeParams(this.#case.changed ?? this.#case.intent, context.newKey())),
      expected_version: "conformance-no-such-version",
    });
    if (reply.kind === "result") throw new Broken("it was applied although expected_version was another");
    const after = await this.#observed(context);
    if (after["version"] !== version) throw new Broken("it was refused, and changed nevertheless");
    return undefined;
  }

  async diff(context: Context): Promise<string | undefined> {
    const settled = await this.#differences(context, this.#case.intent);
    if (settled.length > 0) throw new Broken(`it stands as desired, and diff says ${brief(settled)}`);
    if (this.#case.changed === undefined) return "the case has no `changed` to compare with";
    const changes = await this.#differences(context, this.#case.changed);
    if (changes.length === 0) throw new Broken("`changed` is another intent, and diff says nothing");
    return undefined;
  }

  async watch(context: Context): Promise<undefined> {
    const client = await context.client();
    const { changed: other } = this.#case;
    if (other === undefined) throw new Skipped("the case has no `changed` to change it with");
    const deadlineMs = performance.now() + context.subject.limits.callMs;
    let sent = client.send(hostCalls.providerWatch, { provider: this.#provider });
    await context.settle();
    await this.#change(context, hostCalls.providerApply, other, context.newKey());
    for (;;) {
      const reply = await sent.reply(Math.max(1, deadlineMs - performance.now()));
      if (reply.kind === "error") throw new Broken(`watch: ${reply.error.message}`);
      const fault = watchFault(reply.result);
      if (fault !== undefined || !isMap(reply.result)) throw new Broken(fault ?? "no result");
      const { changed, cursor = null } = reply.result;
      if (Array.isArray(changed) && changed.includes(this.#case.resource_id)) break;
      sent = client.send(hostCalls.providerWatch, { provider: this.#provider, cursor });
    }
    await this.#change(context, hostCalls.providerApply, this.#case.intent, context.newKey());
    return undefined;
  }

  async rollBack(context: Context): Promise<undefined> {
    const { changed, intent } = this.#case;
    if (changed === undefined) throw new Skipped("the case has no `changed` to go back from");
    await this.#change(context, hostCalls.providerApply, changed, context.newKey());
    const back = await this.#change(context, hostCalls.providerRollback, intent, context.newKey());
    await this.#mustStand(back, intent, "rollback answers");
    await this.#mustStand(await this.#observed(context), intent, "observe then answers");
    return undefined;
  }

  async remove(context: Context): Promise<undefined> {
    for (const time of ["once", "twice"]) {
      const client = await context.client();
      const answer = await client.result(hostCalls.providerDelete, {
        ...this.#name(),
        idempotency_key: context.newKey(),
        scope,
      });
      const gone = mustBeObserved(answer, `deleted ${time}`);
      if (gone["exists"] !== false) throw new Broken(`deleted ${time}, it answers ${brief(gone)}`);
    }
    const after = await this.#observed(context);
    if (after["exists"] !== false) throw new Broken(`deleted, it is observed as ${brief(after)}`);
    return undefined;
  }

  async #observed(context: Context): Promise<JsonMap> {
    const client = await context.client();
    return mustBeObserved(await client.result(hostCalls.providerObserve, this.#name()), "observe");
  }

  async #change(context: Context, method: string, intent: Json, key: string): Promise<JsonMap> {
    const client = await context.client();
    return mustBeObserved(await client.result(method, await this.#changeParams(intent, key)), method);
  }

  async #differences(context: Context, intent: Json): Promise<readonly Json[]> {
    const client = await context.client();
    const result = await client.result(hostCalls.providerDiff, {
      provider: this.#provider,
      resource: await this.#resource(intent),
      observed: await this.#observed(context),
    });
    const fault = diffFault(result);
    const changes = isMap(result) ? result["changes"] : undefined;
    if (fault !== undefined || !Array.isArray(changes)) throw new Broken(`diff: ${fault}`);
    return changes;
  }

  async #mustStand(observed: JsonMap, intent: Json, said: string): Promise<void> {
    const { exists, observed_hash: hash, scope: told } = observed;
    if (exists !== true) throw new Broken(`${said} that it does not exist`);
    if (told !== undefined && told !== scope)
      throw new Broken(`${said} scope ${brief(told)}, applied under ${scope}`);
    if (hash !== undefined && !equal(hash, await hashOf(intent))) {
      throw new Broken(
        `${said} observed_hash ${brief(hash)}, which is not the desired_hash of what was applied`,
      );
    }
  }

  async #changeParams(intent: Json, key: string): Promise<JsonMap> {
    const resource = await this.#resource(intent);
    return { provider: this.#provider, resource, idempotency_key: key, scope };
  }

  async #resource(intent: Json): Promise<JsonMap> {
    const { resource_id, resource_class } = this.#case;
    return { resource_id, resource_class, desired_hash: await hashOf(intent), intent };
  }

  #name(): JsonMap {
    const { resource_id, resource_class } = this.#case;
    return { provider: this.#provider, resource_id, resource_class };
  }
}

function mustBeObserved(answer: Json, said: string): JsonMap {
  const fault = observedFault(answer);
  if (fault === undefined && isMap(answer)) return answer;
  throw new Broken(`${said}: ${fault}`);
}

async function hashOf(intent: Json): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(intent));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
