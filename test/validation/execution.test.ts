/** What carrying out bindings promises: an observation of each, whatever the others do, in an order that time does not touch. */
import { afterAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import fc from "fast-check";
import { AkcError } from "../../src/errors.ts";
import { limits } from "../../src/limits.ts";
import { systemClock } from "../../src/system/clock.ts";
import { ownerName } from "../../src/system/process-owner.ts";
import type { Binding } from "../../src/validation/bindings/model.ts";
import type { BindingObservation } from "../../src/validation/execution/model.ts";
import { observeAsked } from "../../src/validation/execution/observe.ts";
import {
  answer,
  binding,
  doorOf,
  execute,
  folder,
  judgedBy,
  numberAt,
  serve,
  withoutTimes,
} from "./execution-world.ts";

const workdirs = () =>
  readdirSync(tmpdir()).filter((name) => name.startsWith(`akc-validator-${ownerName(process.pid)}-`));
const workdirsBefore = workdirs();
afterAll(() => expect(workdirs().filter((name) => !workdirsBefore.includes(name))).toEqual([]));

const verdictsOf = (observations: readonly BindingObservation[]) =>
  Object.fromEntries(
    observations.map(({ bindingId, verdict, reason }) => [
      bindingId,
      reason === undefined ? verdict : `${verdict} ${reason}`,
    ]),
  );

test("what is observed does not depend on when validators answer", async () => {
  const kinds = ["promql_query", "maestro_flow", "android_helper", "acme_disk"];
  const bindings = Array.from({ length: 12 }, (_, n) =>
    binding(`b${n % 5}.${n}`, kinds[n % kinds.length], {
      settings: { n, operation: n % 2 === 0 ? "install" : "screenshot" },
    }),
  );
  let expected: string | undefined;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 8 }), { minLength: 12, maxLength: 12 }), async (delays) => {
      const observations = await execute(shuffled(bindings, delays), async ({ binding: settings }) => {
        await Bun.sleep(delays[Number(settings["n"])] ?? 0);
        const verdict = Number(settings["n"]) % 3 === 0 ? "fail" : "pass";
        return answer(verdict, {
          observed: { value: Number(settings["n"]) },
          attachments: [
            { name: "x.txt", mediaType: "text/plain", bytes: new TextEncoder().encode(`${settings["n"]}`) },
          ],
        });
      });
      const seen = observations.map(({ payload, files, ...rest }) => ({
        ...rest,
        payload: withoutTimes(payload),
        files: files.map(({ path }) => path),
      }));
      expected ??= JSON.stringify(seen, null, 1);
      expect(JSON.stringify(seen, null, 1)).toBe(expected);
    }),
    { numRuns: 15 },
  );
});

