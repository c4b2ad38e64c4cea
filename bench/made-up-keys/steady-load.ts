/**
 * Sends POST requests at a fixed rate, evenly spread and independent of the answers, from a separate process: `node
 * steady-load.ts <SteadyLoad as JSON>`. Prints a SteadyResult as JSON.
 */
import { randomBytes } from "node:crypto";
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { summarise } from "../measure/statistics.ts";

export interface SteadyLoad {
  url: string;
  body: string;
  /** Undefined: each request has a token of an unknown key. */
  callerToken?: string;
  perSecond: number;
  /** Counted after the first second, which is excluded because the process and its connections are new. */
  seconds: number;
}

export interface SteadyResult {
  /** Milliseconds from the time at which a request was due. */
  p50: number;
  p99: number;
  /** Number of answers by status. */
  statuses: Record<string, number>;
}

const { url, body, callerToken, perSecond, seconds } = JSON.parse(process.argv[2] ?? "") as SteadyLoad;
const total = perSecond * (1 + seconds);
const startedMs = performance.now();
const agent = new Agent({ keepAlive: true, maxSockets: 256 });
const statuses: Record<string, number> = {};
const latencies: number[] = [];

/** As long as one of Entra's tokens and with the same algorithm: a token with an obvious fault is cheaper to refuse. */
function madeUpToken(): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const header = { typ: "JWT", alg: "RS256", kid: randomBytes(20).toString("base64url") };
  const claims = { iss: "https://example.invalid", filler: randomBytes(400).toString("base64url") };
  return `${encode(header)}.${encode(claims)}.${randomBytes(256).toString("base64url")}`;
}

function ask(dueMs: number): Promise<void> {
  return new Promise((resolve) => {
    const count = (name: string) => {
      if (dueMs - startedMs >= 1_000) latencies.push(performance.now() - dueMs);
      statuses[name] = (statuses[name] ?? 0) + 1;
      resolve();
    };
    const headers = {
      authorization: `Bearer ${callerToken ?? madeUpToken()}`,
      "content-type": "application/x-www-form-urlencoded",
      "content-length": Buffer.byteLength(body),
    };
    const asked = request(url, { method: "POST", agent, headers }, (response) => {
      response.resume().once("end", () => count(`${response.statusCode}`));
    });
    asked.once("error", () => count("no answer"));
    asked.end(body);
  });
}

const asked: Promise<void>[] = [];
while (asked.length < total) {
  const dueMs = () => startedMs + (asked.length * 1_000) / perSecond;
  while (asked.length < total && dueMs() <= performance.now()) asked.push(ask(dueMs()));
  await sleep(1);
}
await Promise.all(asked);
agent.destroy();
const { median: p50, p99 } = summarise(latencies);
console.log(JSON.stringify({ p50, p99, statuses } satisfies SteadyResult));
