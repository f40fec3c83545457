/**
 * What `akc/sdk` is for a Deno plugin and its bootstrap alike: one file, so that both have one and the same SDK.
 * It adds nothing of its own.
 */
export * from "../sdk/index.ts";
export { serve, takeConsole } from "../sdk/serve.ts";
