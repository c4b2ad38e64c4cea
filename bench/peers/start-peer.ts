import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Stack } from "../../local/stack/stack.ts";
import type { Library } from "./libraries.ts";
import type { PeerOrder, PeerReport, PeerSetup } from "./process.ts";

export interface Peer {
  run(order: PeerOrder): Promise<PeerReport>;
  stop(): Promise<void>;
}

/** A separate process whose connections to production names go to the stack, with the identity that may sign. */
export function startPeer(stack: Stack, library: Library): Peer {
  const setup: PeerSetup = { library, key: stack.key };
  const { IDENTITY_ENDPOINT, IDENTITY_HEADER } = stack.settings(stack.ports.https);
  const child = fork(fileURLToPath(new URL("process.ts", import.meta.url)), [JSON.stringify(setup)], {
    execArgv: ["--import", fileURLToPath(new URL("../../local/stack/network/redirect.ts", import.meta.url))],
    env: {
      PATH: process.env.PATH,
      NODE_EXTRA_CA_CERTS: stack.authority.certificateFile,
      LOCAL_ROUTES: JSON.stringify(stack.routes),
      IDENTITY_ENDPOINT,
      IDENTITY_HEADER,
    },
  });
  const exited = once(child, "exit");
  const died = exited.then(([code]) => {
    throw new Error(`the process with ${library} ended with ${code}`);
  });
  died.catch(() => undefined);
  return {
    async run(order) {
      const answered = once(child, "message");
      child.send(order);
      const [report] = (await Promise.race([answered, died])) as [PeerReport];
      for (const [message, count] of Object.entries(report.failures)) {
        console.warn(`${library}: ${count} requests failed: ${message.slice(0, 300)}`);
      }
      return report;
    },
    async stop() {
      child.disconnect();
      await exited;
    },
  };
}
