import { afterEach, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Systemctl } from "./systemctl.ts";

let folder = "";
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A stand-in of sh: for what a real systemd does only now and then. */
function standIn(script: string): Systemctl {
  folder = mkdtempSync(join(tmpdir(), "akc-systemctl-"));
  const path = join(folder, "systemctl");
  writeFileSync(path, `#!/bin/sh\necho "$*" >>${folder}/calls\n${script}\n`);
  chmodSync(path, 0o755);
  return new Systemctl({ env: { AKC_SYSTEMCTL: path }, user: false });
}
const calls = () => readFileSync(join(folder, "calls"), "utf8").trim().split("\n");
const call = () => ({ signal: new AbortController().signal });

test("a unit whose job ended between two calls is looked at again: its state was an old one", async () => {
  const systemctl = standIn(`case "$*" in
    *list-jobs*) exit 0 ;;
    *) if [ -e ${"$0"}.asked ]; then job=0 sub=running; else job=7 sub=stop-sigterm; : >${"$0"}.asked; fi
       printf 'LoadState=loaded\\nActiveState=active\\nSubState=%s\\nJob=%s\\n' $sub $job ;;
  esac`);
  const states = await systemctl.show(["a.service"], call());
  expect(states.get("a.service")).toMatchObject({ sub: "running" });
  expect(states.get("a.service")?.job).toBeUndefined();
  expect(calls().map((line) => line.split(" ")[2])).toEqual(["show", "list-jobs", "show"]);
});

test("what never comes to rest counts as starting, and is not asked about for ever", async () => {
  const systemctl = standIn(`case "$*" in
    *list-jobs*) exit 0 ;;
    *) printf 'LoadState=loaded\\nActiveState=activating\\nSubState=start\\nJob=7\\n' ;;
  esac`);
  expect((await systemctl.show(["a.service"], call())).get("a.service")).toMatchObject({ job: "start" });
  expect(calls().length).toBeLessThan(8);
});

test("who is not reached may be asked again, who refuses is told why", async () => {
  const unreachable = standIn(`echo "Failed to connect to bus: No such file or directory" >&2; exit 1`);
  await expect(unreachable.reload()).rejects.toMatchObject({
    code: "PROVIDER_FAILED",
    details: { reason: "unreachable", retryable: true },
  });
  rmSync(folder, { recursive: true, force: true });
  const refusing = standIn(`echo "Failed to start a.service: Unit a.service is masked." >&2; exit 1`);
  await expect(refusing.start("start", "a.service", call())).rejects.toMatchObject({
    code: "PROVIDER_FAILED",
    message: expect.stringContaining("is masked"),
    details: { reason: "refused", retryable: false },
  });
  expect(calls()).toEqual(["--no-pager --no-ask-password start --no-block -- a.service"]);
});
