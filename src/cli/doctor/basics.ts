import { errorClass } from "../../adapters/azure/error.ts";
import { metadataUrls } from "../../domain/shared/metadata-source.ts";
import { duration } from "../printable.ts";
import { type Check, green, grey, needsAppIdentity, red } from "./check.ts";
import { kindOfAddress } from "./network.ts";
import type { DoctorPorts } from "./ports.ts";
import { vaultHostOf } from "./vault-rights.ts";

/** Checks the identities, the connections and the clock. */
export function basicChecks(ports: DoctorPorts): Check[] {
  const { config } = ports;
  const vaultHost = vaultHostOf(ports);
  const storageUrls = [config.ledgerTableUrl, config.auditTableUrl, config.metadataContainerUrl];
  const policyUrl = "blobUrl" in config.policy ? [config.policy.blobUrl] : [];
  const storageHosts = new Set([...storageUrls, ...policyUrl].map((url) => new URL(url).hostname));
  return [
    ...(["signing", "storage", "monitoring"] as const).map((name) => identityCheck(name, ports)),
    ...(vaultHost === undefined ? [] : [hostCheck("vault", vaultHost, ports)]),
    entraCheck(ports),
    ...[...storageHosts].map((host) => hostCheck("storage", host, ports)),
    hostCheck("logs", config.cloud.logsHost, ports),
    clockCheck("Entra", config.cloud.authorityHost, ports),
    ...(vaultHost === undefined ? [] : [clockCheck("the vault", vaultHost, ports)]),
  ];
}

function identityCheck(name: "signing" | "storage" | "monitoring", { requestTokenOf }: DoctorPorts): Check {
  return {
    id: `identity/${name}`,
    title: `the ${name} identity gets tokens`,
    async run(signal) {
      const request = requestTokenOf[name];
      if (!request) return grey(needsAppIdentity);
      try {
        await request(signal);
        return green("the platform's endpoint gave one");
      } catch (error) {
        return red(
          `the platform's endpoint gave none (${errorClass(error)})`,
          "without it Keyhold cannot do what this identity is needed for",
          `assign the identity that KEYHOLD_${name.toUpperCase()}_IDENTITY_CLIENT_ID names to the app`,
        );
      }
    },
  };
}

function hostCheck(name: string, host: string, { network }: DoctorPorts): Check {
  return {
    id: `network/${name}/${host}`,
    title: `${host} is reached over TLS`,
    async run(signal) {
      try {
        const { address } = await network.reach(host, signal);
        return green(`connected to ${address} (${kindOfAddress(address)}), its certificate is trusted`);
      } catch (error) {
        return red(
          `no trusted connection (${errorClass(error)})`,
          "Keyhold cannot work without it",
          "check DNS, private endpoint, firewall and any proxy that intercepts TLS, from the app's network",
        );
      }
    },
  };
}

function entraCheck({ config, entra }: DoctorPorts): Check {
  return {
    id: `network/entra/${config.cloud.authorityHost}`,
    title: `${config.cloud.authorityHost} is reached under the pinned roots`,
    async run() {
      const result = await entra().get(metadataUrls(config.cloud, { tenant: config.homeTenantId }).discovery);
      if (result.ok) {
        const root = result.value.chain.at(-1)?.subject.replace(/^.*CN=/, "") ?? "a pinned root";
        return green(`its chain ends in ${root}`);
      }
      return red(
        `refused: ${result.refusal.reason}`,
        "metadata is not renewed, and an attacker may intercept connections to Entra",
        "exclude this host from TLS interception by proxies; docs/explain/metadata.md says what is pinned",
      );
    },
  };
}

const maxSkewMs = 60_000;

function clockCheck(name: string, host: string, { network, clock }: DoctorPorts): Check {
  return {
    id: `clock/${name.replace("the ", "").toLowerCase()}`,
    title: `the clock agrees with that of ${name}`,
    async run(signal) {
      const { dateMs } = await network.reach(host, signal);
      if (dateMs === undefined) return grey("the answer has no Date");
      const skewMs = clock() - dateMs;
      const difference = `${duration(skewMs)} ${skewMs >= 0 ? "ahead of" : "behind"} ${name}`;
      if (Math.abs(skewMs) <= maxSkewMs) return green(`this machine is ${difference}`);
      return red(
        `this machine is ${difference}`,
        "assertions are valid for two minutes, and callers' tokens have 60 s of leeway",
        "set the clock by NTP",
      );
    },
  };
}
