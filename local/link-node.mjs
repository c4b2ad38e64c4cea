/**
 * Runs after `npm ci`. When npm 10 skips the packages of other platforms, which have a link of the same name, it also
 * removes the link to the Node.js of this project. It is JavaScript, so that any Node can run it.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const isThere = (...path) => existsSync(join(root, "node_modules", ...path));
const { optionalDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const installed = Object.keys(optionalDependencies).find((name) => isThere(name));

if (installed && !isThere(".bin", "node") && !isThere(".bin", "node.cmd")) {
  execFileSync("npm", ["rebuild", installed], { cwd: root, stdio: "inherit", shell: process.platform === "win32" });
}
