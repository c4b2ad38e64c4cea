import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { openCertificateAuthority } from "../local/emulators/shared/certificate-authority.ts";
import { createEmulator } from "../local/emulators/shared/emulator-server.ts";
import { settleMs, windowMs } from "../src/domain/audit/sign-rate.ts";
import type { Cost } from "./audit-throughput/audited.ts";
import { createRecords } from "./audit-throughput/records.ts";
import { type Measurement, runPart } from "./measure/part.ts";

/** What the audit of one window costs at a rate of signatures: `node bench/audit-throughput.ts`. */
/** What V8 may use for what lives on: little more than the rows of both records. Without a limit V8 collects less often. */
const heapMb = 128;
const logHost = "api.loganalytics.io";
const windowFromMs = Date.UTC(2027, 0, 1, 12);
const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));

await runPart("audit-throughput", async ({ quick }): Promise<Measurement> => {
  const rates = quick ? [5] : [50, 400];
  const costs: (Cost & { perSecond: number })[] = [];
  for (const perSecond of rates) costs.push({ perSecond, ...(await measure(perSecond)) });
  const last = costs.at(-1);
  const expected = (last?.perSecond ?? 0) * (windowMs / 1_000);
  return {
    title: "The audit of a window of signatures",
    about:
      "One run over one window of five minutes, with both records of the ten minutes around it, over TLS from a server " +
      "that sends them as Log Analytics and Azure Tables do. Measured is the process of the audit with the product's " +
      `readers, with a heap of ${heapMb} MB for objects that live on: processor time of the run, and the most memory that the ` +
      "process ever had (resident), beside what it had before: Node.js and the packages as sources. V8's space for new " +
      "objects is within it. With a larger heap V8 collects later: with 192 MB the process takes 70 MB more, and a fifth " +
      "less processor time. Before windows were read by themselves, a run of the audit read all windows of two hours again: at 50 signatures a second that was 45 s of processor time and " +
      "1 GB in each run.",
    targets: [
      {
        what: "one window of 120,000 signatures, processor time",
        target: "< 20 s",
        measured: `${last?.cpuSeconds.toFixed(1)} s`,
        met: (last?.cpuSeconds ?? Number.NaN) < 20,
      },
      {
        what: "the same, memory at most above what the process has before",
        target: "< 256 MB",
        measured: `${last && (last.peakMb - last.startMb).toFixed(0)} MB`,
        met: (last && last.peakMb - last.startMb < 256) ?? false,
      },
      {
        what: "signatures counted, findings",
        target: `${expected}, 0`,
        measured: `${last?.signatures}, ${last?.findings}`,
        met: last?.signatures === expected && last.findings === 0,
      },
    ],
    tables: [
      {
        head: [
          "signatures a second",
          "in the window",
          "windows in the run",
          "processor time",
          "memory before",
          "at most",
        ],
        rows: costs.map(({ perSecond, signatures, windows, cpuSeconds, startMb, peakMb }) => [
          ...[`${perSecond}`, `${signatures}`, `${windows}`, `${cpuSeconds.toFixed(1)} s`],
          ...[`${startMb.toFixed(0)} MB`, `${peakMb.toFixed(0)} MB`],
        ]),
      },
    ],
    samples: { costs },
  };
});

async function measure(perSecond: number): Promise<Cost> {
  const folder = await mkdtemp(join(tmpdir(), "audit-throughput-"));
  const authority = await openCertificateAuthority(folder);
  const nowMs = windowFromMs + windowMs + settleMs;
  const records = createRecords(perSecond, windowFromMs - windowMs, windowFromMs + 2 * windowMs, nowMs);
  const tls = await authority.issue(["localhost", logHost]);
  const server = await createEmulator({ port: 0, tls, handler: async (request) => records.answer(request) });
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        `--max-old-space-size=${heapMb}`,
        "--import",
        file("../local/stack/network/redirect.ts"),
        file("audit-throughput/audited.ts"),
      ],
      {
        env: {
          PATH: process.env.PATH,
          NODE_EXTRA_CA_CERTS: authority.certificateFile,
          LOCAL_ROUTES: JSON.stringify({ [logHost]: server.port }),
          LEDGER_URL: `https://localhost:${server.port}/ledger`,
          NOW_MS: `${nowMs}`,
          WATERMARK_MS: `${windowFromMs}`,
          ROWS_BEFORE: `${perSecond * (windowMs / 1_000)}`,
        },
      },
    );
    return JSON.parse(stdout) as Cost;
  } finally {
    await server.stop();
    await rm(folder, { recursive: true });
  }
}
