/**
 * A hostile child under Landlock. Bun does not document that it forks from the thread that calls `Bun.spawn`; all of the
 * containment rests on it, so these tests must fail if a later Bun forks elsewhere.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { landlockAbi } from "../../src/system/landlock.ts";
import { strongestContainment } from "../../src/system/sandbox.ts";
import { printed, type World, world } from "./request.ts";

const here = strongestContainment() === "landlock";
if (!here) console.warn("SKIPPED: this kernel has no Landlock; nothing below was proved");
const onLandlock = test.skipIf(!here);

let place: World;
let server: Server;
let port = 0;
let connections = 0;

beforeAll(async () => {
  place = world();
  server = createServer((socket) => {
    connections += 1;
    socket.end("hello\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address === "object" && address !== null) port = address.port;
});

afterAll(async () => {
  server.close();
  await place.close();
});

onLandlock("the child is told of no privileges to gain, and the result says how it was held", async () => {
  const result = await place.sh("grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status");
  expect(printed(result)).toMatch(/NoNewPrivs:\s+1\nSeccomp:\s+2/);
  expect(result.outputs["containment"]).toBe("landlock");
  expect(result.outputs["containment_abi"]).toBe(landlockAbi());
});

onLandlock("a write outside the working directory is refused; akc itself still writes there", async () => {
  const target = join(place.outside, "planted");
  const result = await place.sh(`echo x > ${target}; mkdir ${target}-dir; ln -s x ${target}-link; echo $?`);
  expect(printed(result)).not.toBe("0");
  for (const path of [target, `${target}-dir`, `${target}-link`]) expect(existsSync(path)).toBe(false);
  writeFileSync(target, "ours");
  expect(readFileSync(target, "utf8")).toBe("ours");
});

onLandlock("a write inside the working directory works, with everything a build does there", async () => {
  const script = `
    set -e
    mkdir -p a/b && echo one > a/b/f && mv a/b/f a/g && ln -s g a/h && cat a/h && mkfifo a/p
    : > a/g; rm -r a/b
    printf '#!/bin/sh\\necho ran' > made && chmod +x made && ./made
    echo t > "$TMPDIR/t" && test -w "$TMPDIR"`;
  expect(printed(await place.sh(script))).toBe("one\nran");
});

onLandlock("a closed file is not read: shadow, another user's home, akc's own state", async () => {
  writeFileSync(join(place.outside, "secret"), "hidden");
  for (const path of [
    "/etc/shadow",
    "/root/.bashrc",
    "/etc/ssh",
    join(place.outside, "secret"),
    place.root,
  ]) {
    const result = await place.sh(`cat ${path} || ls ${path}/`);
    expect(result.error?.code).toBe("SUBPROCESS_EXIT");
    expect(printed(result)).toBe("");
  }
});

onLandlock("a symbolic link in the working directory opens nothing beyond it", async () => {
  writeFileSync(join(place.outside, "behind-link"), "hidden");
  symlinkSync(place.outside, join(place.workdir, "way-out"));
  const result = await place.sh(
    "cat way-out/behind-link; echo x > way-out/new; ln way-out/behind-link hard; true",
  );
  expect(printed(result)).toBe("");
  expect(existsSync(join(place.outside, "new"))).toBe(false);
  expect(existsSync(join(place.workdir, "hard"))).toBe(false);
});

const connect = (address: string) =>
  `exec 2>&1; perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0) or die "socket: $!\\n"; connect(S, ${address}) or die "connect: $!\\n"; print scalar <S>'`;
const loopback = () => connect(`sockaddr_in(${port}, inet_aton("127.0.0.1"))`);

onLandlock("without network a TCP connection is refused, with it the same one is made", async () => {
  const before = connections;
  const off = await place.sh(loopback(), { network: false });
  expect(off.status).toBe("failed");
  expect(printed(off)).toMatch(/Permission denied/);
  expect(connections).toBe(before);
  const on = await place.sh(loopback(), { network: true });
  expect(printed(on)).toBe("hello");
  expect(connections).toBe(before + 1);
});

onLandlock("a step without network has none although the run has", async () => {
  const step = { allowNetwork: false };
  expect((await place.sh(loopback(), { network: true, step })).status).toBe("failed");
  const result = await place.sh("echo $AKC_COORDINATION_NETWORK_ALLOWED", { network: true, step });
  expect(printed(result)).toBe("0");
});

onLandlock(
  "without network there is no other way out either: datagrams, unix sockets, raw packets",
  async () => {
    const kinds = [
      "PF_INET, SOCK_DGRAM, 0",
      "PF_INET6, SOCK_STREAM, 0",
      "PF_UNIX, SOCK_STREAM, 0",
      "PF_INET, SOCK_RAW, 1",
    ];
    for (const kind of kinds) {
      const result = await place.sh(`perl -MSocket -e 'socket(S, ${kind}) or die "$!\\n"; print "made\\n"'`);
      expect(printed(result)).toBe("");
    }
    const pair = `perl -MSocket -e 'socketpair(A, B, AF_UNIX, SOCK_STREAM, PF_UNSPEC) and print "pair"'`;
    expect(printed(await place.sh(pair))).toBe("pair");
  },
);

onLandlock("akc cannot be signalled, limited or looked into by its child", async () => {
  const script = `
    for target in ${process.pid} $PPID; do
      kill -9 $target && echo killed
      kill -TERM $target && echo ended
      cat /proc/$target/environ && echo environment
      head -c 1 /proc/$target/mem && echo memory
      readlink /proc/$target/fd/* | head -n 1
    done 2>/dev/null
    for thread in /proc/${process.pid}/task/*; do
      head -c 1 $thread/environ >/dev/null && echo environment
      head -c 1 $thread/mem && echo memory
    done 2>/dev/null
    exit 0`;
  expect(printed(await place.sh(script))).toBe("");
});

onLandlock("the thread that starts it is not traced by its child, though they share a domain", async () => {
  // PTRACE_ATTACH is 16 and PTRACE_SEIZE 0x4206; 101 and 117 are ptrace on x64 and arm64.
  const call = process.arch === "arm64" ? 117 : 101;
  const script = `perl -e 'opendir(D, "/proc/${process.pid}/task"); for (readdir D) { next if /\\D/;
    for my $how (16, 0x4206) { print "traced\\n" if syscall(${call}, $how, int($_), 0, 0) == 0 } }'`;
  expect(printed(await place.sh(script))).toBe("");
});

onLandlock("root's child has lost what would let it out", async () => {
  const result = await place.sh(
    "grep CapEff /proc/self/status; mknod null c 1 3; mount -t tmpfs none . 2>/dev/null && echo mounted",
  );
  const effective = Number.parseInt(printed(result).split("\t")[1] ?? "", 16);
  // CAP_SYS_PTRACE is 19, CAP_SYS_ADMIN 21.
  expect(effective & ((1 << 19) | (1 << 21))).toBe(0);
  expect(existsSync(join(place.workdir, "null"))).toBe(false);
  expect(printed(result)).not.toContain("mounted");
});

onLandlock("read-only roots are read and not written, and what is closed in them stays closed", async () => {
  const library = join(place.repo, "library");
  const state = join(place.repo, "state");
  for (const folder of [library, state]) mkdirSync(folder);
  writeFileSync(join(library, "header"), "text");
  writeFileSync(join(state, "state.sqlite3"), "secret");
  const closed = world({ repoRoot: place.repo, closedPaths: [state] });
  try {
    const script = `cat ${library}/header; ls ${place.repo} | tr '\\n' ' '; cat ${state}/state.sqlite3; echo x >> ${library}/header; true`;
    const result = await closed.sh(script, { lane: { readOnlyRoots: [place.repo] } });
    expect(printed(result)).toBe("textlibrary state");
    expect(readFileSync(join(library, "header"), "utf8")).toBe("text");
    const scope = { readOnlyRoots: ["/library"], scratchSubdir: null };
    const step = await closed.sh(`cat $(echo $AKC_COORDINATION_READ_ONLY_ROOTS_JSON | tr -d '[]"')/header`, {
      step: { filesystemScope: scope },
    });
    expect(printed(step)).toBe("text");
  } finally {
    await closed.close();
  }
});

onLandlock("a working directory that holds something closed starts nothing", async () => {
  const evidence = join(place.workdir, "evidence");
  mkdirSync(evidence, { recursive: true });
  const closed = world({ workdirRoot: place.root, closedPaths: [evidence] });
  try {
    const result = await closed.sh("echo started", { workdir: place.workdir });
    expect(result.error?.code).toBe("CONTAINMENT_UNAVAILABLE");
    expect(result.error?.retryable).toBe(false);
    expect(result.outputs).toEqual({});
  } finally {
    await closed.close();
  }
});

onLandlock("two working directories are closed to each other", async () => {
  const other = join(place.root, "other-role");
  mkdirSync(other);
  await place.sh("echo mine > mine", { workdir: other });
  const result = await place.sh(`cat ${other}/mine; echo x > ${other}/planted; true`);
  expect(printed(result)).toBe("");
  expect(existsSync(join(other, "planted"))).toBe(false);
});

test("a level that the host does not give is refused before anything starts", async () => {
  const weak = world({ containmentAtMost: "limits" });
  try {
    const result = await weak.sh("touch started", { lane: { containment: "landlock" } });
    expect(result.error).toMatchObject({ code: "CONTAINMENT_UNAVAILABLE", retryable: false });
    expect(existsSync(join(weak.workdir, "started"))).toBe(false);
    const allowed = await weak.sh("true", { lane: { containment: "limits" } });
    expect(allowed.outputs["containment"]).toBe("limits");
    expect(allowed.outputs).not.toHaveProperty("containment_abi");
  } finally {
    await weak.close();
  }
});
