/**
 * Whether what providers talk to is there and answers: systemd, Docker with Compose, Kubernetes. Asks versions and readiness only,
 * each question in a bounded time; a host without them is a good host for plans that need none.
 */
import { existsSync } from "node:fs";
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import { findTool, type Tool } from "../system/tool.ts";
import type { Host } from "./host.ts";
import type { CheckName, Finding } from "./model.ts";

/** The oldest one with all that the autopilot's unit says. */
const systemdOldest = 252;

export async function systemd(host: Host): Promise<readonly Finding[]> {
  const check = "systemd";
  const tool = toolOf(host, "systemctl", "AKC_SYSTEMCTL", [
    "HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
  ]);
  if (tool === undefined || !existsSync("/run/systemd/system")) {
    const says =
      tool === undefined ? "there is no systemctl here" : "systemd is installed and does not run this host";
    return [
      {
        check,
        severity: "note",
        says: `${says}: no systemd units and no service of the autopilot`,
        fix: "Plans that use the systemd provider need a host that systemd has started.",
      },
    ];
  }
  const { text } = await ask(tool, ["--version"], host);
  const version = Number(/systemd (\d+)/.exec(text)?.[1] ?? Number.NaN);
  if (!(version >= systemdOldest)) {
    return [
      {
        check,
        severity: "warning",
        says: `systemd ${version} does not know all that the autopilot's unit says`,
        fix: `Use systemd ${systemdOldest} or newer.`,
        details: { version },
      },
    ];
  }
  return [{ check, severity: "ok", says: `systemd ${version} runs this host`, details: { version } }];
}

export async function docker(host: Host): Promise<readonly Finding[]> {
  const check = "docker";
  const tool = toolOf(host, "docker", "AKC_DOCKER", [
    "HOME",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "XDG_RUNTIME_DIR",
  ]);
  if (tool === undefined)
    return [
      absent(check, "docker", "Install Docker with Compose v2 for plans that use the compose provider."),
    ];
  const [engine, compose] = await Promise.all([
    ask(tool, ["version", "--format", "{{.Server.Version}}"], host),
    ask(tool, ["compose", "version", "--short"], host),
  ]);
  const findings: Finding[] = [
    engine.isGood
      ? {
          check,
          severity: "ok",
          says: `the engine answers, ${engine.text}`,
          details: { engine: engine.text },
        }
      : {
          check,
          severity: "warning",
          says: `docker is there, and its engine does not answer: ${engine.text}`,
          fix: "Start it (systemctl start docker), and let this user at its socket (usermod -aG docker USER).",
        },
  ];
  findings.push(
    compose.isGood
      ? { check, severity: "ok", says: `Compose ${compose.text}`, details: { compose: compose.text } }
      : {
          check,
          severity: "warning",
          says: "docker knows no `compose`: its plugin is not installed",
          fix: "Install Compose v2 for all users; `docker compose version` says whether it is there.",
        },
  );
  return findings;
}

export async function kubernetes(host: Host): Promise<readonly Finding[]> {
  const check = "kubernetes";
  const tool = toolOf(host, "kubectl", "AKC_KUBECTL", [
    "HOME",
    "KUBECONFIG",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
  ]);
  if (tool === undefined)
    return [absent(check, "kubectl", "Install kubectl for plans that use the kubernetes provider.")];
  const context = await ask(tool, ["config", "current-context"], host);
  const inside = (host.env["KUBERNETES_SERVICE_HOST"] ?? "") !== "";
  if (!context.isGood && !inside) {
    return [
      {
        check,
        severity: "note",
        says: "kubectl is there, and no context is current",
        fix: "kubectl config use-context NAME, or set KUBECONFIG.",
      },
    ];
  }
  const name = context.isGood ? context.text : "of this Pod";
  const ready = await ask(
    tool,
    ["get", "--raw", "/readyz", `--request-timeout=${limits.doctorToolMs - 1_000}ms`],
    host,
  );
  return [
    ready.isGood
      ? {
          check,
          severity: "ok",
          says: `the cluster of the context ${name} is ready`,
          details: { context: name },
        }
      : {
          check,
          severity: "warning",
          says: `the cluster of the context ${name} does not answer: ${ready.text}`,
          fix: "kubectl get --raw /readyz says why; see the network, the certificate and the account.",
          details: { context: name },
        },
  ];
}

function absent(check: CheckName, name: string, fix: string): Finding {
  return { check, severity: "note", says: `there is no ${name} on this host`, fix };
}

/** undefined where it is not installed. */
function toolOf(
  host: Host,
  name: string,
  override: string,
  environment: readonly string[],
): Tool | undefined {
  try {
    return findTool({
      name,
      override,
      env: { ...host.env, LC_ALL: "C" },
      environment: [...environment, "LC_ALL"],
    });
  } catch (cause) {
    if (cause instanceof AkcError && cause.code === "TOOL_MISSING") return undefined;
    throw cause;
  }
}

interface Told {
  readonly isGood: boolean;
  /** Its last line, or why there is none. */
  readonly text: string;
}

async function ask(tool: Tool, args: readonly string[], { signal }: Host): Promise<Told> {
  try {
    const { exitCode, stdout, stderr } = await tool.run({
      args,
      timeoutMs: limits.doctorToolMs,
      outputBytesMax: limits.toolOutputBytesMax,
      signal,
    });
    const isGood = exitCode === 0;
    const lines = (isGood ? stdout : `${stdout}\n${stderr}`).trim().split("\n");
    return { isGood, text: (isGood ? lines[0] : lines.at(-1)) || `it ended with ${exitCode}` };
  } catch (cause) {
    if (cause instanceof AkcError) return { isGood: false, text: cause.message };
    throw cause;
  }
}
