/**
 * The first file that runs in a Bun plugin's process: gives `akc/sdk` to the plugin, loads it, and serves it.
 * Runs confined, with nothing in hand but stdin and a descriptor to answer on; stdout is the log.
 */
import { plugin } from "bun";
import * as sdk from "../sdk/index.ts";
import { serve, takeConsole } from "../sdk/serve.ts";

const answers = Bun.file(3).writer({ highWaterMark: 1 });

plugin({
  name: "akc/sdk",
  setup(builder) {
    builder.module("akc/sdk", () => ({ exports: { ...sdk }, loader: "object" }));
  },
});

takeConsole();
const entry = process.argv[2] ?? "";
const loaded = await import(entry);
await serve(loaded.default, {
  input: Bun.stdin.stream(),
  output: new WritableStream<Uint8Array>({
    async write(bytes) {
      answers.write(bytes);
      await answers.flush();
    },
  }),
  uncaught(log) {
    process.on("uncaughtException", log);
    process.on("unhandledRejection", log);
  },
});
process.exit(0);
