/** Asks a running controller's server, on this host alone. Nobody there is an answer, not a failure. */
import type { Listen } from "../../autopilot/config/model.ts";
import { limits } from "../../limits.ts";

export interface DoorAnswer {
  readonly status: number;
  readonly text: string;
}

/** Undefined where nobody answers in time. */
export async function askController(listen: Listen, path: string): Promise<DoorAnswer | undefined> {
  const host = listen.kind === "unix" ? "localhost" : hostOf(listen.host);
  const port = listen.kind === "unix" ? "" : `:${listen.port}`;
  try {
    const response = await fetch(`http://${host}${port}${path}`, {
      redirect: "manual",
      keepalive: false,
      // Not undefined: that would take HTTP_PROXY from the environment.
      proxy: false,
      signal: AbortSignal.timeout(limits.controllerAnswerMs),
      ...(listen.kind === "unix" ? { unix: listen.path } : {}),
    });
    return { status: response.status, text: await response.text() };
  } catch {
    return undefined;
  }
}

export function addressText(listen: Listen): string {
  return listen.kind === "unix" ? `unix:${listen.path}` : `${hostOf(listen.host)}:${listen.port}`;
}

function hostOf(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
