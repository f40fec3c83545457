/** Reads 50 MB through a door and says how much memory that took at most, beside what was there before. */
import { systemClock } from "../../src/system/clock.ts";
import { openDoor } from "../../src/validators/door.ts";

const chunk = new Uint8Array(256 * 1024).fill(120);
const server = Bun.spawn(
  [
    process.execPath,
    "-e",
    `const chunk = new Uint8Array(${chunk.length}).fill(120);
     const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch(request) {
       if (request.url.endsWith("small")) return new Response("small");
       let left = 200;
       return new Response(new ReadableStream({ pull(c) { if (left-- > 0) c.enqueue(chunk); else c.close(); } }));
     } });
     console.log(server.port);`,
  ],
  { stdout: "pipe", stdin: "ignore" },
);
const reader = server.stdout.getReader();
const { value } = await reader.read();
const url = `http://127.0.0.1:${new TextDecoder().decode(value).trim()}/`;
const open = () =>
  openDoor({
    binding: { kind: "http_json", timeoutMs: 20_000, settings: { url } },
    operator: undefined,
    env: {},
    clock: systemClock,
    workdir: "/nowhere",
  });
const look = async (path: string) =>
  (await open()).fetch({ url: url + path, method: "GET", headers: {} }, new AbortController().signal);

// What the first request of a process takes is not what a body takes.
for (let warm = 0; warm < 20; warm += 1) await look("small");
Bun.gc(true);
const before = process.memoryUsage.rss();
let most = before;
const watch = setInterval(() => {
  most = Math.max(most, process.memoryUsage.rss());
}, 1);
const { body, truncated } = await look("");
most = Math.max(most, process.memoryUsage.rss());
clearInterval(watch);
console.log(JSON.stringify({ bytes: body.length, truncated, grownBytes: most - before }));
server.kill("SIGKILL");
await server.exited;
process.exit(0);
