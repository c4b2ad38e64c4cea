import { randomUUID } from "node:crypto";

/**
 * A request to the vault that changes nothing even if the right for it exists: for a name that does not exist, or with
 * a body that the vault must refuse. The vault checks the right first (403), so any other refusal means that the right
 * exists.
 */
export interface Try {
  id: string;
  /** After "the ... identity cannot". */
  title: string;
  method: string;
  /** `{name}` and `{version}` stand for each key of the policy; without them the request is made once. */
  path: string;
  body?: unknown;
  why: string;
}

export const vaultApiVersion = "api-version=7.4";
const nobodysKey = `keyhold-doctor-${randomUUID()}`;
const nobodysVersion = "0".repeat(32);
/** A digest of 31 bytes: PS256 needs 32 (RFC 7518 §3.5), so the vault must answer 400 and sign nothing. */
export const malformedSign = { alg: "PS256", value: Buffer.alloc(31).toString("base64url") };

const wide = "an identity that does more than sign turns one stolen token into more than one signature";
const extracts = "whoever has this identity could extract the private key from the vault";

const key = "keys/{name}/{version}";
const post = { method: "POST", body: {} };
const get = { method: "GET" };

export const forbiddenToSigner: readonly Try[] = [
  { id: "backup", title: "back up its keys", ...post, path: "keys/{name}/backup", why: extracts },
  { id: "release", title: "export or release its keys", ...post, path: `${key}/release`, why: extracts },
  { id: "secret", title: "read the secrets behind certificates", ...get, path: "secrets/{name}", why: extracts },
  { id: "read", title: "read its keys", ...get, path: key, why: wide },
  { id: "list", title: "list keys", ...get, path: "keys", why: wide },
  { id: "create", title: "create keys", ...post, path: `keys/${nobodysKey}/create`, why: wide },
  { id: "import", title: "import keys", method: "PUT", body: {}, path: `keys/${nobodysKey}`, why: wide },
  {
    id: "update",
    title: "change keys",
    method: "PATCH",
    body: {},
    path: `keys/${nobodysKey}/${nobodysVersion}`,
    why: wide,
  },
  { id: "delete", title: "delete keys", method: "DELETE", path: `keys/${nobodysKey}`, why: wide },
  {
    id: "sign-other",
    title: "sign with keys that the policy does not name",
    why: wide,
    method: "POST",
    body: malformedSign,
    path: `keys/${nobodysKey}/${nobodysVersion}/sign`,
  },
];

export const forbiddenToStorage: readonly Try[] = [
  { id: "sign", title: "sign", method: "POST", body: malformedSign, path: `${key}/sign`, why: wide },
  { id: "read", title: "read keys", ...get, path: key, why: wide },
  { id: "secret", title: "read secrets", ...get, path: "secrets/{name}", why: extracts },
];
