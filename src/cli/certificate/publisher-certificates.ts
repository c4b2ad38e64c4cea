import { X509Certificate } from "node:crypto";
import type { PublisherCertificate, PublisherRule } from "../../domain/policy/access-policy.ts";
import { CommandProblem, exitCodes, type Report } from "../command-problem.ts";
import { isoTime } from "../printable.ts";

/**
 * The certificate to activate: the one whose SHA-1 starts with these digits, or the only staged one.
 * @throws CommandProblem if none or several match
 */
export function requireCertificate(
  publisher: PublisherRule | undefined,
  prefix: string | undefined,
): PublisherCertificate {
  const others = publisher?.certificates.filter(({ state }) => state !== "active") ?? [];
  const matching =
    prefix === undefined
      ? others.filter(({ state }) => state === "staged")
      : others.filter(({ thumbprint }) => thumbprint.startsWith(prefix.replaceAll(":", "").toUpperCase()));
  const [chosen] = matching;
  if (chosen && matching.length === 1) return chosen;
  const listed = others.map(({ thumbprint, state }) => `${thumbprint} (${state})`).join(", ") || "none";
  throw new CommandProblem("wrong", chosen ? "Several certificates match" : "There is no such certificate", {
    where: prefix === undefined ? "the policy, publisher" : "--certificate",
    remedy: `those that do not sign: ${listed}; keyhold publisher add-certificate --policy adds one`,
  });
}

/**
 * Rejects an invalid certificate, because Mellon and the updater reject documents signed with it.
 * @throws CommandProblem if it is not valid now
 */
export function assertValid({ notBeforeMs, notAfterMs, thumbprint }: PublisherCertificate, nowMs: number): void {
  if (notBeforeMs <= nowMs && nowMs < notAfterMs) return;
  throw new CommandProblem(
    "wrong",
    "The certificate is not valid now: relying parties would reject documents that it signs",
    {
      where: thumbprint,
      remedy: `it is valid from ${isoTime(notBeforeMs)} to ${isoTime(notAfterMs)}: make another with add-certificate`,
    },
  );
}

/** What `activate` did, and what is left to do. */
export function activatedReport({ thumbprint }: PublisherCertificate): Report {
  return {
    exit: exitCodes.fine,
    text: [
      `${thumbprint} signs idp.xml within two minutes; the previous one retires.`,
      "",
      "Next:",
      "- check a login at one relying party of each product;",
      "- after 7 days no document signed by the previous certificate is valid: relying parties may remove it, and you may",
      "  delete its entry from the policy.",
    ].join("\n"),
    json: { active: thumbprint },
  };
}

/**
 * The PEM of each certificate, with a comment before it that PEM readers skip. `state`: only certificates in this
 * state.
 */
export function certificatesReport(publisher: PublisherRule | undefined, state: string | undefined): Report {
  const certificates = publisher?.certificates.filter((each) => state === undefined || each.state === state) ?? [];
  if (certificates.length === 0) {
    throw new CommandProblem("wrong", "The policy has no such certificate", {
      where: state === undefined ? "the policy, publisher" : "--state",
      remedy: "keyhold publisher add-certificate --policy adds one",
    });
  }
  const shown = certificates.map((each) => {
    const certificate = new X509Certificate(Buffer.from(each.der, "base64"));
    const sha256 = certificate.fingerprint256.replaceAll(":", "");
    const facts = { state: each.state, thumbprint: each.thumbprint, sha256, notAfter: isoTime(each.notAfterMs) };
    return { ...facts, certificate: certificate.toString() };
  });
  return {
    exit: exitCodes.fine,
    text: shown
      .map(
        ({ certificate, ...facts }) =>
          `# ${facts.state}, until ${facts.notAfter}, SHA-256 ${facts.sha256}\n${certificate.trimEnd()}`,
      )
      .join("\n"),
    json: shown,
  };
}
