import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const path = (file: string) => fileURLToPath(new URL(`../../${file}`, import.meta.url));
const { version } = JSON.parse(readFileSync(path("package.json"), "utf8")) as { version: string };
const changelog = readFileSync(path("CHANGELOG.md"), "utf8");
const notesOf = (wanted: string) =>
  execFileSync(path(".github/release-notes.sh"), [wanted], { encoding: "utf8", stdio: "pipe" });

test("the version of package.json has a dated section in the changelog, below what is unreleased", () => {
  const headings = [...changelog.matchAll(/^## (.*)$/gm)].map(([, heading = ""]) => heading);
  assert.equal(headings[0], "Unreleased");
  assert.match(headings[1] ?? "", new RegExp(`^${version.replaceAll(".", "\\.")} - \\d{4}-\\d{2}-\\d{2}$`));
  for (const heading of headings.slice(1)) assert.match(heading, /^\d+\.\d+\.\d+ - \d{4}-\d{2}-\d{2}$/);
});

test("every part of a section is named as Keep a Changelog names it", () => {
  for (const [, part] of changelog.matchAll(/^### (.*)$/gm))
    assert.match(part ?? "", /^(Added|Changed|Deprecated|Removed|Fixed|Security)$/);
});

test("the notes of a release are its section, and nothing of the next or the one before", () => {
  const [, section = ""] = changelog.split(/^## .*\n/m).slice(1);
  assert.equal(notesOf(version).trim(), section.trim());
  assert.match(section, /### Added/);
});

test("a version without a section has no notes, and the release fails", () => {
  for (const unknown of ["9.9.9", "0.1", ""])
    assert.throws(() => notesOf(unknown), /CHANGELOG\.md has no section/, unknown);
});
