/**
 * What systemd would not take of unit files, asked of `systemd-analyze verify` before any of them stands. Where that program is not,
 * nothing is known and nothing refused; it starts no unit and writes below a folder of its own.
 *
 * Source: systemd-analyze(1). It exits 0 for keys that it does not know, so what it prints is read.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AkcError } from "../../errors.ts";
import { sha256Hex } from "../../json/fingerprint.ts";
import { limits } from "../../limits.ts";
import { findTool, type Tool } from "../../system/tool.ts";
import type { ProviderCall } from "../contract.ts";
import type { WantedUnit } from "./revision.ts";

export class UnitVerifier {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #user: boolean;
  /** By what was verified: the same text is asked about once. */
  readonly #known = new Map<string, string | undefined>();

  constructor(env: Readonly<Record<string, string | undefined>>, user: boolean) {
    this.#env = env;
    this.#user = user;
  }

  /** Why a unit would not be taken as it is written, by its name. One run for all. @throws AkcError CANCELLED */
  async refusals(units: readonly WantedUnit[], call: ProviderCall): Promise<ReadonlyMap<string, string>> {
    const fresh = units.filter((unit) => unit.text !== undefined && !this.#known.has(keyOf(unit)));
    const tool = fresh.length === 0 ? undefined : this.#tool();
    if (tool !== undefined) {
      const said = await this.#verify(tool, fresh, call);
      if (said !== undefined)
        for (const unit of fresh) this.#known.set(keyOf(unit), refusalOf(said, unit.unit));
    }
    return new Map(
      units.flatMap((unit) => {
        const why = this.#known.get(keyOf(unit));
        return why === undefined ? [] : [[unit.unit, why] as const];
      }),
    );
  }

  async #verify(
    tool: Tool,
    units: readonly WantedUnit[],
    { signal }: ProviderCall,
  ): Promise<string | undefined> {
    const folder = await mkdtemp(join(tmpdir(), "akc-units-"));
    try {
      for (const { unit, text = "", drop_ins: dropIns } of units) {
        await writeFile(join(folder, unit), text);
        for (const [name, one] of Object.entries(dropIns)) {
          await mkdir(join(folder, `${unit}.d`), { recursive: true });
          await writeFile(join(folder, `${unit}.d`, name), one);
        }
      }
      const paths = units.map(({ unit }) => join(folder, unit));
      const end = await tool.run({
        args: [...(this.#user ? ["--user"] : []), "verify", "--man=no", "--", ...paths],
        timeoutMs: limits.providerObserveMsMax,
        outputBytesMax: limits.toolOutputBytesMax,
        signal,
      });
      return end.stderr.replaceAll(`${folder}/`, "");
    } catch (cause) {
      // What cannot be asked is found out when the unit is started.
      if (cause instanceof AkcError && cause.code !== "CANCELLED") return undefined;
      throw cause;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  #tool(): Tool | undefined {
    try {
      return findTool({
        name: "systemd-analyze",
        override: "AKC_SYSTEMD_ANALYZE",
        env: { ...this.#env, LC_ALL: "C" },
        environment: ["LC_ALL", "HOME", "XDG_RUNTIME_DIR"],
      });
    } catch (cause) {
      if (cause instanceof AkcError && cause.code === "TOOL_MISSING") return undefined;
      throw cause;
    }
  }
}

function keyOf({ unit, text = "", drop_ins: dropIns }: WantedUnit): string {
  return sha256Hex(JSON.stringify([unit, text, Object.entries(dropIns)]));
}

/** Its lines about this unit that say that something is not taken; what is merely old-fashioned passes. */
function refusalOf(said: string, unit: string): string | undefined {
  const lines = said.split("\n").filter((line) => {
    const about = line.startsWith(`${unit}:`) || line.startsWith(`${unit}.d/`);
    return (
      about &&
      /ignoring|not executable|refusing|bad unit file|lacks|does not exist|has no|more than one/i.test(line)
    );
  });
  return lines.length === 0
    ? undefined
    : lines.slice(0, linesMax).join("; ").slice(0, limits.pluginErrorChars);
}

const linesMax = 3;
