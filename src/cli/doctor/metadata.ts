import { verifyFederationMetadata, verifyIdpDocument } from "../../adapters/xml/on-first-use.ts";
import type { KeyholdEvent } from "../../domain/events.ts";
import type { LastKnownGood } from "../../domain/metadata/last-known-good.ts";
import { isPublishable } from "../../domain/metadata/publish-idp.ts";
import { refreshSource } from "../../domain/metadata/refresh-source.ts";
import { verifiesIdp } from "../../domain/metadata/stored-idp.ts";
import { type MetadataSource, sourceName } from "../../domain/shared/metadata-source.ts";
import { readStored, staleAfterMs, stateOfSource } from "../metadata/state.ts";
import { duration, isoTime } from "../printable.ts";
import { hasSignedBefore } from "./audit.ts";
import { type Check, green, grey, red } from "./check.ts";
import type { DoctorPorts } from "./ports.ts";

/**
 * One check per source: how old the stored metadata is, and whether the app would accept Entra's current documents. If
 * the policy has a publisher, one more check per publishable source: whether it is published.
 */
export function metadataChecks(ports: DoctorPorts): Check[] {
  const home = { tenant: ports.config.homeTenantId };
  const sources = new Map<string, MetadataSource>([[sourceName(home), home], ...(ports.policy?.metadata ?? [])]);
  const published = ports.policy?.publisher ? [...sources].filter(([name]) => isPublishable(name)) : [];
  return [
    ...[...sources].map(([name, source]) => ({
      id: `metadata/${name}`,
      title: `metadata of ${name} is fresh, and what Entra publishes now is accepted`,
      run: () => checkSource(name, source, ports),
    })),
    ...published.map(([name, source]) => ({
      id: `idp/${name}`,
      title: `idp.xml of ${name} is published, and lists the keys that are verified`,
      run: () => checkPublication(source, ports),
    })),
  ];
}

async function checkPublication(source: MetadataSource, ports: DoctorPorts) {
  const nowMs = ports.clock();
  const { cloud } = ports.config;
  const { known } = await readStored(ports.metadataStore, source, cloud);
  const { idp, federation } = known ?? {};
  const remedy =
    "look for the event metadata_not_republished, check that the timer checkMetadata runs, then run keyhold metadata refresh";
  const without = "relying parties get 503 instead of idp.xml";
  if (!idp) {
    const isNew = !(await hasSignedBefore(ports.ledger, nowMs - staleAfterMs));
    if (isNew) return grey("not published yet, which takes a minute in a new deployment");
    return red("it was never published", without, remedy);
  }
  if (idp.validUntilMs <= nowMs) return red(`it was valid until ${isoTime(idp.validUntilMs)}`, without, remedy);
  if (idp.madeFromSha256 !== federation?.sha256) {
    return red("it was made from older metadata", "relying parties do not get the keys that are verified now", remedy);
  }
  const publisherDers = ports.policy?.publisher?.certificates.map(({ der }) => der) ?? [];
  if (!(await verifiesIdp({ idp, federation }, source, publisherDers, { cloud, verifyIdpDocument })))
    return red("what is stored is not one of the publisher's", without, refusedRecord);
  return green(`valid until ${isoTime(idp.validUntilMs)}`);
}

const refusedRecord = "docs/operate/runbook.md#metadata-record-refused";
const why = "after Entra's next key rollover callers and users of relying parties are refused";

async function checkSource(name: string, source: MetadataSource, ports: DoctorPorts) {
  const nowMs = ports.clock();
  const { known, refused } = await readStored(ports.metadataStore, source, ports.config.cloud);
  if (refused !== undefined) return red(`what is stored is refused: ${refused}`, why, refusedRecord);
  const { verifiedAtMs, isStale } = stateOfSource(name, known, nowMs);
  const held = await heldOrRefused(name, source, known, ports, nowMs);
  if (verifiedAtMs === undefined) {
    const isNew = held === undefined && !(await hasSignedBefore(ports.ledger, nowMs - staleAfterMs));
    if (isNew) return grey("nothing is stored yet; what Entra publishes now is accepted, and stored within the hour");
    const reason = held === undefined ? "nothing was ever accepted" : `nothing was ever accepted; ${held}`;
    return red(reason, why, "look for the event metadata_refused, and check that the timer refreshMetadata runs");
  }
  const age = duration(nowMs - verifiedAtMs);
  if (held)
    return red(`${held}; the stored document was verified ${age} ago`, why, "docs/explain/metadata.md says what to do");
  if (!isStale) return green(`verified ${age} ago, and what Entra publishes now is accepted`);
  return red(
    `stale: verified ${age} ago, more than ${duration(staleAfterMs)}`,
    why,
    "check that the timer refreshMetadata runs, and look for the event metadata_store_unavailable",
  );
}

/**
 * Fetches the metadata by the app's own rules, and stores nothing. Undefined: everything is accepted, or there was no
 * answer.
 */
async function heldOrRefused(
  name: string,
  source: MetadataSource,
  known: LastKnownGood | undefined,
  ports: DoctorPorts,
  nowMs: number,
): Promise<string | undefined> {
  const events: KeyholdEvent[] = [];
  const onDiscontinuity = ports.policy?.metadata.get(name)?.onDiscontinuity ?? "accept-and-alarm";
  const { cloud } = ports.config;
  const record = (event: KeyholdEvent) => void events.push(event);
  const refreshPorts = { cloud, transport: ports.entra(), verifyFederationMetadata, record };
  await refreshSource(source, known, { firstUses: new Map(), onDiscontinuity, nowMs }, refreshPorts);
  for (const event of events) {
    if (event.event === "metadata_discontinuous")
      return `no known key vouches for the ${event.document}: ${event.action}`;
    if (event.event !== "metadata_refused") continue;
    const { reason } = event.refusal;
    if (reason !== "not_reachable" && reason !== "timed_out") return `the ${event.document} is refused: ${reason}`;
  }
  return undefined;
}
