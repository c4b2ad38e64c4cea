import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe } from "node:diagnostics_channel";
import type { ClientRequest } from "node:http";
import type { TLSSocket } from "node:tls";

/**
 * Whether a request got a connection. What never had one was not sent, so the vault has not signed, whatever the error
 * is: a time-out in the TLS handshake looks like one of a request that is on its way. Source: Node.js, "Diagnostics
 * Channel", `http.client.request.created`.
 */
export interface Sending {
  /** Of the last request to the host; undefined where none was seen, so that nothing is known. */
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

/** Makes the call; `sending` changes while it lasts. `host` is without a port. */
export function observeSending<T>(host: string, call: (sending: Sending) => Promise<T>): Promise<T> {
  const sending: Observed = { host };
  return observed.run(sending, () => call(sending));
}
