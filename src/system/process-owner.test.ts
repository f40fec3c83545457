import { expect, test } from "bun:test";
import { join } from "node:path";
import { ownerName, ownerState, processExists } from "./process-owner.ts";

test("a process that has died counts as gone before anybody has collected it", async () => {
  // The shell becomes a program that collects nobody.
  const parent = Bun.spawn(["sh", "-c", "sleep 30 & echo $!; exec sleep 30"], { stdout: "pipe" });
  try {
    const { value } = await parent.stdout.getReader().read();
    const pid = Number(new TextDecoder().decode(value));
    // Until then it is a shell, which would collect the other.
    const name = Bun.file(`/proc/${parent.pid}/comm`);
    for (let turn = 0; turn < 500 && (await name.text()).trim() !== "sleep"; turn += 1) await Bun.sleep(10);
    expect(processExists(pid)).toBe(true);
    process.kill(pid, "SIGKILL");
    for (let turn = 0; turn < 500 && processExists(pid); turn += 1) await Bun.sleep(10);
    expect(processExists(pid)).toBe(false);
    expect(() => process.kill(pid, 0)).not.toThrow();
  } finally {
    parent.kill("SIGKILL");
  }
});

const apart = ["unshare", "--user", "--map-root-user", "--pid", "--fork"];

test.skipIf(Bun.spawnSync([...apart, "true"]).exitCode !== 0)(
  "a process in a pid namespace of its own is elsewhere, whatever number it has there",
  () => {
    const module = JSON.stringify(join(import.meta.dir, "process-owner.ts"));
    const program = `const { ownerName, ownerState } = await import(${module});
      console.log(ownerName(process.pid), ownerState(ownerName(process.pid)), ownerName(1));`;
    const ran = Bun.spawnSync([...apart, process.execPath, "-e", program]);
    const [its = "", itself, first = ""] = ran.stdout.toString().trim().split(" ");
    expect(itself).toBe("living");
    expect([its, first].map(ownerState)).toEqual(["elsewhere", "elsewhere"]);
    expect(ownerState(ownerName(1))).toBe("living");
  },
);
