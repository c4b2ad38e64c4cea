/**
 * A man in the middle for tests: a TLS server on loopback with a certificate of the tester's choice. It passes requests
 * on to the emulated Entra and may replace the answers. Its certificate decides how it attacks the connection
 * (attacker-certificates.ts); it does not slow down or break off answers.
 */
import type { IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import type { TlsIdentity } from "../emulators/shared/certificate-authority.ts";
import {
  createEmulator,
  type Emulator,
  type EmulatorRequest,
  type EmulatorResponse,
} from "../emulators/shared/emulator-server.ts";

interface UpstreamAnswer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/** Undefined: the upstream answer is passed on unchanged. */
export type EvilAnswer = (
  request: EmulatorRequest,
  upstreamAnswer: UpstreamAnswer,
) => EmulatorResponse | undefined | Promise<EmulatorResponse | undefined>;

interface ManInTheMiddleOptions {
  port: number;
  tls: TlsIdentity;
  /** On loopback. `servername` is the host name against which its certificate is checked, `ca` is PEM. */
  upstream: { port: number; ca: string; servername: string };
  answer?: EvilAnswer;
  /**
   * The number of requests answered honestly before `answer` is called, as a patient attacker would do. Default: none.
   */
  passing?: number;
}

export interface ManInTheMiddle extends Emulator {
  /** Both can be changed while it runs. */
  answer: EvilAnswer | undefined;
  passing: number;
  /** The requests, and whether each answer was replaced. A refused TLS handshake is not recorded here. */
  readonly exchanges: readonly { method: string; path: string; replaced: boolean }[];
}

export async function startManInTheMiddle(options: ManInTheMiddleOptions): Promise<ManInTheMiddle> {
  const exchanges: { method: string; path: string; replaced: boolean }[] = [];
  const server = await createEmulator({ port: options.port, tls: options.tls, handler });
  const attacker: ManInTheMiddle = {
    get port() {
      return server.port;
    },
    start: () => server.start(),
    stop: () => server.stop(),
    answer: options.answer,
    passing: options.passing ?? 0,
    exchanges,
  };
  return attacker;

  async function handler(request: EmulatorRequest): Promise<EmulatorResponse> {
    const isPassing = attacker.passing > 0;
    if (isPassing) attacker.passing -= 1;
    const upstreamAnswer = await forward(request, options.upstream);
    const replacement = isPassing ? undefined : await attacker.answer?.(request, upstreamAnswer);
    const path = `${request.url.pathname}${request.url.search}`;
    exchanges.push({ method: request.method, path, replaced: replacement !== undefined });
    return replacement ?? { ...upstreamAnswer };
  }
}

function forward(
  { method, url, headers, body }: EmulatorRequest,
  upstream: ManInTheMiddleOptions["upstream"],
): Promise<UpstreamAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<UpstreamAnswer>();
  const request = httpsRequest({
    ...upstream,
    host: "127.0.0.1",
    rejectUnauthorized: true,
    agent: false,
    method,
    path: `${url.pathname}${url.search}`,
    headers: endToEnd(headers),
  });
  request.on("error", reject);
  request.on("response", (response) => {
    response
      .toArray()
      .then((chunks: Buffer[]) => {
        resolve({
          status: response.statusCode ?? 502,
          headers: endToEnd(response.headers),
          body: Buffer.concat(chunks),
        });
      })
      .catch(reject);
  });
  request.end(body);
  return promise;
}

/** Removes the headers that belong to one connection, and the length, which the server that sends the body sets. */
function endToEnd(headers: IncomingHttpHeaders): Record<string, string> {
  const {
    connection,
    "keep-alive": keepAlive,
    "transfer-encoding": encoding,
    "content-length": length,
    ...rest
  } = headers;
  return Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, String(value)]));
}
