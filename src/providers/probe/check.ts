/**
 * Asks once: an HTTP status, a TCP connection, the exit code of a program. A failure is an answer, never an exception.
 * It decides nothing about what the answer means for a resource.
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { classifyAddress } from "../../system/address.ts";
import { guardedFetch } from "../../system/http.ts";
import { connectTcp } from "../../system/tcp-connect.ts";
import { type Probe, probeUrl } from "./schema.ts";

export type CheckOutcome =
  | { readonly passed: true }
  /** For people; holds nothing of what was answered but a status or a code. */
  | { readonly passed: false; readonly message: string };

/** Runs a program of the bundle to its end, as whoever is probed would run it. @returns its exit code, null for a signal. */
export type ExecCheck = (
  command: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
) => Promise<number | null>;

export interface CheckDeps {
  readonly signal: AbortSignal;
  /** Without it, a probe of kind `exec` fails. */
  readonly exec?: ExecCheck;
}

/** Never rejects. */
export async function checkOnce(probe: Probe, { signal, exec }: CheckDeps): Promise<CheckOutcome> {
  switch (probe.kind) {
    case "http":
      return checkHttp({
        url: probe.url,
        statusMin: probe.expected_status_min,
        statusMax: probe.expected_status_max,
        timeoutMs: probe.timeout_ms,
        signal,
      });
    case "tcp": {
      const { host, port, timeout_ms: timeoutMs } = probe;
      const answer = await connectTcp({ host, port, timeoutMs, signal });
      return answer.kind === "connected"
        ? { passed: true }
        : { passed: false, message: `${host}:${port}: ${answer.code}` };
    }
    case "exec":
      return checkExec(probe.command, probe.timeout_ms, signal, exec);
  }
}

export interface HttpCheck {
  readonly url: string;
  readonly statusMin: number;
  readonly statusMax: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * One GET; redirects are followed and the last status is judged. Services of this host are what is probed, so loopback and
 * private addresses are open to it; where a cloud hands out credentials is not. Never rejects.
 */
export async function checkHttp(check: HttpCheck): Promise<CheckOutcome> {
  const url = probeUrl(check.url);
  if (url === undefined) return { passed: false, message: "url_must_be_http_or_https_with_host" };
  const judged = (status: number): CheckOutcome =>
    status >= check.statusMin && status <= check.statusMax
      ? { passed: true }
      : { passed: false, message: `http_status=${status}` };
  try {
    const { status } = await guardedFetch({
      url,
      method: "GET",
      headers: [],
      timeoutMs: check.timeoutMs,
      bodyBytesMax: 0,
      responseBytesMax: limits.probeBodyBytesMax,
      allowed: (target) => probeUrl(target.href) !== undefined,
      addressAllowed: (_, address) => !refusedAddresses.has(classifyAddress(address)),
      signal: check.signal,
    });
    return judged(status);
  } catch (error) {
    if (!(error instanceof AkcError)) return { passed: false, message: "no_status_code" };
    const status = error.details["status"];
    // A long answer is an answer: its status had come.
    if (error.code === "HTTP_RESPONSE_TOO_LARGE" && typeof status === "number") return judged(status);
    const reason = error.details["reason"];
    return {
      passed: false,
      message: typeof reason === "string" ? `${error.message}: ${reason}` : error.message,
    };
  }
}

const refusedAddresses: ReadonlySet<string> = new Set(["metadata", "invalid", "multicast"]);

async function checkExec(
  command: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
  exec: ExecCheck | undefined,
): Promise<CheckOutcome> {
  if (exec === undefined)
    return { passed: false, message: "probes of kind exec cannot be run for this resource" };
  try {
    const exitCode = await exec(command, timeoutMs, signal);
    if (exitCode === 0) return { passed: true };
    return {
      passed: false,
      message: exitCode === null ? "ended by a signal" : `ended with exit code ${exitCode}`,
    };
  } catch (error) {
    return { passed: false, message: error instanceof AkcError ? error.message : "could not be run" };
  }
}
