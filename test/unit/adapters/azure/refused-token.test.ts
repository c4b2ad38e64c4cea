/** What happens to a request whose token is refused. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Identity } from "../../../../src/adapters/azure/identity.ts";
import {
  fetchWithToken,
  hasOtherToken,
  refusedTokenPolicy,
  TokenRefused,
} from "../../../../src/adapters/azure/refused-token.ts";

/** Its token `old` is replaced by `new` once that was asked for; `new` by nothing. */
function identityWith(successor: string | undefined): Identity {
  let isReplaced = false;
  return {
    getToken: async () => ({ token: "old", expiresOnTimestamp: Date.now() + 3_600_000 }),
    newest: (token) => (token === "old" && isReplaced && successor ? successor : token),
    async replace(token) {
      if (token !== "old") return undefined;
      isReplaced = true;
      return successor;
    },
  };
}

/** The way of a request with this token through the policy; the service answers each time with the next status. */
async function sendThrough(policy: ReturnType<typeof refusedTokenPolicy>["policy"], token: string, statuses: number[]) {
  const sent: (string | undefined)[] = [];
  const headers = new Headers(token === "" ? {} : { authorization: `Bearer ${token}` });
  const request = {
    headers: {
      get: (name: string) => headers.get(name) ?? undefined,
      set: (name: string, value: string) => headers.set(name, value),
    },
  };
  const next = async ({ headers: { get } }: typeof request) => {
    sent.push(get("authorization"));
    return { status: statuses.shift() ?? 500, headers: { get: () => "request-1" } };
  };
  const outcome = await policy.sendRequest(request, next).then(
    ({ status }) => status,
    (error: unknown) => error,
  );
  return { sent, outcome };
}

describe("a request of an SDK client", () => {
  const cases: [what: string, statuses: number[], sent: string[], outcome: number][] = [
    ["that is refused goes out again with the other token", [401, 200], ["Bearer old", "Bearer new"], 200],
    ["that is refused twice goes out no third time", [401, 401, 200], ["Bearer old", "Bearer new"], 401],
    ["that is forbidden goes out once: a new token has no more rights", [403, 200], ["Bearer old"], 403],
    ["that is answered goes out once", [200], ["Bearer old"], 200],
  ];
  for (const [what, statuses, sent, outcome] of cases) {
    test(what, async () => {
      const { policy } = refusedTokenPolicy(identityWith("new"));
      assert.deepEqual(await sendThrough(policy, "old", statuses), { sent, outcome });
    });
  }

  test("is repeated with the other token once that is known, whatever the SDK has cached", async () => {
    const { policy } = refusedTokenPolicy(identityWith("new"));
    await sendThrough(policy, "old", [401, 200]);
    assert.deepEqual(await sendThrough(policy, "old", [200]), { sent: ["Bearer new"], outcome: 200 });
  });

  test("is sent once if the identity has no other token", async () => {
    const { policy } = refusedTokenPolicy(identityWith(undefined));
    assert.deepEqual(await sendThrough(policy, "old", [401, 200]), { sent: ["Bearer old"], outcome: 401 });
  });

  test("is sent once and unchanged without a token, and with a credential that is not a managed identity", async () => {
    const { policy } = refusedTokenPolicy(identityWith("new"));
    assert.deepEqual(await sendThrough(policy, "", [401, 200]), { sent: [undefined], outcome: 401 });
    const operator = { getToken: async () => null };
    assert.deepEqual(await sendThrough(refusedTokenPolicy(operator).policy, "old", [401, 200]), {
      ...{ sent: ["Bearer old"], outcome: 401 },
    });
  });

  test("that only its caller may repeat is sent once, and the error says whether to repeat it", async () => {
    for (const successor of ["new", undefined]) {
      const { policy } = refusedTokenPolicy(identityWith(successor), "fail");
      const { sent, outcome } = await sendThrough(policy, "old", [401, 200]);
      assert.deepEqual(sent, ["Bearer old"]);
      assert.ok(outcome instanceof TokenRefused);
      assert.deepEqual([outcome.isReplaced, outcome.requestId], [successor !== undefined, "request-1"]);
      assert.equal((await sendThrough(policy, "old", [200])).sent[0], `Bearer ${successor ?? "old"}`);
    }
  });
});

