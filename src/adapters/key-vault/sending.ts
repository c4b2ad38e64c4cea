import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe } from "node:diagnostics_channel";
import type { ClientRequest } from "node:http";
import type { TLSSocket } from "node:tls";

/**
 * Whether a request got a connection. A request without one was not sent, so the vault has not signed. The error alone
 * does not show this: a time-out in the TLS handshake looks like one of a request that was sent. Source: Node.js,
 * "Diagnostics Channel", `http.client.request.created`.
 */
export interface Sending {
  /** For the last request to the host; undefined if no request was observed. */
  wasSent?: boolean;
}

interface Observed extends Sending {
  host: string;
}

const observed = new AsyncLocalStorage<Observed>();

subscribe("http.client.request.created", (message) => {
  const sending = observed.getStore();
  const { request } = message as { request: ClientRequest };
  if (sending && request.host === sending.host) observe(request, sending);
});

function observe(request: ClientRequest, sending: Observed): void {
  sending.wasSent = false;
  request.once("socket", (socket: TLSSocket & { secureConnecting?: boolean }) => {
    const sent = () => {
      sending.wasSent = true;
    };
    if (socket.connecting || socket.secureConnecting) socket.once("secureConnect", sent);
    else sent();
  });
}

/** Makes the call; `sending` is updated while it runs. `host` has no port. */
export function observeSending<T>(host: string, call: (sending: Sending) => Promise<T>): Promise<T> {
  const sending: Observed = { host };
  return observed.run(sending, () => call(sending));
}
