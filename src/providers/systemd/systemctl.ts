/**
 * The calls to systemd that akc makes, through `systemctl`: what stands, and the few verbs that change it. Decides nothing;
 * names of units are checked before they come here, and never look like an option.
 *
 * Source: systemctl(1); `--timestamp` needs systemd 248.
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { findTool, type Tool, type ToolEnd } from "../../system/tool.ts";
import type { ProviderCall } from "../contract.ts";
import { readJobs, readShow, type ShownUnit, shownProperties, type UnitState } from "./unit-state.ts";

export interface SystemctlDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's own systemd instead of the system's. */
  readonly user: boolean;
}

export class Systemctl {
  readonly #deps: SystemctlDeps;
  #found: Tool | undefined;

  constructor(deps: SystemctlDeps) {
    this.#deps = deps;
  }

  /**
   * By name, of every unit asked about. One call, and one or a few more while something is queued for one of them.
   * @throws AkcError as `#run`
   */
  async show(units: readonly string[], call: ProviderCall): Promise<ReadonlyMap<string, UnitState>> {
    const states = new Map<string, UnitState>();
    let asked = units;
    for (let look = 1; asked.length > 0; look += 1) {
      const shown = await this.#shown(asked, call);
      const waits = [...shown.values()].some(({ hasJob }) => hasJob);
      const jobs = waits ? await this.#jobs(call) : new Map<string, "start" | "stop">();
      // What was queued a moment ago and is not any more is done: its state is an old one.
      const moved = [...shown]
        .filter(([name, { hasJob }]) => hasJob && !jobs.has(name))
        .map(([name]) => name);
      for (const [name, { state, hasJob }] of shown) {
        const job = hasJob ? (jobs.get(name) ?? "start") : undefined;
        states.set(name, job === undefined ? state : { ...state, job });
      }
      asked = look < looksMax ? moved : [];
    }
    return states;
  }

  async #shown(units: readonly string[], call: ProviderCall): Promise<ReadonlyMap<string, ShownUnit>> {
    const shown = new Map<string, ShownUnit>();
    for (let at = 0; at < units.length; at += limits.systemdShowUnitsMax) {
      const asked = units.slice(at, at + limits.systemdShowUnitsMax);
      for (const [name, one] of await this.#shownOnce(asked, call)) shown.set(name, one);
    }
    return shown;
  }

  /** Nothing of a unit that systemd cannot tell of; it does not keep the others from being seen. */
  async #shownOnce(
    asked: readonly string[],
    call: ProviderCall,
  ): Promise<readonly (readonly [string, ShownUnit])[]> {
    const args = ["show", "--timestamp=us+utc", `--property=${shownProperties.join(",")}`, "--", ...asked];
    try {
      const { stdout } = await this.#run(args, call, limits.providerObserveMsMax);
      const answered = readShow(stdout, asked.length);
      if (answered === undefined)
        throw failed("systemctl show answered something that is not understood", {});
      return asked.flatMap((name, index) => {
        const one = answered[index];
        return one === undefined ? [] : [[name, one] as const];
      });
    } catch (cause) {
      if (!(cause instanceof AkcError) || cause.details["reason"] !== "refused") throw cause;
      if (asked.length === 1) return [];
      const half = Math.ceil(asked.length / 2);
      return [
        ...(await this.#shownOnce(asked.slice(0, half), call)),
        ...(await this.#shownOnce(asked.slice(half), call)),
      ];
    }
  }

  async #jobs(call: ProviderCall): Promise<ReadonlyMap<string, "start" | "stop">> {
    const { stdout } = await this.#run(
      ["list-jobs", "--plain", "--no-legend"],
      call,
      limits.providerObserveMsMax,
    );
    return readJobs(stdout);
  }

  /** For all units. Ends by itself in time, also when nobody waits for it any more. */
  async reload(): Promise<void> {
    await this.#run(["daemon-reload"], { signal: new AbortController().signal }, limits.providerObserveMsMax);
  }

  /** Does not reload: the links count at the next boot, and systemd knows of them after the next reload. */
  async link(
    verb: "enable" | "disable" | "reenable",
    unit: string,
    runtime: boolean,
    call: ProviderCall,
  ): Promise<void> {
    await this.#change([verb, "--no-reload", "--quiet", ...(runtime ? ["--runtime"] : []), "--", unit], call);
  }

  /** Queues it. Whether it then comes up only a look says. */
  async start(verb: "start" | "restart", unit: string, call: ProviderCall): Promise<void> {
    await this.#change([verb, "--no-block", "--", unit], call);
  }

  /** @param wait until it has stopped */
  async stop(unit: string, wait: boolean, call: ProviderCall): Promise<void> {
    await this.#change(["stop", ...(wait ? [] : ["--no-block"]), "--", unit], call);
  }

  /** Forgets that it failed, and how often it was started. What is not loaded has nothing to forget. */
  async resetFailed(unit: string, call: ProviderCall): Promise<void> {
    await this.#tool().run({
      args: this.#args(["reset-failed", "--", unit]),
      ...bounds(limits.providerChangeMsMax, call),
    });
  }

  async #change(args: readonly string[], call: ProviderCall): Promise<void> {
    await this.#run(args, call, limits.providerChangeMsMax);
  }

  /** @throws AkcError TOOL_MISSING, TOOL_TIMEOUT, CANCELLED, PROVIDER_FAILED with details `reason` */
  async #run(args: readonly string[], call: ProviderCall, timeoutMs: number): Promise<ToolEnd> {
    const end = await this.#tool().run({ args: this.#args(args), ...bounds(timeoutMs, call) });
    if (end.exitCode === 0) return end;
    const said = end.stderr
      .trim()
      .split("\n")
      .slice(-saidLinesMax)
      .join("; ")
      .slice(0, limits.pluginErrorChars);
    // The words of another program are all that tells an unreachable systemd from one that refuses.
    const reason = /connect to bus|booted with systemd|Connection refused|Transport endpoint/i.test(said)
      ? "unreachable"
      : /Access denied|Permission denied|authentication required/i.test(said)
        ? "denied"
        : "refused";
    throw failed(`systemctl ${args[0]}: ${said === "" ? `exit ${end.exitCode}` : said}`, {
      reason,
      retryable: reason === "unreachable",
      exitCode: end.exitCode,
    });
  }

  #args(args: readonly string[]): readonly string[] {
    return [...(this.#deps.user ? ["--user"] : []), "--no-pager", "--no-ask-password", ...args];
  }

  /** @throws AkcError TOOL_MISSING */
  #tool(): Tool {
    this.#found ??= findTool({
      name: "systemctl",
      override: "AKC_SYSTEMCTL",
      // Its words are read in one place; they must be the ones that are known.
      env: { ...this.#deps.env, LC_ALL: "C" },
      environment: [
        "LC_ALL",
        "HOME",
        "XDG_RUNTIME_DIR",
        "DBUS_SESSION_BUS_ADDRESS",
        "DBUS_SYSTEM_BUS_ADDRESS",
      ],
    });
    return this.#found;
  }
}

const saidLinesMax = 3;
/** Units whose jobs end between two calls are looked at again, so often. */
const looksMax = 3;

function bounds(timeoutMs: number, { signal }: ProviderCall) {
  return { timeoutMs, outputBytesMax: limits.toolOutputBytesMax, signal };
}

function failed(
  message: string,
  details: { readonly [key: string]: string | number | boolean | null },
): AkcError {
  return new AkcError("PROVIDER_FAILED", {
    message,
    details: { retryable: true, reason: "malformed", ...details },
  });
}
