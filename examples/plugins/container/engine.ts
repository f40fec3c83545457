/**
 * The engine's command line, Docker's and Podman's alike: started with an argv, never through a shell, and told to end with the call.
 */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { failed, retryable } from "akc/sdk";

/** All that the engine's program is told of this host. Named one by one: Deno grants variables by name. */
function environment(): Record<string, string> {
  const { DOCKER_HOST, CONTAINER_HOST } = process.env;
  return {
    PATH: "/usr/local/bin:/usr/bin:/bin",
    ...(DOCKER_HOST === undefined ? {} : { DOCKER_HOST }),
    ...(CONTAINER_HOST === undefined ? {} : { CONTAINER_HOST }),
  };
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Short answers only. @throws PluginError when the engine's program cannot be started */
export async function ask(engine: string, args: readonly string[], signal?: AbortSignal): Promise<Finished> {
  const child = spawn(engine, args, {
    env: environment(),
    stdio: ["ignore", "pipe", "pipe"],
    ...(signal && { signal }),
  });
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const code = await ended(child, engine);
  return { code, stdout: await stdout, stderr: await stderr };
}

/** As `ask`. @throws PluginError `retryable` when the engine says no */
export async function must(engine: string, args: readonly string[], signal?: AbortSignal): Promise<string> {
  const { code, stdout, stderr } = await ask(engine, args, signal);
  if (code === 0) return stdout.trim();
  throw retryable(`${engine} ${args[0]} failed: ${stderr.trim().slice(0, 400)}`, { code: "ENGINE_FAILED" });
}

/** All that the container has printed and prints, until it ends. Each piece is awaited before the next is read. */
export async function follow(
  engine: string,
  name: string,
  onStdout: (bytes: Uint8Array) => Promise<void>,
  onStderr: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const child = spawn(engine, ["logs", "--follow", name], {
    env: environment(),
    stdio: ["ignore", "pipe", "pipe"],
    signal,
  });
  const over = ended(child, engine);
  over.catch(() => undefined);
  const errors = (async () => {
    for await (const chunk of child.stderr) onStderr(String(chunk));
  })();
  errors.catch(() => undefined);
  for await (const chunk of child.stdout) await onStdout(new Uint8Array(chunk));
  await errors;
  await over;
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream)
    if (text.length < 64 * 1024) text += decoder.decode(chunk, { stream: true });
  return text;
}

function ended(child: ChildProcess, engine: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on("error", (cause) => {
      const missing = "code" in cause && cause.code === "ENOENT";
      reject(
        missing ? failed(`there is no ${engine} here, or it is not granted`, { code: "NO_ENGINE" }) : cause,
      );
    });
    child.on("close", (code) => resolve(code ?? -1));
  });
}
