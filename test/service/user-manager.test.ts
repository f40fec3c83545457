/** The built binary as a service of a user, under a user's own systemd: installed, reloaded, killed and taken away without any privilege. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { unitName } from "../../src/service/unit.ts";
import { binary } from "../e2e/akc.ts";
import type { Json } from "../e2e/bundle.ts";
import { jsonObject } from "../e2e/world.ts";
import { SystemdHost } from "../env/systemd.ts";

const found = SystemdHost.up();
const host = () => {
  if (found === undefined) throw new Error("there is no systemd");
  return found;
};
afterAll(() => found?.down());

const id = "4711";
const home = "/home/akc-test";
const runtime = `/run/user/${id}`;
const program = "/usr/local/bin/akc";
const config = `${home}/.config/akc/autopilot.yaml`;

// What login does: a runtime folder, and a manager of the user's own.
beforeAll(() => {
  found?.sh(`mv ${found.bring(binary)} ${program}
    useradd --create-home --home-dir ${home} --uid ${id} akc-test
    install -d -m 700 -o ${id} -g ${id} ${runtime}
    systemd-run --quiet --unit=akc-test-user --uid=${id} --gid=${id} -p Type=notify -p Delegate=yes \\
      --setenv=HOME=${home} --setenv=XDG_RUNTIME_DIR=${runtime} /lib/systemd/systemd --user`);
});

const asUser = (...command: readonly string[]) =>
  host().run(
    ...["setpriv", `--reuid=${id}`, `--regid=${id}`, "--clear-groups"],
    ...["env", `HOME=${home}`, `XDG_RUNTIME_DIR=${runtime}`, ...command],
  );
const systemctl = (...words: readonly string[]) => asUser("systemctl", "--user", ...words);

function service(...words: readonly string[]) {
  const { exitCode, stdout, stderr } = asUser(program, "service", ...words, "-o", "json");
  const report: Json = { exitCode, stderr, ...jsonObject(stdout) };
  return report;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (holds()) return;
    await Bun.sleep(50);
  }
  throw new Error(`never ${what}: ${JSON.stringify(service("status"))}`);
}

describe.skipIf(found === undefined)("under a user's own systemd", () => {
  test("it is installed and started, reloaded, started again when it is killed, and gone when it is removed", async () => {
    // Who is not root means his own manager.
    const installed = service("install", "--now");
    expect(installed).toMatchObject({
      exitCode: 0,
      changed: [
        `${config} written: it observes, and changes nothing`,
        `${home}/.config/systemd/user/${unitName} written`,
        `${unitName} enabled`,
        `${unitName} started`,
      ],
    });
    expect(service("install", "--user", "--now")).toMatchObject({ exitCode: 0, changed: [] });
    expect(service("status", "--user")).toMatchObject({
      exitCode: 0,
      unit_file: "current",
      enabled: true,
      active_state: "active",
      status_text: "no scopes",
      wrong: [],
    });
    expect(host().sh(`stat -c %U ${home}/.local/state/akc/outputs`).trim()).toBe("akc-test");

    host().sh(`echo 'parallel: 0' >>${config}`);
    expect(systemctl("reload", unitName).exitCode).toBe(0);
    await until("refused", () => String(service("status")["status_text"]).includes("is refused"));
    host().sh(`sed -i '/^parallel/d' ${config}`);
    expect(systemctl("reload", unitName).exitCode).toBe(0);
    await until("taken", () => service("status")["status_text"] === "no scopes");

    expect(asUser("sh", "-c", `mkdir ${home}/.config/systemd/user/${unitName}.d`).exitCode).toBe(0);
    host().write(`${home}/.config/systemd/user/${unitName}.d/test.conf`, "[Service]\nRestartSec=100ms\n");
    systemctl("daemon-reload");
    const before = service("status")["main_pid"];
    systemctl("kill", "--kill-who=main", "--signal=SIGKILL", unitName);
    await until("restarted", () => {
      const { main_pid: pid, active_state: state } = service("status");
      return state === "active" && pid !== before;
    });

    expect(service("uninstall", "--user")).toMatchObject({
      exitCode: 0,
      changed: [
        `${unitName} stopped`,
        `${unitName} disabled`,
        `${home}/.config/systemd/user/${unitName} removed`,
      ],
    });
    expect(host().run("test", "-e", config).exitCode).toBe(0);
    expect(service("status")).toMatchObject({ exitCode: 1, unit_file: "absent", active_state: "inactive" });
  });
});
