/** `akc plugin test`: the conformance kit, on a plugin's folder. */
import { resolve } from "node:path";
import { testPlugin } from "../../plugin-host/conformance/test-plugin.ts";
import type { Row } from "../../sdk/conformance/conform.ts";
import { command } from "../command.ts";
import { table } from "../render/table.ts";
import { printable } from "../render/text.ts";

export const test = command({
  path: "plugin test",
  summary: "Try whether a plugin keeps to the protocol and does what its cases say.",
  notes: [
    "Starts the plugin with all that its manifest asks for, contained as in a run, and tries it: handshake, each capability, cancelling, deadlines, bad input, large messages, a kill in the middle, the same idempotency key twice. What it is asked comes from plugin.test.yaml beside the manifest.",
  ],
  examples: [
    { command: "akc plugin test ./scanner", says: "A line for each check, and why it failed." },
    {
      command: "akc plugin test ./scanner -o json",
      says: "The same for programs; exit 1 when a check failed.",
    },
  ],
  exits: [0, 1, 2],
  args: {
    dir: { type: "positional", required: true, valueHint: "DIR", description: "The plugin's folder." },
    log: { type: "boolean", description: "Show what the plugin prints meanwhile, on stderr." },
  },
  environment: {
    AKC_DENO: "Where Deno is, for plugins with `runtime: deno`, when it is not in the fixed PATH.",
  },
  async run(args, session) {
    const { io } = session;
    const { manifest, rows, conforms } = await testPlugin(resolve(args.dir), {
      env: io.env,
      ...(args.log && { onLog: ({ message }) => io.words(`  | ${printable(message)}\n`) }),
    });
    const count = (verdict: Row["verdict"]) => rows.filter((row) => row.verdict === verdict).length;
    const counts = { passed: count("pass"), failed: count("fail"), skipped: count("skip") };
    await session.print({
      data: {
        kind: "PluginTest",
        id: manifest.id,
        version: manifest.version,
        conforms,
        ...counts,
        rows: rows.map(({ check, verdict, why, ms }) => ({ check, verdict, why, ms })),
      },
      text: () =>
        [
          table(rows, columns, io.stdout.isTerminal ? io.stdout.columns() : undefined),
          "",
          `${manifest.id} ${manifest.version}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`,
        ].join("\n"),
    });
    return conforms ? 0 : 1;
  },
});

const marks = { pass: "ok", fail: "FAIL", skip: "skip" } as const;

const columns = [
  { title: "", value: ({ verdict }: Row) => marks[verdict] },
  { title: "check", value: ({ check }: Row) => printable(check), narrowest: 24 },
  { title: "ms", value: ({ ms }: Row) => ms.toFixed(1), align: "end" as const },
  { title: "why", value: ({ why }: Row) => printable(why), narrowest: 16 },
];
