import assert from "node:assert/strict";
import { test } from "node:test";
import { ApplicationDirectoryError } from "../../../../src/domain/credentials/ports.ts";

test("an error of the directory has its class as name, and its code as message", () => {
  const error = new ApplicationDirectoryError("graph_forbidden", "403");
  assert.deepEqual(
    [error.name, error.message, error.code, error.because],
    ["ApplicationDirectoryError", "graph_forbidden", "graph_forbidden", "403"],
  );
});
