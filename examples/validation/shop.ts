// A stand-in for a service of yours: it answers /health with what shop.json holds.
Bun.serve({
  port: 8765,
  hostname: "127.0.0.1",
  fetch: async ({ url }) =>
    new URL(url).pathname === "/health"
      ? Response.json(await Bun.file("shop.json").json())
      : new Response("not here", { status: 404 }),
});
