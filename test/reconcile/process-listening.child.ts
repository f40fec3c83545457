/**
 * A service that answers each TCP connection with its version and hangs up. It inherits its socket (sd_listen_fds(3)), or binds
 * the port itself when it is told one. On SIGTERM it answers whoever it has accepted, accepts nobody else, and ends.
 */
import { createServer } from "node:net";
import { libc } from "../../src/system/libc.ts";

const [version = "?", port = "", quirk = ""] = process.argv.slice(2);
let ending = false;
process.on("SIGTERM", () => {
  ending = true;
});

if (port !== "") {
  const server = createServer((socket) => socket.end(version));
  server.listen({ host: "127.0.0.1", port: Number(port), reusePort: true });
  console.log("listening", process.env["LISTEN_FDS"] ?? "none");
  while (!ending) await Bun.sleep(10);
  // Whoever is in the queue of this socket is still answered.
  await Bun.sleep(50);
  server.close();
  process.exit(0);
}

const host = libc();
if (host === undefined) throw new Error("no C library");
console.log(
  "inherited",
  process.env["LISTEN_FDS"],
  process.env["LISTEN_FDNAMES"],
  process.env["LISTEN_PID"] === String(process.pid),
);
// As a program may that moves its socket elsewhere: then nobody finds it at its number.
const socket = quirk === "moves" ? 200 : 3;
if (quirk === "moves") {
  host.duplicate(3, socket);
  host.close(3);
}
const accept4 = process.arch === "arm64" ? 242 : 288;
const poll = new Int32Array(2);
const text = Buffer.from(version);
while (!ending) {
  poll[0] = socket;
  poll[1] = 1;
  const ppoll = process.arch === "arm64" ? 73 : 271;
  if (host.syscall(ppoll, poll, 1, new BigUint64Array([0n, 5_000_000n]), 0, 0) > 0) {
    const SOCK_NONBLOCK = 0x800;
    const fd = host.syscall(accept4, socket, 0, 0, SOCK_NONBLOCK);
    if (fd >= 0) {
      host.syscall(host.numbers.sendto, fd, text, text.length, 0, 0);
      host.close(fd);
    }
  }
  await Bun.sleep(0);
}
process.exit(0);