test("a request by fetch is repeated once after a 401, not after a 403, and not without another token", async () => {
  const cases: [successor: string | undefined, statuses: number[], sent: string[], status: number][] = [
    ["new", [401, 200], ["old", "new"], 200],
    ["new", [401, 401], ["old", "new"], 401],
    ["new", [403, 200], ["old"], 403],
    [undefined, [401, 200], ["old"], 401],
  ];
  for (const [successor, statuses, sent, status] of cases) {
    const tokens: string[] = [];
    const send = async (token: string) => {
      tokens.push(token);
      return new Response("body", { status: statuses.shift() ?? 500 });
    };
    assert.equal((await fetchWithToken(identityWith(successor), "old", send)).status, status);
    assert.deepEqual(tokens, sent);
  }
});

test("a repeated request by fetch releases the connection of the first one, even if its body fails", async () => {
  let cancelled = 0;
  const body = () =>
    new ReadableStream({
      cancel() {
        cancelled++;
        throw new Error("the connection is gone");
      },
    });
  const answers = [new Response(body(), { status: 401 }), new Response("body")];
  const { status } = await fetchWithToken(identityWith("new"), "old", async () => answers.shift() ?? assert.fail());
  assert.deepEqual([status, cancelled], [200, 1]);
  const empty = [new Response(null, { status: 401 }), new Response("body")];
  assert.equal(
    (await fetchWithToken(identityWith("new"), "old", async () => empty.shift() ?? assert.fail())).status,
    200,
  );
});

test("a request by fetch with a credential that is not a managed identity is sent once", async () => {
  let sent = 0;
  const send = async () => {
    sent++;
    return new Response("body", { status: 401 });
  };
  assert.equal((await fetchWithToken({ getToken: async () => null }, "old", send)).status, 401);
  assert.equal(sent, 1);
});

test("the policy runs again for each retry of an SDK client, so that each retry has the newest token", () => {
  assert.equal(refusedTokenPolicy(identityWith("new")).position, "perRetry");
  assert.notEqual(refusedTokenPolicy(identityWith("new")).policy.name, "");
});

test("a refused request whose service sent no request id has none in its error", async () => {
  const { policy } = refusedTokenPolicy(identityWith("new"), "fail");
  const request = { headers: { get: () => "Bearer old", set: () => {} } };
  const answer = { status: 401, headers: { get: () => undefined } };
  await assert.rejects(
    policy.sendRequest(request, async () => answer),
    { name: "TokenRefused", message: "token_refused", statusCode: 401, isReplaced: true, requestId: "" },
  );
});

describe("after an error of a client without that policy, its identity has another token", () => {
  const refused = (more: object = {}) => {
    const headers = { get: (name: string) => (name === "authorization" ? "bearer  old" : undefined) };
    return Object.assign(new Error("refused"), { statusCode: 401, request: { headers } }, more);
  };
  const headersOf = (authorization?: string) => ({ request: { headers: { get: () => authorization } } });
  const cases: [what: string, credential: Parameters<typeof hasOtherToken>[0], error: unknown, hasOther: boolean][] = [
    ["where it was 401 and there is one", identityWith("new"), refused(), true],
    ["not where there is none", identityWith(undefined), refused(), false],
    ["not where it was 403", identityWith("new"), refused({ statusCode: 403 }), false],
    ["not where it is no managed identity", { getToken: async () => null }, refused(), false],
    ["not where the request had no token", identityWith("new"), refused(headersOf()), false],
    [
      "not where the request had a token of another kind",
      identityWith("new"),
      refused(headersOf("SharedKey old")),
      false,
    ],
    ["not where the request had more than a token", identityWith("new"), refused(headersOf("Bearer old x")), false],
    [
      "not where the request had a token after something",
      identityWith("new"),
      refused(headersOf("x Bearer old")),
      false,
    ],
    ["not where there was no request", identityWith("new"), refused({ request: undefined }), false],
  ];
  for (const [what, credential, error, hasOther] of cases) {
    test(what, async () => assert.equal(await hasOtherToken(credential, error), hasOther));
  }
});
