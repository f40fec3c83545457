import { expect, test } from "bun:test";
import { failureError, failureOf } from "./failure.ts";

/** Words of kubectl 1.20 to 1.32, as they were printed. */
const words: readonly (readonly [reason: string, stderr: string])[] = [
  [
    "unreachable",
    'E1122 20:56:00.084177   19973 memcache.go:265] "Unhandled Error" err="dial tcp"\nThe connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?\n',
  ],
  ["unreachable", "Unable to connect to the server: dial tcp: lookup nowhere: no such host\n"],
  ["unreachable", "Unable to connect to the server: x509: certificate signed by unknown authority\n"],
  [
    "timeout",
    "Unable to connect to the server: net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)\n",
  ],
  [
    "timeout",
    "Error from server (Timeout): the server was unable to return a response in the time allotted\n",
  ],
  [
    "denied",
    'Error from server (Forbidden): deployments.apps "web" is forbidden: User "nobody" cannot get resource "deployments"\n',
  ],
  ["denied", "error: You must be logged in to the server (Unauthorized)\n"],
  ["no_such_kind", 'unable to recognize no matches for kind "Widget" in version "example.com/v1"\n'],
  ["no_such_kind", 'error: the server doesn\'t have a resource type "foos"\n'],
  ["not_found", 'Error from server (NotFound): namespaces "p99" not found\n'],
  [
    "conflict",
    'error: Operation cannot be fulfilled on configmaps "cfg": the object has been modified; please apply your changes\n',
  ],
  ["conflict", 'The ConfigMap "cfg" is invalid: metadata.uid: Invalid value: "1": field is immutable\n'],
  [
    "conflict",
    'error: Apply failed with 1 conflict: conflict with "akc": .data.a\nPlease review the fields above--they currently have other managers. Here\nare the ways you can resolve this warning:\n* If you intend\n  command with\nSee https://kubernetes.io/docs\n',
  ],
  [
    "invalid",
    'The Deployment "web" is invalid: spec.selector: Invalid value: v1.LabelSelector{}: field is immutable\n',
  ],
  [
    "invalid",
    "Error from server: failed to create typed patch object: .dataq: field not declared in schema\n",
  ],
  ["failed", "Error from server (InternalError): something\n"],
  ["failed", ""],
];

test.each(words)("%s: %p", (reason, stderr) => {
  expect(String(failureOf(stderr).reason)).toBe(reason);
});

test("what kubectl says of each kind alike is said once", () => {
  expect(failureOf('context "prod" does not exist\n'.repeat(17)).message).toBe(
    'context "prod" does not exist',
  );
});

test("of several failures the one that leaves most in the dark counts", () => {
  const both = failureOf(
    'unable to recognize no matches for kind "Widget" in version "v1"\nError from server (Forbidden): x is forbidden\n',
  );
  expect(both.reason).toBe("denied");
  expect([...both.reasons].sort()).toEqual(["denied", "no_such_kind"]);
});

test("what kubectl advises is not repeated", () => {
  const stderr = words.find(([, text]) => text.includes("Apply failed"))?.[1] ?? "";
  expect(failureOf(stderr).message).toBe('error: Apply failed with 1 conflict: conflict with "akc": .data.a');
});

test("only what another try may cure is tried again", () => {
  const retryable = (stderr: string) => failureError(failureOf(stderr), "x").details["retryable"];
  expect(retryable('Error from server (NotFound): namespaces "p99" not found')).toBe(true);
  expect(retryable("Error from server (Forbidden): no")).toBe(false);
  expect(retryable('The Deployment "web" is invalid: spec.selector')).toBe(false);
});
