/** Values that go from step to step: `${{ steps.ID.outputs.KEY }}` in arguments, stdin, variables and requests. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { exec, type Json, type StepRoute, sh } from "./bundle.ts";
import { filled, handing, type Step, step } from "./handed.ts";
import { expectError, expectOutcome, inWorld, type RecordedEvent, until, type World } from "./world.ts";

const of = (id: string, key: string) => `\${{ steps.${id}.outputs.${key} }}`;

function outputsOf(events: readonly RecordedEvent[], id: string): Json {
  const named = (payload: Json) => JSON.stringify(payload["action"] ?? "").includes(`coordination:${id}:`);
  const last = events.filter(({ payload }) => named(payload) && payload["result"] !== undefined).at(-1);
  return Object.fromEntries(Object.entries(Object(Object(last?.payload["result"])["outputs"])));
}

function shell(script: string, more: Json = {}, ...args: readonly string[]): StepRoute {
  const { subprocess } = exec(["sh", "-c", script, "sh", ...args]);
  return filled({ route: "subprocess", subprocess: { ...Object(subprocess), ...more } });
}

const start = (world: World, ...steps: readonly Step[]) =>
  world.start(handing(...steps), "--runtime-run-id", "r1");

test("a value goes into arguments, stdin and variables, once over and as one argument", async () => {
  await inWorld(async (world) => {
    const hostile = `a b; $(touch /tmp/x) ${of("one", "exit_code")} \\n`;
    const ran = await start(
      world,
      step("one", exec(["sh", "-c", "printf '%s\\n' \"$0\"", hostile])),
      step("none", sh("true")),
      step(
        "two",
        shell(
          'printf "%s|%s|%s|%s|" "$#" "$1" "$2" "$V"; cat',
          { stdin: `in ${of("one", "exit_code")}`, env: { V: `v=${of("one", "stdout")}` } },
          of("one", "stdout"),
          `$\${{ kept }}`,
          of("none", "stdout"),
        ),
        "one",
        "none",
      ),
    );
    expectOutcome(ran, "succeeded", 0, null);
    const { stdout, placeholders } = outputsOf(world.events("r1"), "two");
    expect(stdout).toBe(`3|${hostile}|\${{ kept }}|v=${hostile}|in 0`);
    const digest = new Bun.CryptoHasher("sha256").update(hostile).digest("hex");
    expect(Object(placeholders)["steps.one.outputs.stdout"]).toEqual({
      sha256: digest,
      size_bytes: Buffer.byteLength(hostile),
    });
    expect((await world.ask("runtime", "verify", "r1")).code).toBe(0);
  });
});

test("a text of a bundle that does not ask for placeholders stays as it is", async () => {
  await inWorld(async (world) => {
    const literal = `${of("nobody", "x")} $${of("one", "y")}`;
    const ran = await start(world, step("one", exec(["sh", "-c", 'printf %s "$0"', literal])));
    expectOutcome(ran, "succeeded", 0, null);
    expect(outputsOf(world.events("r1"), "one")["stdout"]).toBe(literal);
  });
});

test("an answer and a signal go into a request: into texts of its JSON, headers, path and query", async () => {
  const asked: { readonly url: string; readonly header: string | null; readonly body: string }[] = [];
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      if (new URL(request.url).pathname === "/first") return Response.json({ id: 'x"y/z', list: [{ n: 7 }] });
      asked.push({
        url: request.url.slice(request.url.indexOf("/", 8)),
        header: request.headers.get("x-id"),
        body: await request.text(),
      });
      return new Response("ok");
    },
  });
  const base = `http://127.0.0.1:${server.port}`;
  await inWorld(async (world) => {
    const http = {
      method: "POST",
      url: `${base}/second/${of("first", "body.id")}?n=${of("first", "body.list.0.n")}`,
      headers: { "X-Id": of("first", "http_status_code") },
      body: { id: of("first", "body.id"), [of("first", "body")]: "key", why: of("ask", "payload.why") },
    };
    const which = handing(
      step("first", { route: "http", http: { url: `${base}/first`, method: "GET" } }),
      step("ask", { route: "wait", wait: { signal: "go" } }),
      step("second", filled({ route: "http", http }), "first", "ask"),
    )
      .reaching(base)
      .lanes({ allow_http: true, http_allowlist: [base], http_method_allowlist: ["GET", "POST"] });
    const live = await world.begin(which, "--runtime-run-id", "r1");
    await until("it waits", async () => (await world.standing("r1").catch(() => "")) === "waiting");
    live.kill("SIGKILL");
    await live.ended;
    const payload = join(world.side, "payload.json");
    writeFileSync(payload, JSON.stringify({ why: 'it "is" time' }));
    await world.ask("runtime", "signal", "r1", "--name", "go", "--payload", payload);
    expectOutcome(await world.ask("runtime", "resume", "r1"), "succeeded", 0, null);
    expect(asked).toEqual([
      {
        url: "/second/x%22y%2Fz?n=7",
        header: "200",
        body: JSON.stringify({ [of("first", "body")]: "key", id: 'x"y/z', why: 'it "is" time' }),
      },
    ]);
  });
});

test("a value that may not stand there fails the step, with a code of its own and without a word of the value", async () => {
  await inWorld(async (world) => {
    const wrong: Readonly<Record<string, string>> = {
      nul: "printf 'a\\0b'",
      long: "head -c 70000 /dev/zero | tr '\\0' x",
      secret: "echo password=hunter2",
      binary: "printf '\\377\\376'",
    };
    const ids = Object.keys(wrong);
    const use = (id: string) => step(`use-${id}`, shell("true", {}, of(id, "stdout")), id);
    const ran = await start(world, ...ids.flatMap((id) => [step(id, sh(wrong[id] ?? "")), use(id)]));
    expect(ran.report["counts"]).toMatchObject({ failed: 4, succeeded: 4, retried: 0 });
    expect(await world.stepErrors("r1")).toEqual(
      Object.fromEntries(ids.map((id) => [`use-${id}`, "PLACEHOLDER_VALUE_REFUSED"])),
    );
    expect(ran.stderr + JSON.stringify(world.events("r1"))).not.toContain("hunter2");
  });
});

test("a name that leads nowhere is an issue with its place before anything runs", async () => {
  await inWorld(async (world) => {
    const route = (argv: readonly string[]) => filled(exec(argv));
    const which = [
      step("one", sh("true")),
      step("other", sh("true")),
      step("empty", { route: "noop" }),
      step(
        "two",
        route([
          of("one", "stdout"),
          of("nobody", "stdout"),
          of("other", "stdout"),
          of("one", "body"),
          of("one", "stdout.x"),
          of("empty", "output"),
          `\${{ secrets.x }}`,
          `\${{ steps.one.outputs.stdout`,
          of("one", "stdout"),
        ]),
        "one",
        "empty",
      ),
    ];
    const said = expectError(await start(world, ...which), "BUNDLE_INVALID", 2);
    const base = "/referenced_ir_nodes/3/properties/runtime_execution/subprocess/argv/";
    expect((said["issues"] as readonly Json[]).map(({ path, message }) => [path, message])).toEqual([
      [`${base}0`, "must not hold a placeholder: it is the program"],
      [`${base}1`, 'there is no step "nobody"'],
      [`${base}2`, 'step "two" is handed nothing by "other": there is no handoff edge from it'],
      [`${base}3`, 'names "body" of step "one", which puts out stdout, exit_code, output'],
      [`${base}4`, 'names "stdout.x" of step "one", which puts out stdout, exit_code, output'],
      [`${base}5`, 'names "output" of step "empty", which puts out nothing that can be named'],
      [`${base}6`, 'has "secrets.x" where steps.ID.outputs.KEY is known'],
      [`${base}7`, 'begins a placeholder that no "}}" ends'],
    ]);
    const http = filled({ route: "http", http: { url: `http://${of("one", "stdout")}.example/` } });
    const host = expectError(
      await start(world, step("one", sh("true")), step("two", http, "one")),
      "BUNDLE_INVALID",
      2,
    );
    expect(JSON.stringify(host["issues"])).toMatch(/http\/url|url is not an absolute URL/);
  });
});
