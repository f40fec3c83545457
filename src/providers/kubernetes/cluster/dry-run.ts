/**
 * What objects would be if they were applied now, by the server's own word: with its defaults, and with the fields of others as
 * they are. Changes nothing; an object that the server refuses costs its neighbours only a few more calls.
 */
import { isJsonObject, type JsonObject } from "../../../json/value.ts";
import { limits } from "../../../limits.ts";
import { laidOver } from "../fields.ts";
import { listOf } from "../object.ts";
import { type Failure, failureOf } from "./failure.ts";
import type { Asking } from "./kubectl.ts";
import { liveKey, type Seen } from "./look.ts";

export interface Stands {
  readonly key: string;
  /** As in the manifest. */
  readonly wanted: JsonObject;
  readonly live: JsonObject;
}

/** How akc applies: the server keeps which fields are akc's, and takes away those that it no longer names. */
export const applyArgs = ["apply", "--server-side", "--field-manager=akc", "--filename=-"] as const;

/** Only of objects that stand: what does not stand yet may need a namespace or a kind that does not either. */
export async function dryRun(asking: Asking, standing: readonly Stands[], home: string): Promise<Seen> {
  const objects = new Map<string, JsonObject>();
  const unknown = new Map<string, Failure>();
  let runs = 0;
  const open: (readonly Stands[])[] = standing.length === 0 ? [] : [standing];
  for (let some = open.shift(); some !== undefined; some = open.shift()) {
    const spent = runs >= limits.kubernetesDryRunsMax;
    const failure = spent ? failureOf("") : await run(some);
    if (failure === undefined) continue;
    if (failure.reason === "unreachable" || failure.reason === "timeout") {
      for (const { key } of some) unknown.set(key, failure);
    } else if (some.length === 1 || spent) {
      // The server would refuse the change as well, and say why; until then the manifest's own word shows what is wanted.
      for (const one of some) objects.set(one.key, byItsOwnWord(one));
    } else {
      const half = Math.ceil(some.length / 2);
      open.push(some.slice(0, half), some.slice(half));
    }
  }
  return { objects, unknown };

  /** kubectl gives all objects or none. */
  async function run(some: readonly Stands[]): Promise<Failure | undefined> {
    runs += 1;
    const answer = await asking.ask({
      args: [...applyArgs, "--force-conflicts", "--dry-run=server", "--validate=false", "--output=json"],
      stdin: listOf(some.map(({ wanted }) => wanted)),
    });
    if (answer.failure !== undefined) return answer.failure;
    for (const object of answer.objects) objects.set(liveKey(object, home), object);
    return some.every(({ key }) => objects.has(key)) ? undefined : failureOf("");
  }
}

function byItsOwnWord({ live, wanted }: Stands): JsonObject {
  const laid = laidOver(live, wanted);
  return isJsonObject(laid) ? laid : wanted;
}
