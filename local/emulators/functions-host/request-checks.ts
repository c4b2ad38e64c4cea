/**
 * The requests that the web server of the real host refuses before any function sees them. Node's parser runs in its
 * lenient mode, because its strict mode refuses what the real host passes on (both lengths). So the checks are here.
 */
import type { IncomingMessage } from "node:http";
import type { Limits } from "./platform.ts";

const token = /^[!#$%&'*+.^_`|~\w-]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it finds; a tab is allowed.
const control = /[\x00-\x08\x0a-\x1f\x7f]/;
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The status of the refusal; undefined if the request is accepted. */
export function refusalOf(request: IncomingMessage, limits: Limits): 400 | 414 | 431 | 500 | undefined {
  const requestLine = `${request.method} ${request.url} HTTP/1.1\r\n`;
  if (requestLine.length > limits.maxRequestLineBytes) return 414;
  const raw = request.rawHeaders;
  if (raw.length / 2 > limits.maxHeaderCount) return 431;
  const hosts: string[] = [];
  let bytes = 0;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const [name, value] = [raw[index] as string, raw[index + 1] as string];
    bytes += `${name}: ${value}\r\n`.length;
    if (!token.test(name) || control.test(value) || !isUtf8(value)) return 400;
    if (name.toLowerCase() === "host") hosts.push(value);
  }
  if (bytes > limits.maxHeaderBytes) return 431;
  if (hosts.length > 1) return 400;
  // The real host itself fails if a request names no host.
  return hosts[0] ? undefined : 500;
}

/** Node passes each byte as one character. */
export function decodeUtf8(value: string): string {
  return /[\x80-\xff]/.test(value) ? Buffer.from(value, "latin1").toString("utf8") : value;
}

function isUtf8(value: string): boolean {
  if (!/[\x80-\xff]/.test(value)) return true;
  try {
    utf8.decode(Buffer.from(value, "latin1"));
    return true;
  } catch {
    return false;
  }
}
