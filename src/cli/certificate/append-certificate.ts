import { isDeepStrictEqual } from "node:util";
import { compilePolicyText } from "../../adapters/policy/compile-text.ts";
import { withoutMark } from "../../adapters/policy/text.ts";
import type { CertificateDocument, PolicyDocument } from "../../domain/policy/document.ts";
import type { PolicyContext } from "../../domain/policy/problem.ts";
import { CommandProblem } from "../command-problem.ts";
import { writePolicy } from "../policy/change-entry.ts";
import { appendItem } from "../policy/json-text.ts";
import { describeProblems, type LoadedPolicy } from "../policy/load-policy.ts";
import type { PolicyPlace } from "../policy/policy-place.ts";
import { printable } from "../printable.ts";

/** A client of a policy that was read. */
export interface PolicyTarget {
  loaded: LoadedPolicy;
  index: number;
  place: PolicyPlace;
  context: PolicyContext;
}

/** Adds a certificate to a client of the policy, as its last. The new policy is compiled before it is written. */
export async function appendCertificate(
  { loaded, index, place, context }: PolicyTarget,
  certificate: CertificateDocument,
): Promise<void> {
  const text = appendItem(loaded.text, ["clients", index, "certificates"], certificate);
  const expected = JSON.parse(withoutMark(loaded.text)) as PolicyDocument;
  expected.clients[index]?.certificates?.push(certificate);
  if (!isDeepStrictEqual(JSON.parse(withoutMark(text)), expected))
    throw new TypeError("more than the certificate was added");
  const compiled = compilePolicyText(text, context);
  if ("problems" in compiled) {
    throw new CommandProblem("wrong", "The changed policy would not be valid: it was not changed", {
      where: printable(place.name),
      remedy: "fix what follows, and append the certificate by hand",
      details: describeProblems(compiled.problems),
    });
  }
  await writePolicy(place, text, loaded.etag);
}
