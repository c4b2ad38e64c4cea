/**
 * Requests at a fixed rate, each with a token of a key that nobody knows, from a process of its own:
 * `node flood.ts <token URL> <requests a second> <seconds> <form>`. Prints how many answers had which status.
 */
import { randomBytes } from "node:crypto";
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const [url = "", perSecond = "", seconds = "", form = ""] = process.argv.slice(2);
const total = Number(perSecond) * Number(seconds);
const agent = new Agent({ keepAlive: true, maxSockets: 256 });
const statuses: Record<string, number> = {};

/** As long as one of Entra's, with its algorithm: what looks wrong at first sight costs less. */
function madeUpToken(): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const header = { typ: "JWT", alg: "RS256", kid: randomBytes(20).toString("base64url") };
  const claims = { iss: "https://example.invalid", filler: randomBytes(400).toString("base64url") };
  return `${encode(header)}.${encode(claims)}.${randomBytes(256).toString("base64url")}`;
}

function ask(): Promise<void> {
  return new Promise((resolve) => {
    const count = (name: string) => {
      statuses[name] = (statuses[name] ?? 0) + 1;
      resolve();
    };
    const headers = { authorization: `Bearer ${madeUpToken()}`, "content-type": "application/x-www-form-urlencoded" };
    const asked = request(url, { method: "POST", agent, headers }, (response) => {
      response.resume().once("end", () => count(`${response.statusCode}`));
    });
    asked.once("error", () => count("no answer"));
    asked.end(form);
  });
}

const startedMs = performance.now();
const asked: Promise<void>[] = [];
while (asked.length < total) {
  const due = Math.min(total, Math.ceil(((performance.now() - startedMs) / 1_000) * Number(perSecond)));
  while (asked.length < due) asked.push(ask());
  await sleep(5);
}
await Promise.all(asked);
agent.destroy();
console.log(JSON.stringify(statuses));
