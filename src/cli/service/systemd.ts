/**
 * What `akc service` asks of systemd and tells it, through systemctl and systemd-analyze. Decides nothing, and knows one unit.
 *
 * Source: systemctl(1), systemd-analyze(1).
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { type ManagerKind, unitName } from "../../service/unit.ts";
import { findTool, type ToolEnd } from "../../system/tool.ts";
import type { Environment } from "../io.ts";

export interface ManagerDeps {
  readonly env: Environment;
  readonly kind: ManagerKind;
  readonly signal: AbortSignal;
}

/** As `systemctl show` has it. */
export type Shown = Readonly<Record<string, string>>;

export class ServiceManager {
  readonly #deps: ManagerDeps;

  constructor(deps: ManagerDeps) {
    this.#deps = deps;
  }

  /** Its major version. @throws AkcError TOOL_MISSING, SERVICE_MANAGER_FAILED */
  async version(): Promise<number> {
    const { stdout } = await this.tell("--version");
    const [, digits] = /^systemd (\d+)/.exec(stdout) ?? [];
    if (digits === undefined)
      throw new AkcError("SERVICE_MANAGER_FAILED", { message: "systemctl does not say its version" });
    return Number(digits);
  }

  async show(...properties: readonly string[]): Promise<Shown> {
    const { stdout } = await this.tell(
      "show",
      "--timestamp=us+utc",
      `--property=${properties.join(",")}`,
      "--",
      unitName,
    );
    return Object.fromEntries(
      stdout.split("\n").flatMap((line) => {
        const at = line.indexOf("=");
        return at > 0 ? [[line.slice(0, at), line.slice(at + 1)] as const] : [];
      }),
    );
  }

  /** The unit with its drop-ins, as they stand on disk. @throws AkcError SERVICE_MANAGER_FAILED where there is none */
  async text(): Promise<string> {
    return (await this.tell("cat", "--", unitName)).stdout;
  }

  /** A verb about the unit. @throws AkcError SERVICE_MANAGER_FAILED */
  async verb(verb: "enable" | "disable" | "start" | "stop" | "restart" | "reset-failed"): Promise<void> {
    await this.tell(verb, ...(verb === "enable" || verb === "disable" ? ["--quiet"] : []), "--", unitName);
  }

  async reload(): Promise<void> {
    await this.tell("daemon-reload");
  }

  /** What systemd would not take of a unit, line by line; undefined where that cannot be asked. */
  async faults(text: string): Promise<readonly string[] | undefined> {
    const folder = await mkdtemp(join(tmpdir(), "akc-unit-"));
    try {
      const path = join(folder, unitName);
      await writeFile(path, text);
      const end = await this.#run("systemd-analyze", "AKC_SYSTEMD_ANALYZE", [
        "verify",
        "--man=no",
        "--",
        path,
      ]);
      // It exits 0 for keys that it does not know, so what it prints is read.
      const lines = end.stderr.replaceAll(`${folder}/`, "").split("\n");
      return lines.filter((line) => line.startsWith(unitName));
    } catch (cause) {
      if (cause instanceof AkcError && cause.code === "TOOL_MISSING") return undefined;
      throw cause;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async tell(...args: readonly string[]): Promise<ToolEnd> {
    const end = await this.#run("systemctl", "AKC_SYSTEMCTL", args);
    if (end.exitCode === 0) return end;
    // Its lines are sentences.
    const lines = end.stderr.trim().split("\n").slice(-saidLinesMax);
    const said = lines.map((line) => line.replace(/\.$/, "")).join("; ");
    throw new AkcError("SERVICE_MANAGER_FAILED", {
      message: `systemctl ${args[0]} failed: ${said === "" ? `exit ${end.exitCode}` : said}`,
      // It is there, and the service would not start.
      ...((args[0] === "start" || args[0] === "restart") && end.exitCode === 1 ? { hint: startHint } : {}),
      details: { args: [...args] },
    });
  }

  async #run(name: string, override: string, args: readonly string[]): Promise<ToolEnd> {
    const { env, kind, signal } = this.#deps;
    const tool = findTool({
      name,
      override,
      env: { ...env, LC_ALL: "C", SYSTEMD_PAGER: "" },
      environment: ["LC_ALL", "SYSTEMD_PAGER", "HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"],
    });
    return await tool.run({
      args: [...(kind === "user" ? ["--user"] : []), ...args],
      timeoutMs: limits.serviceToolMsMax,
      outputBytesMax: limits.toolOutputBytesMax,
      signal,
    });
  }
}

const saidLinesMax = 3;
const startHint = `\`journalctl -u ${unitName}\` says why; \`akc runtime autopilot --config FILE --check\` reads a configuration alone. Nothing half done was left.`;
