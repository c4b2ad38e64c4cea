/**
 * The state of the page in parts, and the connected readers. A part that changed is sent as a whole; other parts are
 * not sent.
 */
import type { ServerResponse } from "node:http";
import type { Snapshot } from "./snapshot.ts";

export interface Live {
  set<Name extends keyof Snapshot>(name: Name, value: Snapshot[Name]): void;
  get<Name extends keyof Snapshot>(name: Name): Snapshot[Name] | undefined;
  /** Sends server-sent events: first everything, then the changes, until the reader disconnects. */
  follow(response: ServerResponse): void;
  stop(): void;
}

const maxFollowers = 16;
/** A reader that is this far behind is disconnected. It reconnects and gets a new snapshot. */
const maxWaitingBytes = 1_048_576;
const heartbeatMs = 15_000;

/** The last line of defence: the parts consist of known members, none of which should ever contain one of these. */
const secrets = /eyJ[\w-]{6,}(?:\.[\w-]*)*|https:\/\/[^"\s]*vault[^"\s]*\/(?:keys|secrets|certificates)\/[^"\s]*/g;

export function createLive(): Live {
  const values = new Map<string, unknown>();
  const texts = new Map<string, string>();
  const followers = new Set<ServerResponse>();
  const send = (follower: ServerResponse, text: string) => {
    if (follower.writableLength > maxWaitingBytes) follower.destroy();
    else follower.write(text);
  };
  const heartbeat = setInterval(() => {
    for (const follower of followers) send(follower, ":\n\n");
  }, heartbeatMs).unref();

  return {
    set(name, value) {
      const text = JSON.stringify(value).replace(secrets, "[removed]");
      values.set(name, value);
      if (texts.get(name) === text) return;
      texts.set(name, text);
      for (const follower of followers) send(follower, message([[name, text]]));
    },
    get: (name) => values.get(name) as never,
    follow(response) {
      if (followers.size >= maxFollowers) {
        response.writeHead(503).end();
        return;
      }
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      response.write(`retry: 1000\n\n${message([...texts])}`);
      followers.add(response);
      response.once("close", () => followers.delete(response));
    },
    stop() {
      clearInterval(heartbeat);
      for (const follower of followers) follower.end();
    },
  };
}

function message(parts: [name: string, json: string][]): string {
  return `data: {${parts.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(",")}}\n\n`;
}
