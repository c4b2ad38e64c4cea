import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { skipWithout } from "../support/requirements.ts";

const { CI } = process.env;
afterEach(() => {
  if (CI === undefined) delete process.env.CI;
  else process.env.CI = CI;
});

test("tests that miss a program are skipped with what to install, but fail where CI is set", () => {
  delete process.env.CI;
  const reason = "missing: no-such-program, /no/such/file. Install it.";
  assert.equal(skipWithout(["node", "no-such-program", "/no/such/file"], "Install it."), reason);
  process.env.CI = "true";
  assert.throws(
    () => skipWithout(["no-such-program"], "Install it."),
    /nothing is skipped where CI is set.*Install it/,
  );
});

test("tests whose programs are there run, where CI is set too", () => {
  for (const value of ["", "true"]) {
    process.env.CI = value;
    assert.equal(skipWithout(["node", "/bin/sh"], "Install it."), false);
  }
});
