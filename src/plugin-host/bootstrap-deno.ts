/**
 * The first file that runs in a Deno plugin's process: loads the plugin and serves it. The import map gives `akc/sdk` to both.
 * Sends what the console prints to stderr, since stdout is for messages.
 */
import { serve } from "../sdk/serve.ts";

declare const Deno: {
  readonly args: readonly string[];
  exit(code: number): never;
  readonly stdin: { readonly readable: ReadableStream<Uint8Array> };
  readonly stdout: { readonly writable: WritableStream<Uint8Array> };
};

for (const name of ["log", "info", "debug"] as const) {
  console[name] = (...words: unknown[]) => console.error(...words);
}

const loaded = await import(Deno.args[0] ?? "");
await serve(loaded.default, { input: Deno.stdin.readable, output: Deno.stdout.writable });
Deno.exit(0);
