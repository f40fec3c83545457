/**
 * The first file that runs in a Deno plugin's process: loads the plugin and serves it. The import map gives `akc/sdk` to both.
 * Sends what the console prints to stderr, since stdout is for messages.
 */
import { serve, takeConsole } from "../sdk/serve.ts";

declare const Deno: {
  readonly args: readonly string[];
  exit(code: number): never;
  readonly stdin: { readonly readable: ReadableStream<Uint8Array> };
  readonly stdout: { readonly writable: WritableStream<Uint8Array> };
};

/** The part of Deno's global scope that is used; the web's own. */
declare function addEventListener(
  type: "error" | "unhandledrejection",
  listener: (event: { readonly error?: unknown; readonly reason?: unknown; preventDefault(): void }) => void,
): void;

takeConsole();
const loaded = await import(Deno.args[0] ?? "");
await serve(loaded.default, {
  input: Deno.stdin.readable,
  output: Deno.stdout.writable,
  uncaught(log) {
    for (const type of ["error", "unhandledrejection"] as const) {
      addEventListener(type, (event) => {
        event.preventDefault();
        log(event.reason ?? event.error);
      });
    }
  },
});
Deno.exit(0);