function shuffled(bindings: readonly Binding[], by: readonly number[]): Binding[] {
  return bindings
    .map((item, n) => [by[n] ?? 0, item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
}

test("groups never overlap, bindings of one device never do, and others run side by side up to the limit", async () => {
  const log: { readonly id: string; readonly end: boolean }[] = [];
  let now = 0;
  let most = 0;
  const device = (id: string, operation: string) =>
    binding(id, "android_helper", { settings: { operation, device_id: "emu-1" } });
  const bindings = [
    device("i2", "install"),
    device("i1", "install"),
    binding("flow", "maestro_flow", { settings: { platform: "android" } }),
    ...Array.from({ length: 20 }, (_, n) => binding(`q${n}`)),
  ];
  await execute(bindings, async ({ bindingId }) => {
    log.push({ id: bindingId, end: false });
    most = Math.max(most, ++now);
    await Bun.sleep(5);
    now -= 1;
    log.push({ id: bindingId, end: true });
    return answer("pass");
  });
  const queries = log.findIndex(({ id }) => id.startsWith("q"));
  expect(log.slice(0, queries).map(({ id, end }) => `${id}${end ? "!" : ""}`)).toEqual([
    "i1",
    "i1!",
    "i2",
    "i2!",
    "flow",
    "flow!",
  ]);
  expect(most).toBe(8);
});

describe("tries", () => {
  test("only what was unreachable is tried again, and each try is told", async () => {
    let broken = 2;
    const server = serve(() => new Response("3"));
    const pauses: number[] = [];
    const clock = {
      ...systemClock,
      sleep: async (ms: number, signal?: AbortSignal) => {
        if (ms < 1_000) pauses.push(ms);
        else await systemClock.sleep(ms, signal);
      },
    };
    const [observation] = await execute(
      [binding("b1", "promql_query", { tries: 5, settings: { url: server.url, lte: 3 } })],
      (request, door, signal) =>
        broken-- > 0
          ? answer("error", { reason: "unreachable", message: "refused" })
          : numberAt(request, door, signal),
      { clock, random: () => 1 },
    );
    await server.stop();
    expect(observation).toMatchObject({ verdict: "pass" });
    expect(pauses).toEqual([200, 400]);
    expect(observation?.payload["attempts"]).toMatchObject([
      { verdict: "error", reason: "unreachable", message: "refused", exchanges: 0 },
      { verdict: "error", reason: "unreachable" },
      { verdict: "pass", exchanges: 1 },
    ]);
  });

  test.each(["denied", "malformed", "tool_missing", "timeout"])("%s is not tried again", async (reason) => {
    let asked = 0;
    const [observation] = await execute([binding("b1", "promql_query", { tries: 5 })], () => {
      asked += 1;
      return answer("error", { reason });
    });
    expect(asked).toBe(1);
    expect(observation?.payload).not.toHaveProperty("attempts");
  });
});

describe("ends", () => {
  const hang = (signal: AbortSignal) =>
    new Promise<never>((_, reject) =>
      signal.addEventListener("abort", () => reject(new AkcError("CANCELLED"))),
    );

  test("a binding that takes too long is an error, and the others keep what they have", async () => {
    const observations = await execute(
      [binding("slow", "promql_query", { timeoutMs: 30 }), binding("good")],
      ({ bindingId }, _door, signal) => (bindingId === "slow" ? hang(signal) : answer("pass")),
    );
    expect(verdictsOf(observations)).toEqual({ good: "pass", slow: "error timeout" });
  });

  test("when the time of all is over, what ran and what had not begun are errors", async () => {
    const flows = ["f1", "f2"].map((id) => binding(id, "maestro_flow", { settings: { platform: "ios" } }));
    const observations = await execute([...flows, binding("q")], (_request, _door, signal) => hang(signal), {
      totalMs: 40,
    });
    expect(verdictsOf(observations)).toEqual({
      f1: "error timeout",
      f2: "error timeout",
      q: "error timeout",
    });
  });

  test("cancelling ends everything and keeps what was observed", async () => {
    const control = new AbortController();
    let asked = 0;
    const observations = await execute(
      [binding("a", "maestro_flow"), binding("b", "maestro_flow"), binding("c")],
      ({ bindingId }, _door, signal) => {
        asked += 1;
        if (bindingId === "a") return answer("pass");
        queueMicrotask(() => control.abort());
        return hang(signal);
      },
      { signal: control.signal },
    );
    expect(verdictsOf(observations)).toEqual({ a: "pass", b: "error cancelled", c: "error cancelled" });
    expect(asked).toBe(2);
  });

  test("a validator that obeys no signal is not waited for, and finds the door shut", async () => {
    const server = serve(() => new Response("1"));
    let refused: string | undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    const clock = {
      ...systemClock,
      sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(Math.min(ms, 30), signal),
    };
    const [observation] = await execute(
      [binding("deaf", "promql_query", { timeoutMs: 20 })],
      async (_request, door) => {
        await Bun.sleep(150);
        await door
          .fetch({ url: server.url, method: "GET", headers: {} }, new AbortController().signal)
          .catch((cause) => {
            refused = cause.code;
          });
        resolve();
        return answer("pass");
      },
      { clock, totalMs: 10_000_000 },
    );
    expect(observation).toMatchObject({ verdict: "error", reason: "timeout" });
    await promise;
    expect(refused).toBe("CANCELLED");
    expect(server.requests).toBe(0);
    await server.stop();
  });

  test("a door that never opens ends with the time of its binding", async () => {
    const clock = {
      ...systemClock,
      sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(Math.min(ms, 30), signal),
    };
    const [observation] = await execute([binding("b1")], () => answer("pass"), {
      openDoor: () => new Promise(() => {}),
      clock,
    });
    expect(observation).toMatchObject({ verdict: "error", reason: "timeout" });
  });
});

describe("what breaks costs only its own binding", () => {
  test("validators that throw, lie or answer nonsense are plugin faults", async () => {
    const observations = await execute(
      ["throws", "nonsense", "not-json", "path", "good", "huge", "deep", "wide", "unsaid"].map((id) =>
        binding(id),
      ),
      ({ bindingId }) => {
        switch (bindingId) {
          case "throws":
            throw new Error("secret-of-mine");
          case "nonsense":
            return JSON.parse('{"verdict":"maybe","observed":{},"evidence":{},"attachments":[]}');
          case "not-json":
            return answer("pass", { observed: { value: Number.NaN } });
          case "path":
            return answer("pass", {
              attachments: [{ name: "../x", mediaType: "text/plain", bytes: new Uint8Array(1) }],
            });
          case "huge":
            return answer("pass", { evidence: { text: "x".repeat(2_000_000) } });
          // Indented, as they are kept, these would be hundreds of times as large.
          case "deep":
            return answer("pass", { evidence: { list: JSON.parse(`${"[".repeat(200)}${"]".repeat(200)}`) } });
          case "wide":
            return answer("pass", {
              evidence: { list: JSON.parse(`${"[".repeat(60)}${"0,".repeat(400_000)}0${"]".repeat(60)}`) },
            });
          case "unsaid":
            return { verdict: "fail", observed: {}, evidence: {}, attachments: [] };
          default:
            return answer("pass");
        }
      },
    );
    const fault = "error plugin_fault";
    expect(verdictsOf(observations)).toEqual({
      deep: fault,
      good: "pass",
      huge: fault,
      nonsense: fault,
      "not-json": fault,
      path: fault,
      throws: fault,
      unsaid: "fail unsaid",
      wide: fault,
    });
    expect(JSON.stringify(observations)).not.toContain("secret-of-mine");
  });

  test("nobody judges a kind, or a door may not be opened: errors, each with its reason", async () => {
    const validators = {
      ...judgedBy(() => answer("pass")),
      byKind: (kind: string) => (kind === "nobody" ? undefined : judgedBy(() => answer("pass")).byKind(kind)),
    };
    const observations = await execute(
      [binding("a", "nobody"), binding("b"), binding("c"), binding("d")],
      validators,
      {
        openDoor: (of, workdir) => {
          if (of.id === "b") throw new AkcError("PLUGIN_SECRET_UNAVAILABLE");
          if (of.id === "c") throw new Error("disk");
          return doorOf(of, workdir);
        },
      },
    );
    expect(verdictsOf(observations)).toEqual({
      a: "error no_validator",
      b: "error denied",
      c: "error system",
      d: "pass",
    });
  });

  test("what passed the door and has no form in JSON, or is too much, is a fault of its binding", async () => {
    const words = { odd: "\ud800", long: "x".repeat(limits.artifactFileBytesMax) };
    const asked = ["odd", "long", "good"].map((id) => binding(id));
    const observations = await execute(asked, () => answer("pass"), {
      openDoor: async (of, workdir) => {
        if (of.id === "good") return doorOf(of, workdir);
        const exchange = {
          kind: "tool",
          argv: [of.id === "odd" ? words.odd : words.long],
          startedMs: 1,
          durationMs: 1,
          answer: { kind: "error", code: "X", message: "" },
        } as const;
        return { ...(await doorOf(of, workdir)), exchanges: [exchange] };
      },
    });
    const fault = "error plugin_fault";
    expect(verdictsOf(observations)).toEqual({ good: "pass", long: fault, odd: fault });
  });

  test("a listener alone sees the files: nobody holds those of all bindings together", async () => {
    const seen: number[] = [];
    const [observation] = await execute([binding("a")], () => answer("pass"), {
      onObservation: ({ files }) => void seen.push(files.length),
    });
    expect([seen, observation?.files]).toEqual([[1], []]);
    const [kept] = await execute([binding("a")], () => answer("pass"));
    expect(kept?.files.length).toBe(1);
  });

  test("a listener that fails is heard of once everything has ended", async () => {
    const seen: string[] = [];
    const running = execute([binding("a"), binding("b")], () => answer("pass"), {
      onObservation({ bindingId }) {
        seen.push(bindingId);
        if (bindingId === "a") throw new AkcError("DISK_FULL");
      },
    });
    expect(running).rejects.toMatchObject({ code: "DISK_FULL" });
    await running.catch(() => undefined);
    expect(seen.sort()).toEqual(["a", "b"]);
  });
});

test("what a program says and makes is recorded with its bytes", async () => {
  const [observation] = await execute([binding("cmd", "command")], async (_request, door, signal) => {
    await door.run(
      { argv: ["/bin/sh", "-c", "echo out; echo err >&2; printf made > made.bin"], timeoutMs: 5_000 },
      signal,
    );
    await door.readMade("made.bin", signal);
    return answer("pass");
  });
  const base = `${folder}/attachments/cmd`;
  expect(
    observation?.files.slice(1).map(({ path, bytes }) => [path, new TextDecoder().decode(bytes)]),
  ).toEqual([
    [`${base}.exchange-1.txt`, "out\n"],
    [`${base}.exchange-1.stderr.txt`, "err\n"],
    [`${base}.exchange-2.file.txt`, "made"],
  ]);
  expect(observation?.payload["summary"]).toEqual({ text: "out\n" });
});

describe("asked", () => {
  const registry = {
    bindings: new Map(
      [binding("there"), binding("flow", "maestro_flow", { settings: { platform: "ios" } })].map(
        (each) => [each.id, each] as const,
      ),
    ),
  };
  const asked = ["sc2", "sc1"].flatMap((criterionId) => [
    { stub: "there", evidenceType: "akc_observability_query_result", criterionId },
    { stub: "flow", evidenceType: "akc_mobile_journey_result", criterionId },
    { stub: "gone", evidenceType: "akc_device_capture_result", criterionId },
  ]);
  const observing = (adapterId: string) =>
    observeAsked({
      asked,
      registry,
      adapterId,
      validators: judgedBy(() => answer("pass")),
      openDoor: doorOf,
      clock: systemClock,
      signal: new AbortController().signal,
      totalMs: 10_000,
      folder,
    });

  test("each stub once, the missing ones too, with the criteria that name them", async () => {
    const observations = await observing("local_depth");
    expect(
      observations.map(({ bindingId, status, artifactKind }) => `${bindingId} ${status} ${artifactKind}`),
    ).toEqual([
      "gone error device_capture_result",
      "flow passed mobile_journey_result",
      "there ok observability_query_result",
    ]);
    expect(observations[1]?.payload["success_criterion_ids"]).toEqual(["sc1", "sc2"]);
  });

  test("no other adapter may ask: nobody is asked, and that passes nothing", async () => {
    const observations = await observing("native");
    expect(observations.map(({ bindingId, status, verdict }) => `${bindingId} ${status} ${verdict}`)).toEqual(
      ["gone error error", "flow blocked error", "there blocked error"],
    );
  });
});
