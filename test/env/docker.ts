/**
 * A real Docker engine for tests, started when it is first needed and ended by the last process that used it. One that somebody
 * else has started is used and left as it is; a machine that can have none is told so loudly, never silently.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { lockFile } from "../../src/system/files.ts";

export interface DockerEngine {
  /** DOCKER_HOST, DOCKER_CONFIG, and what docker itself needs. */
  readonly env: Readonly<Record<string, string>>;
  /** There without any registry: sh, sleep, httpd, wget and more. */
  readonly image: "local/busybox:1";
  /** Runs the docker command line. @throws with its words when it fails */
  docker(...args: readonly string[]): Promise<string>;
  /** Must be called at the end. */
  release(): Promise<void>;
}

const script = join(import.meta.dir, "docker.sh");
/** Short: the engine's socket has to fit into 108 bytes. */
const folder = process.env["AKC_ENV_DIR"] ?? join(homedir(), ".cache", "akc-env");
const holders = join(folder, "docker-holders");
const lockPath = join(folder, "docker-holders.lock");
/** Says that the engine was started by a test, so a test may end it. */
const startedByTests = join(folder, "docker-started-by-tests");

/** @returns undefined where no engine can be had */
export async function acquireDocker(): Promise<DockerEngine | undefined> {
  mkdirSync(holders, { recursive: true });
  const ready = await locked(async () => {
    const wasUp = (await run("env")).exitCode === 0;
    if (!wasUp) writeFileSync(startedByTests, "");
    writeFileSync(join(holders, String(process.pid)), "");
    return await upWithImage();
  });
  if (typeof ready === "string") {
    console.error(`SKIPPED: no Docker engine here: ${ready}`);
    await release();
    return undefined;
  }
  return {
    env: ready,
    image: "local/busybox:1",
    docker: async (...args) => await docker(ready, args),
    release,
  };
}

async function release(): Promise<void> {
  await locked(async () => {
    rmSync(join(holders, String(process.pid)), { force: true });
    const others = readdirSync(holders).filter((pid) => isAlive(Number(pid)));
    if (others.length > 0 || !(await Bun.file(startedByTests).exists())) return;
    await run("down");
    rmSync(startedByTests, { force: true });
  });
}

async function upWithImage(): Promise<Readonly<Record<string, string>> | string> {
  for (const verb of ["up", "image"]) {
    const { exitCode, words } = await run(verb);
    if (exitCode !== 0) return words.trim().split("\n").at(-1) ?? `docker.sh ${verb} failed`;
  }
  const { out } = await run("env");
  const named = [...out.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name = "", value = ""]) => [name, value]);
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: homedir(),
    ...Object.fromEntries(named),
  };
}

async function run(verb: string) {
  const child = Bun.spawn(["bash", script, verb], {
    env: { ...process.env, AKC_ENV_DIR: folder },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, words] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exitCode: await child.exited, out, words };
}

async function docker(env: Readonly<Record<string, string>>, args: readonly string[]): Promise<string> {
  const child = Bun.spawn(["docker", ...args], { env: { ...env }, stdout: "pipe", stderr: "pipe" });
  const [out, words] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`docker ${args.join(" ")}: ${words}`);
  return out.trim();
}

async function locked<Answer>(work: () => Promise<Answer>): Promise<Answer> {
  const file = await open(lockPath, "w");
  try {
    await lockFile(file.fd, lockPath, 300_000);
    return await work();
  } finally {
    await file.close();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
