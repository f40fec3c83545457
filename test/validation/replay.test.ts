/** What replaying promises: the same verdict from the record alone, and a word for every record that was touched. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { AkcError } from "../../src/errors.ts";
import { fingerprint } from "../../src/json/fingerprint.ts";
import { parseJson } from "../../src/json/read.ts";
import { isJsonObject, type JsonObject } from "../../src/json/value.ts";
import { systemClock } from "../../src/system/clock.ts";
import type { BindingObservation } from "../../src/validation/execution/model.ts";
import {
  type RecordedObservation,
  type Replayed,
  replayExit,
  replayObservation,
} from "../../src/validation/replay.ts";
import type { Validators } from "../../src/validators/contract.ts";
import { answer, binding, execute, judgedBy, numberAt, serve, type Validate } from "./execution-world.ts";

/** As it is read from its file. */
function kept(observation: BindingObservation | undefined): RecordedObservation {
  const [artifact, ...files] = observation?.files ?? [];
  const payload = parseJson(artifact?.bytes ?? "null");
  if (artifact === undefined || !isJsonObject(payload)) throw new Error("no artifact");
  return {
    where: artifact.path,
    payload,
    read: async ({ path }) => files.find((file) => file.path === path)?.bytes,
  };
}

function replay(observation: RecordedObservation, validate: Validate | Validators): Promise<Replayed> {
  return replayObservation(observation, {
    validators: typeof validate === "function" ? judgedBy(validate) : validate,
    clock: systemClock,
    signal: new AbortController().signal,
  });
}

const number = (n: string) => {
  const server = serve(() => new Response(n));
  return { server, of: binding("b1", "promql_query", { settings: { url: server.url, lte: 3 } }) };
};

test("whatever was answered, replay gives the same verdict, reason and value, and asks nobody", async () => {
  let said = "";
  const server = serve(() => new Response(said, { status: said === "500" ? 500 : 200 }));
  const bodies = fc.oneof(
    fc.constantFrom("", "500", "NaN", "-0", "1e300", "not a number"),
    fc.double().map(String),
    fc.integer().map(String),
  );
  const of = binding("b1", "promql_query", { settings: { url: server.url, lte: 3 } });
  const outcomes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(bodies, async (body) => {
      said = body;
      const [observation] = await execute([of], numberAt);
      const before = server.requests;
      said = "0";
      const replayed = await replay(kept(observation), numberAt);
      expect(replayed).toMatchObject({ outcome: "same", recorded: { verdict: observation?.verdict } });
      expect(replayed.replayed).toEqual(replayed.recorded);
      expect(server.requests).toBe(before);
      outcomes.add(replayed.recorded?.verdict ?? "");
    }),
    { numRuns: 100 },
  );
  await server.stop();
  expect([...outcomes].sort()).toEqual(["error", "fail", "inconclusive", "pass"]);
});

test("what never answered is told by the validator within its time, and told again without anybody", async () => {
  const server = serve(() => new Promise(() => {}));
  const of = binding("b1", "promql_query", { timeoutMs: 60, settings: { url: server.url } });
  const [observation] = await execute([of], numberAt);
  await server.stop();
  expect(await replay(kept(observation), numberAt)).toMatchObject({
    outcome: "same",
    recorded: { verdict: "error", reason: "timeout" },
  });
});

test("a program is not run again, and what it made is not read again", async () => {
  let ran = 0;
  const byProgram: Validate = async (_request, door, signal) => {
    ran += 1;
    const { exitCode, stdout } = await door.run(
      { argv: ["/bin/sh", "-c", "echo $$; printf x > made; exit 3"], timeoutMs: 5_000 },
      signal,
    );
    const made = await door.readMade("made", signal);
    return answer("fail", {
      reason: `exit ${exitCode}`,
      observed: { value: new TextDecoder().decode(stdout) + made.length },
    });
  };
  const [observation] = await execute([binding("b1", "command")], byProgram);
  const replayed = await replay(kept(observation), byProgram);
  // The process id that it printed cannot be printed twice.
  expect(replayed).toMatchObject({
    outcome: "same",
    replayed: { reason: "exit 3", value: observation?.payload["value"] },
  });
  expect(ran).toBe(2);
});

test("now is what it was then", async () => {
  const aged: Validate = ({ evaluatedAtMs, timeoutMs, context }) =>
    answer("pass", { observed: { value: `${evaluatedAtMs} ${timeoutMs} ${context?.runtime_run_id}` } });
  const context = {
    tenant_id: "acme",
    repo_id: "shop",
    run_id: "run-1",
    runtime_run_id: "rr-1",
    policy_mode: "enforce",
    adapter_id: "local_depth",
  };
  const [observation] = await execute([binding("b1")], aged, { context });
  await Bun.sleep(5);
  expect(await replay(kept(observation), aged)).toMatchObject({ outcome: "same" });
});

test("another verdict is told with both, and so is another plugin", async () => {
  const { server, of } = number("2");
  const plugin = { id: "akc/observability", version: "1.0.0", digest: "sha256:aaaa" };
  const [observation] = await execute([of], judgedBy(numberAt, { plugin }));
  await server.stop();
  const newer = { ...plugin, version: "2.0.0", digest: "sha256:bbbb" };
  const stricter: Validate = (request, door, signal) =>
    numberAt({ ...request, binding: { ...request.binding, lte: 1 } }, door, signal);
  expect(await replay(kept(observation), judgedBy(stricter, { plugin: newer }))).toMatchObject({
    outcome: "differs",
    recorded: { verdict: "pass", value: 2 },
    replayed: { verdict: "fail", value: 2 },
    plugin: {
      recorded: "akc/observability 1.0.0 (sha256:aaaa)",
      now: "akc/observability 2.0.0 (sha256:bbbb)",
    },
  });
  const same = await replay(kept(observation), judgedBy(numberAt, { plugin }));
  expect(same).toMatchObject({ outcome: "same" });
  expect(same).not.toHaveProperty("plugin");
});

