/**
 * The worker thread that makes the passes over a run's rows on a connection of its own. It reads; whatever goes wrong is
 * answered, and whoever asked makes the pass again to see it.
 */
import type { RunReader } from "../store/contract.ts";
import { openStore } from "../store/sqlite/open.ts";
import type { FromPasses, ToPasses } from "./pass-protocol.ts";
import { digestDecisions, followChain } from "./passes.ts";

declare const self: Worker;

let reader: Promise<RunReader> | undefined;

async function opened(scopeRoot: string, runtimeRunId: string): Promise<RunReader> {
  const store = await openStore(scopeRoot, { readOnly: true });
  return store.openRun(runtimeRunId);
}

async function answer(message: ToPasses): Promise<FromPasses> {
  try {
    reader ??= opened(message.scopeRoot, message.runtimeRunId);
    const run = await reader;
    return message.kind === "chain"
      ? { kind: "chain", pass: await followChain(run, await run.run(), message.order) }
      : { kind: "decisions", pass: await digestDecisions(run, message.covered) };
  } catch {
    return { kind: message.kind, pass: undefined };
  }
}

self.onmessage = async ({ data }: MessageEvent<ToPasses>) => postMessage(await answer(data));
