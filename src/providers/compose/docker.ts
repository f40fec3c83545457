/**
 * The docker command line: every call bounded in time and output, with nothing of akc's environment but what names the engine.
 * It knows no resource; what a call means is its caller's to say.
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { findTool, type Tool, type ToolEnd } from "../../system/tool.ts";

/** What names an engine and how to reach it. Nothing else of the environment reaches docker, or is filled into a manifest. */
const passed = [
  "HOME",
  "DOCKER_HOST",
  "DOCKER_CONFIG",
  "DOCKER_CONTEXT",
  "DOCKER_CERT_PATH",
  "DOCKER_TLS",
  "DOCKER_TLS_VERIFY",
  "DOCKER_API_VERSION",
  "XDG_RUNTIME_DIR",
  "SSH_AUTH_SOCK",
];

/** Services that others of the project stand beside are no orphans to warn of: each is applied for itself. */
const quiet = { COMPOSE_IGNORE_ORPHANS: "true" };

export interface DockerCall {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

export class Docker {
  readonly #env: Readonly<Record<string, string | undefined>>;
  #tool: Tool | undefined;

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  /** However it ends. @throws AkcError TOOL_MISSING, TOOL_TIMEOUT, CANCELLED, PROVIDER_FAILED when it prints too much */
  async run(args: readonly string[], { signal, timeoutMs }: DockerCall): Promise<ToolEnd> {
    this.#tool ??= findTool({
      name: "docker",
      override: "AKC_DOCKER",
      env: { ...this.#env, ...quiet },
      environment: [...passed, ...Object.keys(quiet)],
    });
    return await this.#tool.run({
      args,
      timeoutMs: Math.max(1, timeoutMs),
      outputBytesMax: limits.toolOutputBytesMax,
      signal,
    });
  }
}

/**
 * The error that an unhappy end is: PROVIDER_FAILED with the last words of docker; TOOL_MISSING where it knows no `compose`.
 * @param done what was tried, e.g. `docker compose up of the service web`
 */
export function failedCall(done: string, end: ToolEnd, folder?: string): AkcError {
  const words = lastWords(end, folder);
  if (noComposeWords.test(words)) {
    return new AkcError("TOOL_MISSING", {
      message: "docker knows no `compose` on this host: its plugin is not installed",
      hint: "Install Compose v2 for all users, or into `cli-plugins` below DOCKER_CONFIG; `docker compose version` says whether it is there.",
      details: { tool: "docker compose", exitCode: end.exitCode },
    });
  }
  const [last = "it said nothing"] = words.split("\n").slice(-1);
  return new AkcError("PROVIDER_FAILED", {
    message: `${done} failed: ${last}`,
    details: {
      tool: "docker",
      exitCode: end.exitCode,
      reason: reasonOf(words),
      retryable: isRetryable(end, words),
      output: words,
    },
  });
}

/** The end of what it printed, without colours, control characters and the name of a folder that is gone by then. */
export function lastWords({ stdout, stderr }: ToolEnd, folder?: string): string {
  const text = stderr.trim() === "" ? stdout : stderr;
  const named = folder === undefined ? text : text.replaceAll(`${folder}/`, "");
  return (
    named
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
      .replaceAll(/\x1b\[[0-9;?]*[ -/]*[@-~]/g, "")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
      .replaceAll(/[\x00-\x08\x0b-\x1f\x7f]/g, "")
      .trim()
      .slice(-limits.toolWordsCharsMax)
      .toWellFormed()
  );
}

// Without the plugin the words of its flags are the first that docker does not know.
const noComposeWords = /'compose' is not a docker command|unknown flag: --(ansi|project|file|progress)/i;
// docker has one exit code for almost everything, so its words are all there is to tell these apart.
const unreachableWords =
  /cannot connect to the docker daemon|error during connect|is the docker daemon running|connection refused|no such host/i;
const deniedWords = /permission denied while trying to connect/i;
const missingWords =
  /no such image|manifest (for .* )?(unknown|not found)|pull access denied|repository does not exist|invalid reference format/i;
const takenWords = /port is already allocated|address already in use|container name .* is already in use/i;
const startWords = /OCI runtime create failed|executable file not found/i;

/** Short code of why docker could not do it. */
function reasonOf(words: string): string {
  if (deniedWords.test(words)) return "denied";
  if (takenWords.test(words)) return "taken";
  if (missingWords.test(words)) return "image_missing";
  if (startWords.test(words)) return "cannot_start";
  return unreachableWords.test(words) ? "unreachable" : "failed";
}

/** Exit codes of Compose for a file that is missing (14) or not valid (15), and for wrong arguments (16). */
export const composeFaultOfFile: ReadonlySet<number | null> = new Set([14, 15]);

function isRetryable(end: ToolEnd, words: string): boolean {
  if (composeFaultOfFile.has(end.exitCode) || end.exitCode === 16) return false;
  return !["image_missing", "cannot_start", "denied"].includes(reasonOf(words));
}

/** Whether all that it complains of is that something is gone already. */
export function saysOnlyGone({ exitCode, stderr }: ToolEnd): boolean {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  return (
    exitCode === 0 ||
    (lines.length > 0 &&
      lines.every((line) =>
        /no such (object|container|image)|removal of container .* is already in progress/i.test(line),
      ))
  );
}
