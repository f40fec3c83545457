import { expect, test } from "bun:test";
import { processExists } from "./holder.ts";

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
