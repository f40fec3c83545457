/**
 * A Kubernetes API server of the tests' own: empty at the beginning, gone at the end. The build of it is kept between runs and is
 * never made by a test, as it takes minutes: `test/env/kubernetes.sh build`, or AKC_TEST_KUBERNETES=build for the tests to do so.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";

const script = join(import.meta.dir, "kubernetes.sh");
const home = process.env["HOME"] ?? homedir();
const builds = join(process.env["AKC_ENV_DIR"] ?? join(home, ".cache/akc-env"), "kubernetes/bin");

export class Cluster {
  readonly #folder: string;
  /** Of a user who may do everything. */
  readonly kubeconfig: string;
  readonly #env: Record<string, string>;

  private constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), "akc-k8s-"));
    this.kubeconfig = join(this.#folder, "kubernetes/run/kubeconfig");
    this.#env = {
      PATH: process.env["PATH"] ?? "",
      HOME: home,
      AKC_ENV_DIR: this.#folder,
      AKC_TEST_INSTALL: process.env["AKC_TEST_INSTALL"] ?? "",
    };
    mkdirSync(join(this.#folder, "kubernetes"));
    symlinkSync(builds, join(this.#folder, "kubernetes/bin"));
  }

  /** Whether it can be had; says loudly that it cannot. Starts nothing. */
  static canBeHad(): boolean {
    if (!existsSync(join(builds, "kube-apiserver")) && process.env["AKC_TEST_KUBERNETES"] === "build")
      Bun.spawnSync([script, "build"], { stdout: "inherit", stderr: "inherit" });
    const missing = [
      ...(existsSync(join(builds, "kube-apiserver")) ? [] : [`it is not built; run ${script} build`]),
      ...(process.getuid?.() === 0 ? [] : ["only root may start one"]),
    ];
    if (missing.length > 0) console.error(`SKIPPED: no Kubernetes API here: ${missing.join(", ")}`);
    return missing.length === 0;
  }

  /** @throws Error when it does not start */
  static up(): Cluster {
    const cluster = new Cluster();
    const { exitCode, stderr } = cluster.#script("up");
    if (exitCode === 0) return cluster;
    cluster.down();
    throw new Error(stderr);
  }

  down(): void {
    this.#script("down");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** A Deployment's pods become ready, or crash. @throws Error when the deployment does not follow */
  ready(namespace: string, deployment: string, ...how: readonly "--fail"[]): void {
    const { exitCode, stderr } = this.#script("ready", namespace, deployment, ...how);
    if (exitCode !== 0) throw new Error(stderr);
  }

  /** A kubeconfig of another user, who may do what roles allow. */
  kubeconfigAs(user: string): string {
    const path = join(this.#folder, `kubeconfig-${user}`);
    const config = readFileSync(this.kubeconfig, "utf8");
    writeFileSync(path, config.replace("user: {token:", `user: {as: ${user}, token:`), { mode: 0o600 });
    return path;
  }

  /** As a kubelet would say when a pod fails its readiness check. */
  unready(namespace: string, pod: string): void {
    const config = readFileSync(this.kubeconfig, "utf8");
    const url = `${/https:\/\/127\.0\.0\.1:\d+/.exec(config)?.[0]}/api/v1/namespaces/${namespace}/pods/${pod}/status`;
    const token = /token: ([^}\s]+)/.exec(config)?.[1];
    const conditions = ["Ready", "ContainersReady"].map((type) => ({
      type,
      status: "False",
      reason: "Unready",
    }));
    const end = Bun.spawnSync([
      ..."curl --silent --fail --insecure --request PATCH".split(" "),
      ...["--header", `Authorization: Bearer ${token}`],
      ...["--header", "Content-Type: application/strategic-merge-patch+json"],
      ...["--data", JSON.stringify({ status: { conditions } }), url],
    ]);
    if (end.exitCode !== 0) throw new Error(`curl: exit ${end.exitCode}`);
  }

  /** kubectl as the administrator; what it prints. @throws Error when it fails */
  kubectl(args: readonly string[], stdin = ""): string {
    const end = Bun.spawnSync(["kubectl", ...args], {
      env: { ...this.#env, KUBECONFIG: this.kubeconfig },
      stdin: Buffer.from(stdin),
    });
    if (end.exitCode !== 0) throw new Error(`kubectl ${args.join(" ")}: ${end.stderr.toString()}`);
    return end.stdout.toString();
  }

  /** The server behind a door that can be shut: a kubeconfig of its own. */
  async door(): Promise<Door> {
    const config = readFileSync(this.kubeconfig, "utf8");
    const port = Number(/https:\/\/127\.0\.0\.1:(\d+)/.exec(config)?.[1]);
    const through = new Set<Socket>();
    const serve = (listenOn: number) =>
      new Promise<ReturnType<typeof createServer>>((resolve) => {
        const server = createServer((socket) => {
          const beyond = connect(port, "127.0.0.1");
          for (const [one, other] of [
            [socket, beyond],
            [beyond, socket],
          ] as const) {
            through.add(one);
            one.on("error", () => other.destroy());
            one.on("close", () => other.destroy());
            one.pipe(other);
          }
        });
        server.listen(listenOn, "127.0.0.1", () => resolve(server));
      });
    let server = await serve(0);
    const address = server.address();
    const own = typeof address === "object" && address !== null ? address.port : 0;
    const kubeconfig = join(this.#folder, `kubeconfig-${own}`);
    writeFileSync(kubeconfig, config.replace(`127.0.0.1:${port}`, `127.0.0.1:${own}`), { mode: 0o600 });
    return {
      kubeconfig,
      async shut() {
        for (const socket of through) socket.destroy();
        through.clear();
        await new Promise<void>((resolve) => server.close(() => resolve()));
      },
      async open() {
        server = await serve(own);
      },
    };
  }

  #script(...args: readonly string[]) {
    const end = Bun.spawnSync([script, ...args], { env: this.#env, stdin: "ignore" });
    return { exitCode: end.exitCode, stderr: end.stderr.toString() };
  }
}

export interface Door {
  readonly kubeconfig: string;
  shut(): Promise<void>;
  open(): Promise<void>;
}
