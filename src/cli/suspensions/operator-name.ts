import { userInfo } from "node:os";
import type { TokenCredential } from "@azure/identity";
import { decodeJwt } from "jose";
import { storageAudience } from "../../domain/shared/cloud.ts";

/**
 * The name of the operator for an entry of the suspensions: from the operator's own token, or this machine's user if
 * the document is a file. The storage account's log shows reliably who wrote. Never rejects.
 */
export async function operatorNameOf(isFile: boolean, operator: TokenCredential): Promise<string> {
  try {
    if (isFile) return userInfo().username;
    const { upn, unique_name, preferred_username, appid, oid } = decodeJwt(
      (await operator.getToken(`${storageAudience}/.default`))?.token ?? "",
    );
    const name = [upn, preferred_username, unique_name, appid].find((claim) => typeof claim === "string");
    return `${name ?? "unnamed"}, object id ${oid}`.slice(0, 200);
  } catch {
    return "unknown";
  }
}

/** Object id of the operator (claim `oid`), from the token for this scope; undefined if it has none. */
export async function operatorObjectId(operator: TokenCredential, scope: string): Promise<string | undefined> {
  const { oid } = decodeJwt((await operator.getToken(scope))?.token ?? "");
  return typeof oid === "string" ? oid.toLowerCase() : undefined;
}
