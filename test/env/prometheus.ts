/** A Prometheus of the tests' own, and a VictoriaMetrics where there is one: empty at the beginning, gone at the end. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const script = join(import.meta.dir, "prometheus.sh");

export class PrometheusHost {
  readonly #folder = mkdtempSync(join(tmpdir(), "akc-prom-"));
  readonly #targetPort: number;
  /** e.g. `http://127.0.0.1:23454` */
  url = "";
  /** Of VictoriaMetrics; undefined where it cannot be had. */
  victoriaUrl: string | undefined;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
  }

  /** Scrapes `targetPort` as job `akc`. Undefined where it cannot be had; says so loudly. */
  static async up(targetPort: number): Promise<PrometheusHost | undefined> {
    const host = new PrometheusHost(targetPort);
    const { exitCode, stderr } = await host.#script("up");
    if (exitCode !== 0) {
      console.warn(`SKIPPED: no Prometheus here: ${stderr.trim()}`);
      await host.down();
      return undefined;
    }
    const { stdout } = await host.#script("env");
    host.url = /AKC_PROMETHEUS_URL=(\S+)/.exec(stdout)?.[1] ?? "";
    host.victoriaUrl = /AKC_VICTORIA_METRICS_URL=(\S+)/.exec(stdout)?.[1];
    if (host.victoriaUrl === undefined) console.warn("SKIPPED: no VictoriaMetrics here");
    return host;
  }

  /** Ends Prometheus and keeps its data. */
  async halt(): Promise<void> {
    await this.#must("halt");
  }

  async resume(): Promise<void> {
    await this.#must("resume");
  }

  async down(): Promise<void> {
    await this.#script("down");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #must(verb: string): Promise<void> {
    const { exitCode, stderr } = await this.#script(verb);
    if (exitCode !== 0) throw new Error(`prometheus.sh ${verb}: ${stderr}`);
  }

  /** Not waited for synchronously: what is scraped may be served by this very process. */
  async #script(verb: string) {
    const child = Bun.spawn([script, verb], {
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: process.env["HOME"] ?? "/root",
        AKC_ENV_DIR: this.#folder,
        AKC_PROM_TARGET_PORT: String(this.#targetPort),
        AKC_TEST_INSTALL: process.env["AKC_TEST_INSTALL"] ?? "",
      },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    return { exitCode: await child.exited, stdout, stderr };
  }
}
