/**
 * Does one thing to a store and is killed before its Nth statement: `<scope root> <deed> <N>`. Says `done` when there were
 * not so many.
 */
import { Database, type Statement } from "bun:sqlite";
import type { Store } from "../../src/store/contract.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { action, decision, event, runRow, startedAtMs, turn } from "./builders.ts";
import { ended, owned, plan, providerId, request, revision, rollout } from "./deployed.ts";

/** Whoever did the deed before is long gone. */
export const laterMs = startedAtMs + 60_000;
const here = { name: "here:1:a", host: "here", pid: 1, bootId: "boot/pid" };

export const deeds = {
  "a turn": async (store: Store) => {
    const writer = await store.resumeRun("r", here, laterMs);
    await writer.artifacts.put(new Uint8Array(10));
    await writer.artifacts.put(new Uint8Array(60_000));
    counting = true;
    await writer.commit(
      turn({
        events: [event(3, "a"), event(4, "b")],
        actions: [action("x", "succeeded"), action("z", "running")],
        decisions: [decision(), decision()],
        signals: [{ id: "s", seq: 4 }],
        evidence: { seq: 4, files: [{ name: "b.json", sha256: "1".repeat(64), sizeBytes: 2 }] },
        run: { status: "failed", outcome: "failed", finishedAtMs: 9, lastError: "x", extra: "[]" },
      }),
    );
  },
  "a turn that deploys": async (store: Store) => {
    const writer = await store.resumeRun("r", here, laterMs);
    await writer.holdScope(laterMs);
    counting = true;
    await writer.commit(
      turn({
        events: [event(3, "a")],
        deployment: {
          owned: [owned("web", { desiredHash: "h2" })],
          disowned: [{ providerId, resourceId: "db" }],
          revisions: [revision("web", "h2")],
          rollout: rollout("rollout-1", { ...ended, runtimeRunId: "of-before" }),
          plan: plan("plan-1", { plan: "[]" }),
          requestsTaken: [1],
        },
      }),
    );
  },
  "a hold of the scope": async (store: Store) => {
    const writer = await store.resumeRun("r", here, laterMs);
    counting = true;
    await writer.holdScope(laterMs);
  },
  "a renewal of both leases": async (store: Store) => {
    const writer = await store.resumeRun("r", here, laterMs);
    await writer.holdScope(laterMs);
    counting = true;
    await writer.renew(laterMs + 1);
  },
  "a release of both leases": async (store: Store) => {
    const writer = await store.resumeRun("r", here, laterMs);
    await writer.holdScope(laterMs);
    counting = true;
    await writer.close();
  },
  "a request to a rollout": async (store: Store) => {
    await store.requestStop("r", 1);
    counting = true;
    await store.requestRollout(request("rollout-1", "abort"));
  },
  "a new run": async (store: Store) => {
    await store.requestStop("r", 1);
    counting = true;
    await store.createRun(runRow("q"), here, laterMs);
  },
  "a takeover": async (store: Store) => {
    counting = true;
    await store.resumeRun("r", here, laterMs);
  },
  "a signal": async (store: Store) => {
    await store.requestStop("r", 1);
    counting = true;
    await store.sendSignal("r", { id: "t", name: "go", payload: "2", sentAtMs: 2, sender: "me" });
  },
  "a broken lease": async (store: Store) => {
    await store.requestStop("r", 1);
    counting = true;
    await store.breakLease("r", 1);
  },
  "a release": async (store: Store) => {
    const writer = await store.resumeRun("r", here, laterMs);
    counting = true;
    await writer.close();
  },
  "a removal": async (store: Store) => {
    await store.requestStop("r", 1);
    counting = true;
    await store.deleteRun("r", here, laterMs);
  },
} satisfies Record<string, (store: Store) => Promise<void>>;

let counting = false;
let left = 0;

function count(): void {
  if (!counting) return;
  left -= 1;
  if (left === 0) process.kill(process.pid, "SIGKILL");
}

/** Every statement that runs from now on is counted first, and so is the end of a transaction. */
function watch(): void {
  const { prepare, query, run, transaction } = Database.prototype;
  const counted = (statement: Statement): Statement =>
    new Proxy(statement, {
      get(target, name) {
        const member = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        const executes = name === "run" || name === "get" || name === "all";
        return (...args: unknown[]) => {
          if (executes) count();
          return Reflect.apply(member, target, args);
        };
      },
    });
  Object.assign(Database.prototype, {
    transaction(this: Database, inside: () => unknown) {
      const counted = () => {
        const result = inside();
        count();
        return result;
      };
      return Reflect.apply(transaction, this, [counted]);
    },
    prepare(this: Database, ...args: Parameters<typeof prepare>) {
      return counted(Reflect.apply(prepare, this, args));
    },
    query(this: Database, ...args: Parameters<typeof query>) {
      return counted(Reflect.apply(query, this, args));
    },
    run(this: Database, ...args: Parameters<typeof run>) {
      count();
      return Reflect.apply(run, this, args);
    },
  });
}

if (import.meta.main) {
  const [scopeRoot = "", name = "", nth = "0"] = process.argv.slice(2);
  left = Number(nth);
  watch();
  const store = await openStore(scopeRoot, { create: false });
  const deed = Object.entries(deeds).find(([known]) => known === name)?.[1];
  await deed?.(store);
  counting = false;
  // Not closed: what is there when a process ends is what the others find.
  console.log("done");
}
