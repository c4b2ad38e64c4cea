/**
 * A Graph whose answers the test chooses, for answers that the real one should never send. Every connection is
 * recorded.
 */
import type { TlsIdentity } from "../../../../local/emulators/shared/certificate-authority.ts";
import {
  createEmulator,
  type Emulator,
  type EmulatorResponse,
} from "../../../../local/emulators/shared/emulator-server.ts";

export const elsewhere = "attacker.example";

export interface ScriptedGraph extends Emulator {
  /** By path with its query, else by path alone. */
  answers: Record<string, EmulatorResponse>;
  /** Host and path of each request that came with a token. */
  asked: string[];
}

export async function startScriptedGraph(tls: TlsIdentity): Promise<ScriptedGraph> {
  const asked: string[] = [];
  const emulator = await createEmulator({
    ...{ port: 0, tls },
    handler({ url, headers }) {
      if (headers.authorization !== undefined) asked.push(`${url.hostname}${url.pathname}${url.search}`);
      const path = decodeURIComponent(url.pathname);
      return scripted.answers[`${path}${url.search}`] ?? scripted.answers[path] ?? { status: 404 };
    },
  });
  const scripted: ScriptedGraph = Object.assign(emulator, { answers: {}, asked });
  return scripted;
}
