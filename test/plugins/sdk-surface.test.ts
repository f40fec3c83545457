/** What plugins are written against: its names and signatures, and that it asks nothing of the runtime but the web's standards. */
import { expect, test } from "bun:test";
import { join, relative } from "node:path";
import { sdkApiFile, sdkApiText } from "../../scripts/sdk-api.ts";
import { type Call, definePlugin, type JsonMap, type Plugin } from "../../src/sdk/index.ts";

const sdk = join(import.meta.dir, "../../src/sdk");

test("the public surface is the one in docs/sdk-api.txt (bun scripts/sdk-api.ts writes it anew)", async () => {
  expect(await sdkApiText()).toBe(await Bun.file(sdkApiFile).text());
}, 60_000);

test("the SDK imports nothing but itself, and names no runtime", async () => {
  const transpiler = new Bun.Transpiler({ loader: "ts" });
  const wrong: string[] = [];
  let files = 0;
  for await (const name of new Bun.Glob("**/*.ts").scan({ cwd: sdk, absolute: true })) {
    files += 1;
    const text = await Bun.file(name).text();
    const written = [...text.matchAll(/\bfrom\s+"([^"]+)"|\bimport\("([^"]+)"\)/g)].map(
      (found) => found[1] ?? found[2] ?? "",
    );
    const specifiers = [...transpiler.scanImports(text).map(({ path }) => path), ...written];
    for (const specifier of specifiers) {
      const target = relative(sdk, join(name, "..", specifier));
      if (!specifier.startsWith(".") || target.startsWith("..")) wrong.push(`${name} imports ${specifier}`);
    }
    const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/\/\/.*$/gm, "");
    const named = code.match(
      /\b(?:Bun|Deno|process|Buffer|require|__dirname)\b\s*[.(]|import\.meta\.(?:dir|path|require)/g,
    );
    if (named !== null) wrong.push(`${name} uses ${named.join(", ")}`);
  }
  expect(files).toBeGreaterThan(15);
  expect(wrong).toEqual([]);
});

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function holds<_Claim extends true>(): void {}

test("the types of settings follow from `config`, and without it they are the operator's", () => {
  const configured: Plugin = definePlugin({
    config: ({ size }) => ({ size: Number(size) }),
    start: ({ settings }) => holds<Equal<typeof settings, { size: number }>>(),
    adapters: {
      a: {
        execute(_request, call) {
          holds<Equal<typeof call, Call<{ size: number }>>>();
          return { outputs: { size: call.settings.size } };
        },
      },
    },
  });
  const plain: Plugin = definePlugin({
    validators: {
      v: {
        bindingKinds: ["k"],
        validate({ binding }, call) {
          holds<Equal<typeof call.settings, JsonMap>>();
          holds<Equal<typeof binding, JsonMap>>();
          return { verdict: "pass" };
        },
      },
    },
  });
  expect([configured.offers, plain.offers]).toEqual([
    { adapters: { a: { capabilities: [] } } },
    { validators: { v: { binding_kinds: ["k"] } } },
  ]);
});

test("having a function is offering it", () => {
  const nothing = () => undefined;
  const observed = () => ({ exists: false, health: "unknown" }) as const;
  const { offers } = definePlugin({
    adapters: {
      a: {
        capabilities: ["stream", "durable_waits"],
        execute: () => ({}),
        recover: () => ({ kind: "unknown" }),
        cancel: nothing,
        waitSignal: () => null,
        checkpoint: () => null,
        restore: nothing,
      },
    },
    providers: { p: { observe: observed, delete: observed } },
  });
  expect(offers).toEqual({
    adapters: {
      a: {
        capabilities: [
          "stream",
          "durable_waits",
          "external_signals",
          "external_checkpointing",
          "recover",
          "cancel",
        ],
      },
    },
    providers: { p: { capabilities: ["observe", "delete"] } },
  });
});
