import assert from "node:assert/strict";
import { test } from "node:test";
import { VaultLogUnavailable } from "../../../../src/domain/audit/ports.ts";

test("a log that cannot be read is reported in our own words, without the service's text", () => {
  const error = new VaultLogUnavailable("throttled", { retryAfterSeconds: 30, httpStatus: 429 });
  assert.deepEqual(
    [error.name, error.message, error.trouble],
    ["VaultLogUnavailable", "vault_log_throttled", "throttled"],
  );
  assert.deepEqual(error.detail, { retryAfterSeconds: 30, httpStatus: 429 });
  assert.deepEqual(new VaultLogUnavailable("timed_out").detail, {});
});
