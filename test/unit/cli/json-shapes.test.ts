import assert from "node:assert/strict";
import { test } from "node:test";
import { documentedCommands, shapeErrors } from "../../support/cli-json.ts";
import { leafCommands } from "./cli-world.ts";

/** createCliWorld checks what each unit test's command prints; test/e2e/command-line-json.test.ts every command's real output. */
test("every command has a documented shape of its JSON, and no shape is of a command that is gone", async () => {
  assert.deepEqual([...documentedCommands].sort(), (await leafCommands()).sort());
});

test("a member that is not documented, one that is missing, and one of another type are errors", () => {
  const answer = { active: "0123456789ABCDEF0123456789ABCDEF01234567" };
  assert.deepEqual(shapeErrors("publisher activate", answer), []);
  assert.match(shapeErrors("publisher activate", { ...answer, more: 1 }).join(), /additional/);
  assert.match(shapeErrors("publisher activate", {}).join(), /required/);
  assert.match(shapeErrors("publisher activate", { active: 1 }).join(), /string/);
  assert.match(shapeErrors("publisher forget", answer).join(), /no shape/);
});
