/** Runs inside the tests' systemd: a provider there, told by lines of JSON on stdin what to do, answering line by line. */

import { AkcError } from "../../src/errors.ts";
import { createSystemdProvider } from "../../src/providers/systemd/provider.ts";
import { systemClock } from "../../src/system/clock.ts";

const [settings = "{}", scope = "", repoRoot = "/"] = process.argv.slice(2);
const provider = createSystemdProvider(JSON.parse(settings), {
  env: process.env,
  repoRoot,
  scope,
  clock: systemClock,
});
const call = { signal: new AbortController().signal };

async function answer(method: string, args: readonly never[]): Promise<unknown> {
  const [one, two] = args;
  switch (method) {
    case "resolve":
      return provider.resolve(one ?? [], call);
    case "observe":
      return provider.observe(one ?? [], two ?? [], call);
    case "apply":
      return one === undefined ? undefined : provider.apply(one, call);
    case "delete":
      return one === undefined ? undefined : provider.delete(one, call);
    default:
      throw new Error(method);
  }
}

for await (const line of console) {
  const { id, method, args } = JSON.parse(line);
  void answer(method, args)
    .then((result) => ({ id, result: result ?? null }))
    .catch((cause) => ({
      id,
      error:
        cause instanceof AkcError
          ? { code: cause.code, message: cause.message, details: cause.details }
          : { code: "UNKNOWN", message: String(cause) },
    }))
    .then((reply) => console.log(JSON.stringify(reply)));
}
