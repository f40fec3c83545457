import { expect, test } from "bun:test";
import { Reloads } from "./reload.ts";

/** Reloads that end when they are told to, and a patience that ends only by its signal. */
function world() {
  const began: PromiseWithResolvers<void>[] = [];
  const reloads = new Reloads({
    reload: () => {
      const one = Promise.withResolvers<void>();
      began.push(one);
      return one.promise;
    },
    patience: (signal) =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => resolve(), { once: true });
      }),
  });
  const turns = () => Bun.sleep(1);
  return { began, reloads, turns };
}

test("changes under way are waited for and served by one reload", async () => {
  const { began, reloads, turns } = world();
  const [first, second, third] = [reloads.prepare(), reloads.prepare(), reloads.prepare()];
  const asked = [first.ask(), second.ask()];
  await turns();
  expect(began).toHaveLength(0);
  third.end();
  await turns();
  expect(began).toHaveLength(1);
  began[0]?.resolve();
  await Promise.all(asked);
});

test("who asks while one is under way gets the next, not that one", async () => {
  const { began, reloads, turns } = world();
  const early = reloads.prepare().ask();
  await turns();
  const late = reloads.prepare().ask();
  let done = false;
  void late.then(() => {
    done = true;
  });
  began[0]?.resolve();
  await early;
  await turns();
  expect([done, began.length]).toEqual([false, 2]);
  began[1]?.resolve();
  await late;
});

test("a reload that fails fails for those who asked for it, and the next one works", async () => {
  const { began, reloads, turns } = world();
  const asked = reloads.prepare().ask();
  await turns();
  began[0]?.reject(new Error("no"));
  expect(asked).rejects.toThrow("no");
  await turns();
  const again = reloads.prepare().ask();
  await turns();
  began[1]?.resolve();
  await again;
  await reloads.settled();
});
