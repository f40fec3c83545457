import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { limits } from "../../src/limits.ts";
import type { Signal } from "../../src/store/contract.ts";
import { createMemoryRun } from "../../src/store/memory.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { codeOf, event, runRow, scope, startedAtMs, turn } from "./builders.ts";

function signal(id: string, changes: Partial<Signal> = {}): Signal {
  return { id, name: "go", payload: "{}", sentAtMs: startedAtMs, sender: "me@here", ...changes };
}

describe("a signal", () => {
  test("waits in the order of arrival until one step takes it, and is then open no more", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    const other = await openStore(place.scopeRoot);
    let number = 0;
    type Deed = { readonly kind: "send" | "take"; readonly which: number };
    const deeds = fc.array(fc.record<Deed>({ kind: fc.constantFrom("send", "take"), which: fc.nat(5) }), {
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(deeds, async (plan) => {
        const id = `run-${number++}`;
        const writer = await store.createRun(runRow(id), thisProcess(), startedAtMs);
        const memory = createMemoryRun(id);
        const sent: { readonly signal: Signal; takenSeq: number | null }[] = [];
        for (const { kind, which } of plan) {
          if (kind === "send") {
            const one = signal(`s${which}`, { payload: String(which) });
            const isNew = !sent.some((known) => known.signal.id === one.id);
            expect(await other.sendSignal(id, one)).toBe(isNew);
            expect(await memory.sendSignal(one)).toBe(isNew);
            if (isNew) sent.push({ signal: one, takenSeq: null });
          } else {
            const open = await store.openSignals(id);
            const taken = open[which % Math.max(1, open.length)];
            if (taken === undefined) continue;
            const seq = writer.lastSeq + 1;
            const facts = turn({ events: [event(seq, "received")], signals: [{ id: taken.id, seq }] });
            await writer.commit(facts);
            await memory.commit(facts);
            const known = sent.find((one) => one.signal.id === taken.id);
            if (known !== undefined) known.takenSeq = seq;
          }
          const open = sent.filter(({ takenSeq }) => takenSeq === null).map((one) => one.signal);
          expect(await store.openSignals(id)).toEqual(open);
          expect(await other.openSignals(id)).toEqual(open);
          expect(await memory.openSignals()).toEqual(open);
        }
        const reader = await other.openRun(id);
        expect(await reader.signals()).toEqual(
          sent.map(({ signal: one, takenSeq }) => ({ ...one, takenSeq })),
        );
        await reader.close();
        await writer.close();
      }),
      { numRuns: 40 },
    );
    expect(await store.openSignals("nobody")).toEqual([]);
    await other.close();
    await store.close();
  });

  test("is taken once: a turn that takes it again, or one that nobody sent, is refused whole", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    const writer = await store.createRun(runRow("r"), thisProcess(), startedAtMs);
    await store.sendSignal("r", signal("s"));
    await writer.commit(turn({ events: [event(1, "a")], signals: [{ id: "s", seq: 1 }] }));
    for (const signals of [[{ id: "s", seq: 2 }], [{ id: "unknown", seq: 2 }]]) {
      expect(await codeOf(() => writer.commit(turn({ events: [event(2, "b")], signals })))).toBe("INTERNAL");
    }
    await store.sendSignal("r", signal("t"));
    const future = turn({ events: [event(2, "b")], signals: [{ id: "t", seq: 3 }] });
    expect(await codeOf(() => writer.commit(future))).toBe("INTERNAL");
    expect(writer.lastSeq).toBe(1);
    const reader = await store.openRun("r");
    expect((await reader.signals()).map(({ id, takenSeq }) => [id, takenSeq])).toEqual([
      ["s", 1],
      ["t", null],
    ]);
    await reader.close();
    await store.close();
  });

  test("that is sent twice is sent once, also after the end; another one under its id is refused", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    const writer = await store.createRun(runRow("r"), thisProcess(), startedAtMs);
    expect(await store.sendSignal("r", signal("s"))).toBe(true);
    expect(await store.sendSignal("r", signal("s", { sentAtMs: 9, sender: "she@there" }))).toBe(false);
    for (const other of [signal("s", { payload: "1" }), signal("s", { name: "halt" })]) {
      expect(await codeOf(() => store.sendSignal("r", other))).toBe("SIGNAL_CONFLICT");
    }
    await writer.commit(turn({ run: { outcome: "succeeded" } }));
    expect(await store.sendSignal("r", signal("s"))).toBe(false);
    expect(await codeOf(() => store.sendSignal("r", signal("t")))).toBe("RUN_EXISTS");
    expect(await codeOf(() => store.sendSignal("nobody", signal("s")))).toBe("RUN_NOT_FOUND");
    await store.close();
  });

  test("is bounded in size, and so is how many wait; a taken one makes room", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    const writer = await store.createRun(runRow("r"), thisProcess(), startedAtMs);
    const max = limits.signalPayloadBytesMax;
    const fits = signal("s0", { payload: `"${"é".repeat(max / 2 - 1)}"` });
    expect(await store.sendSignal("r", fits)).toBe(true);
    const tooLarge = signal("s1", { payload: `"${"é".repeat(max / 2)}"` });
    expect(await codeOf(() => store.sendSignal("r", tooLarge))).toBe("JSON_TOO_LARGE");
    for (let index = 1; index < limits.signalsOpenMax; index += 1) {
      await store.sendSignal("r", signal(`s${index}`));
    }
    expect(await codeOf(() => store.sendSignal("r", signal("more")))).toBe("SIGNALS_TOO_MANY");
    await writer.commit(turn({ events: [event(1, "a")], signals: [{ id: "s0", seq: 1 }] }));
    expect(await store.sendSignal("r", signal("more"))).toBe(true);
    await store.close();
  });
});

describe("evidence that is sealed", () => {
  test("replaces what was sealed before, in the order of the files' names", async () => {
    using place = scope();
    const store = await openStore(place.scopeRoot);
    const writer = await store.createRun(runRow("r"), thisProcess(), startedAtMs);
    const reader = await store.openRun("r");
    expect(await reader.evidenceFiles()).toEqual([]);
    expect((await reader.run()).evidenceSeq).toBeNull();
    await writer.commit(turn({ events: [event(1, "a"), event(2, "b")] }));
    const file = (name: string, byte: string) => ({ name, sha256: byte.repeat(64), sizeBytes: 7 });
    const first = [file("b.json", "1"), file("a/c.json", "2")];
    await writer.commit(turn({ evidence: { seq: 2, files: first } }));
    expect(await reader.evidenceFiles()).toEqual(first.toReversed());
    expect((await reader.run()).evidenceSeq).toBe(2);
    const second = [file("b.json", "3")];
    await writer.commit(turn({ events: [event(3, "c")], evidence: { seq: 3, files: second } }));
    expect(await reader.evidenceFiles()).toEqual(second);
    expect((await reader.run()).evidenceSeq).toBe(3);
    expect(await codeOf(() => writer.commit(turn({ evidence: { seq: 4, files: [] } })))).toBe("INTERNAL");
    expect(await reader.evidenceFiles()).toEqual(second);
    await reader.close();
    await store.close();
  });
});