describe("what cannot be replayed says why", () => {
  const one = async () => {
    const { server, of } = number("2");
    const [observation] = await execute([of], numberAt);
    await server.stop();
    return kept(observation);
  };

  test("nobody judges the kind any more", async () => {
    const nobody = { kinds: [], byKind: () => undefined, close: async () => {} };
    expect(await replay(await one(), nobody)).toMatchObject({
      outcome: "not-replayable",
      recorded: { verdict: "pass" },
    });
  });

  test("the validator asks what was not asked then, even where it then says the same", async () => {
    const curious: Validate = async (request, door, signal) => {
      await door
        .fetch({ url: "http://127.0.0.1:9/more", method: "GET", headers: {} }, signal)
        .catch(() => undefined);
      return numberAt(request, door, signal);
    };
    const replayed = await replay(await one(), curious);
    expect(replayed).toMatchObject({ outcome: "not-replayable" });
    expect(replayed.why).toContain("GET http://127.0.0.1:9/more");
  });

  test("the validator breaks", async () => {
    const broken: Validate = () => {
      throw new AkcError("INTERNAL");
    };
    expect(await replay(await one(), broken)).toMatchObject({ outcome: "not-replayable" });
  });

  test("an artifact of the old runtime", async () => {
    const rest = { binding_id: "b1", query_kind: "promql_query", status: "ok" };
    const payload = { ...rest, fingerprint_sha256: fingerprint(rest) };
    expect(await replay({ where: "x", payload, read: async () => undefined }, numberAt)).toMatchObject({
      outcome: "not-replayable",
      bindingId: "b1",
    });
  });

  test("a file that is gone", async () => {
    const replayed = await replay({ ...(await one()), read: async () => undefined }, numberAt);
    expect(replayed).toMatchObject({ outcome: "not-replayable" });
    expect(replayed.why).toContain("b1.response.txt");
  });

  test("a verdict that akc gave itself is no more than an error, and stays that", async () => {
    const observations = await execute(
      [binding("b1", "promql_query", { timeoutMs: 10 }), binding("b2")],
      async ({ bindingId }) => {
        if (bindingId === "b1") await Bun.sleep(100);
        throw new Error();
      },
    );
    for (const observation of observations) {
      expect(await replay(kept(observation), numberAt)).toMatchObject({
        outcome: "unjudged",
        recorded: { verdict: "error" },
      });
    }
  });
});

describe("tampering", () => {
  const recorded = async () => {
    const { server, of } = number("7");
    const [observation] = await execute([of], numberAt);
    await server.stop();
    return kept(observation);
  };
  const sealed = ({
    fingerprint_sha256: _old,
    schema_id: _id,
    schema_version: _version,
    ...rest
  }: JsonObject): JsonObject => ({
    ...rest,
    fingerprint_sha256: fingerprint(rest),
  });

  test("a file that was changed is named", async () => {
    const observation = await recorded();
    const replayed = await replay(
      { ...observation, read: async () => new TextEncoder().encode("1") },
      numberAt,
    );
    expect(replayed).toMatchObject({ outcome: "tampered" });
    expect(replayed.why).toContain("b1.response.txt");
  });

  test("any member of an artifact that was changed is found", async () => {
    const observation = await recorded();
    const keys = Object.keys(observation.payload).filter((key) => !key.startsWith("schema_"));
    for (const key of keys) {
      const payload = { ...observation.payload, [key]: "changed" };
      expect(await replay({ ...observation, payload }, numberAt)).toMatchObject({ outcome: "tampered" });
      const { [key]: _gone, ...without } = observation.payload;
      expect(await replay({ ...observation, payload: without }, numberAt)).toMatchObject({
        outcome: "tampered",
      });
    }
  });

  test("a verdict that was changed together with the fingerprint differs from the one that is given again", async () => {
    const observation = await recorded();
    const payload = sealed({ ...observation.payload, verdict: "pass" });
    expect(await replay({ ...observation, payload }, numberAt)).toMatchObject({
      outcome: "differs",
      recorded: { verdict: "pass" },
      replayed: { verdict: "fail" },
    });
  });

  test("a pass cannot be declared akc's own", async () => {
    const observation = await recorded();
    const payload = sealed({ ...observation.payload, verdict: "pass", judged_by: "akc" });
    expect(await replay({ ...observation, payload }, numberAt)).toMatchObject({ outcome: "tampered" });
  });
});

test("the whole is 0 only when every verdict that was given is the same", () => {
  const of = (...outcomes: readonly Replayed["outcome"][]) =>
    replayExit(outcomes.map((outcome) => ({ where: "", bindingId: "", kind: "", dryRun: false, outcome })));
  expect(of("same")).toBe(0);
  expect(of("same", "unjudged")).toBe(0);
  expect(of("same", "not-replayable")).toBe(4);
  expect(of("unjudged")).toBe(4);
  expect(of()).toBe(4);
  expect(of("same", "differs", "not-replayable")).toBe(1);
  expect(of("tampered", "same")).toBe(1);
});
