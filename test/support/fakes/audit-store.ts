import type { Finding } from "../../../src/domain/audit/findings.ts";
import type { AuditStore } from "../../../src/domain/audit/ports.ts";
import type { JudgedWindow } from "../../../src/domain/audit/sign-rate.ts";
import type { AuditState, WindowLook } from "../../../src/domain/audit/windows.ts";

/** The stored data, for assertions. */
export interface StoredAudit {
  state?: { state: AuditState; etag: string };
  looks: Map<number, WindowLook>;
  revisits: Map<number, string>;
  /** By window and id. */
  findings: Map<number, Map<string, { finding: Finding; isResolved: boolean; isNoted?: boolean }>>;
  rates: Map<string, Map<number, JudgedWindow>>;
}

/**
 * The audit's table in memory. `step` is called before every write, and may throw to simulate that the process ends
 * there.
 */
export function createAuditStore(
  step: (write: keyof AuditStore) => void = () => {},
): AuditStore & { stored: StoredAudit } {
  const stored: StoredAudit = { looks: new Map(), revisits: new Map(), findings: new Map(), rates: new Map() };
  let version = 0;
  return {
    stored,
    loadState: async () => stored.state,
    async saveState(state, etag) {
      step("saveState");
      if (stored.state?.etag !== etag) return "conflict";
      stored.state = { state: structuredClone(state), etag: `${++version}` };
      return { etag: stored.state.etag };
    },
    looks: async (fromMs, toMs) =>
      new Map([...stored.looks].filter(([startMs]) => startMs >= fromMs && startMs < toMs)),
    async putLook(look) {
      step("putLook");
      stored.looks.set(look.fromMs, structuredClone(look));
    },
    async revisits(limit) {
      const inOrder = [...stored.revisits].sort(([a], [b]) => a - b);
      return inOrder.slice(0, limit).map(([fromMs, etag]) => ({ fromMs, etag }));
    },
    async addRevisits(startsMs) {
      if (startsMs.length > 0) step("addRevisits");
      for (const fromMs of startsMs) stored.revisits.set(fromMs, `${++version}`);
    },
    async removeRevisit({ fromMs, etag }) {
      step("removeRevisit");
      if (stored.revisits.get(fromMs) === etag) stored.revisits.delete(fromMs);
    },
    async findingsOf(windowFromMs) {
      const ofWindow = [...(stored.findings.get(windowFromMs)?.values() ?? [])];
      return ofWindow.filter(({ isResolved }) => !isResolved).map(({ finding }) => finding);
    },
    async openFindings(fromMs) {
      return [...stored.findings].flatMap(([windowFromMs, ofWindow]) =>
        [...ofWindow.values()].flatMap(({ finding, isResolved, isNoted }) =>
          isResolved || windowFromMs < fromMs ? [] : [{ windowFromMs, finding, isNoted: isNoted === true }],
        ),
      );
    },
    async markNoted(findings) {
      step("markNoted");
      for (const { windowFromMs, finding } of findings) {
        const entry = stored.findings.get(windowFromMs)?.get(finding.id);
        if (entry) entry.isNoted = true;
      }
    },
    async putFindings(windowFromMs, findings, resolved) {
      step("putFindings");
      const ofWindow = stored.findings.get(windowFromMs) ?? new Map();
      stored.findings.set(windowFromMs, ofWindow);
      for (const finding of findings) ofWindow.set(finding.id, { finding, isResolved: false });
      for (const finding of resolved) ofWindow.set(finding.id, { finding, isResolved: true });
    },
    async windowsSince(fromMs) {
      const since = (windows: Map<number, JudgedWindow>) =>
        new Map([...windows].filter(([startMs]) => startMs >= fromMs));
      return new Map([...stored.rates].map(([keyName, windows]) => [keyName, since(windows)]));
    },
    async putWindow(keyName, window) {
      step("putWindow");
      stored.rates.set(keyName, (stored.rates.get(keyName) ?? new Map()).set(window.startMs, window));
    },
  };
}
