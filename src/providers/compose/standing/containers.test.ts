import { expect, test } from "bun:test";
import fc from "fast-check";
import { AkcError } from "../../../errors.ts";
import { jsonRows, readInspect, readList } from "./containers.ts";

// As Compose 2.26.1 prints it, a line each; versions before 2.21 print the same objects as one array (written from that shape).
const lines = [
  '{"Command":"\\"sleep 1000\\"","ExitCode":0,"Health":"healthy","ID":"40a87b6eeab2","Image":"local/busybox:1","Name":"px-web-1","Project":"px","Publishers":null,"Service":"web","State":"running"}',
  '{"Command":"\\"true\\"","ExitCode":0,"Health":"","ID":"53a160ccad3c","Image":"local/busybox:1","Name":"px-job-1","Project":"px","Publishers":null,"Service":"job","State":"exited"}',
];

test("rows are the same whether they come as an array or a line each", () => {
  const rows = jsonRows(`${lines.join("\n")}\n`);
  expect(rows.map(({ Service }) => Service)).toEqual(["web", "job"]);
  expect(jsonRows(`[${lines.join(",")}]`)).toEqual(rows);
  expect(jsonRows(`[\n  ${lines.join(",\n  ")}\n]\n`)).toEqual(rows);
  expect([jsonRows(""), jsonRows("[]"), jsonRows("\n")]).toEqual([[], [], []]);
});

test("what is not understood is an error and never an empty list", () => {
  const odd = [
    "[",
    "[1]",
    "null",
    "{",
    '{"id":"a"}x',
    `${lines[0]}\nWARNING: no swap limit`,
    "[[]]",
    '"text"',
  ];
  for (const text of odd) expect([text, codeOf(() => jsonRows(text))]).toEqual([text, "PROVIDER_FAILED"]);
  expect(codeOf(() => readList('{"image":"a","project":"p"}'))).toBe("PROVIDER_FAILED");
  expect(codeOf(() => readInspect('{"Id":"a","State":{},"HostConfig":{}}'))).toBe("PROVIDER_FAILED");
});

test("whatever docker prints is read or refused in words of akc's own", () => {
  const cut = fc.tuple(fc.constantFrom(...lines), fc.nat(400)).map(([line, length]) => line.slice(0, length));
  const object = fc
    .jsonValue()
    .map((State) => JSON.stringify({ Id: "a", State, HostConfig: State, Config: State, Mounts: State }));
  const text = fc.oneof(fc.string(), cut, fc.json(), object);
  fc.assert(
    fc.property(text, (printed) => {
      for (const read of [readList, readInspect])
        expect(["read", "PROVIDER_FAILED"]).toContain(codeOf(() => read(printed)));
    }),
  );
});

test("containers and images are told apart, and anything else of that name is left out", () => {
  const printed = [
    {
      Id: "c",
      Name: "/px-web-1",
      Image: "sha256:i",
      State: { Status: "exited", ExitCode: 3, FinishedAt: "2026-01-02T03:04:05.678Z" },
      HostConfig: {},
      Config: {},
    },
    { Id: "sha256:i", RootFS: { Type: "layers" }, Config: { Env: ["PATH=/bin"] } },
    { Id: "n", Driver: "bridge" },
    { Name: "volume", Mountpoint: "/x" },
  ];
  const { containers, images } = readInspect(printed.map((row) => JSON.stringify(row)).join("\n"));
  expect(containers).toMatchObject([
    { id: "c", name: "px-web-1", status: "exited", exitCode: 3, sinceMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678) },
  ]);
  expect([...images.keys()]).toEqual(["sha256:i"]);
});

function codeOf(work: () => unknown): string {
  try {
    work();
    return "read";
  } catch (cause) {
    return cause instanceof AkcError ? cause.code : `thrown: ${String(cause)}`;
  }
}
