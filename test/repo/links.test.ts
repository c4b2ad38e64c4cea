import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

/** Every relative link of a page leads to a file or folder of the repository, and every anchor to a heading. */
const root = fileURLToPath(new URL("../..", import.meta.url));
const pages = globSync(["*.md", "{docs,local,clients,bench,infra,.github}/**/*.md"], { cwd: root }).sort();
const read = (page: string) => readFileSync(join(root, page), "utf8");

const withoutBlocks = (text: string) => text.replace(/^(```|~~~)[\s\S]*?^\1/gm, "");
const withoutCode = (text: string) => withoutBlocks(text).replace(/`[^`\n]*`/g, "");

/** Targets of links, images and reference definitions; a target in the web is not looked at. */
function targetsOf(text: string): string[] {
  const found = withoutCode(text).matchAll(/\]\(\s*<?([^)\s>]+)|^\[[^\]]+\]:\s*(\S+)|\b(?:href|src)="([^"]+)"/gm);
  const targets = [...found].map(([, link, definition, html]) => link ?? definition ?? html ?? "");
  return targets.filter((target) => !/^[a-z]+:/i.test(target));
}

/** The anchors of a page, as GitHub makes them of headings; the second of a name ends in -1. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of withoutBlocks(text).matchAll(/^#{1,6}\s+(.*?)\s*#*$/gm)) {
    const shown = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/[`*]/g, "");
    const slug = shown
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-");
    let anchor = slug;
    for (let number = 1; anchors.has(anchor); number++) anchor = `${slug}-${number}`;
    anchors.add(anchor);
  }
  for (const [, id = ""] of text.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id);
  return anchors;
}

function violations(page: string, text: string): string[] {
  return targetsOf(text).flatMap((target) => {
    const [path = "", anchor] = decodeURIComponent(target).split("#");
    const file = path === "" ? page : normalize(join(dirname(page), path));
    if (file.startsWith("..") || !existsSync(join(root, file))) return [`${page}: ${target} is not there`];
    if (anchor === undefined) return [];
    const isThere = file.endsWith(".md") && anchorsOf(file === page ? text : read(file)).has(anchor);
    return isThere ? [] : [`${page}: ${target} has no such heading`];
  });
}

test("every relative link and anchor of every page exists", () => {
  assert.ok(pages.length > 25, "the pages were found");
  assert.ok(pages.flatMap((page) => targetsOf(read(page))).length > 50, "the links were found");
  assert.deepEqual(
    pages.flatMap((page) => violations(page, read(page))),
    [],
  );
});

const faults: [what: string, text: string][] = [
  ["a link to a file that is not there", "[x](docs/none.md)"],
  ["an image that is not there", "![x](docs/images/none.png)"],
  ["a link out of the repository", "[x](../README.md)"],
  ["an anchor that no heading of the other page has", "[x](README.md#none)"],
  ["an anchor that no heading of its own page has", "# A\n\n[x](#b)"],
  ["an anchor in a file that has no headings", "[x](package.json#name)"],
  ["a reference definition that leads nowhere", "[x]\n\n[x]: docs/none.md"],
  ["an image in HTML that is not there", '<img src="docs/none.png">'],
  ["a link to a folder that is not there", "[x](docs/none)"],
];
for (const [what, text] of faults) {
  test(`${what} is noticed`, () => assert.equal(violations("SECURITY.md", text).length, 1));
}

const fine: [what: string, text: string][] = [
  ["a heading with code and punctuation", "# What `npm cit` does, and why?\n\n[x](#what-npm-cit-does-and-why)"],
  ["the second heading of a name", "# A\n\n# A\n\n[x](#a-1)"],
  ["a link in a block of code", "```md\n[x](none.md)\n```"],
  ["a page in the web", "[x](https://example.com/none)"],
  ["a folder", "[x](docs/adr)"],
];
for (const [what, text] of fine) {
  test(`${what} can be linked to`, () => assert.deepEqual(violations("SECURITY.md", text), []));
}

test("the README is short enough to read: 150 lines at most", () => {
  assert.ok(read("README.md").trimEnd().split("\n").length <= 150);
});
