import { expect, test } from "bun:test";
import { credentialsIn } from "./credentials.ts";

test("the credentials of a unit are known by their files, and an empty line takes back those before it", () => {
  const lines = [
    "[Service]",
    "#LoadCredential=a:/etc/a",
    "LoadCredential=gone:/etc/gone",
    "LoadCredential=",
    "LoadCredential=webhook-secret:/etc/akc/credentials/webhook-secret",
    "LoadCredentialEncrypted = sealed:/etc/akc/sealed ",
    "LoadCredential=from-the-store",
    "LoadCredential=by-host:/etc/%H/x",
  ];
  expect([...credentialsIn(lines.join("\n"))]).toEqual([
    ["webhook-secret", "/etc/akc/credentials/webhook-secret"],
    ["sealed", "/etc/akc/sealed"],
  ]);
});
