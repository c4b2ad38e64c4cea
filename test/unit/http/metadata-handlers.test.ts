import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import functions, { type HttpHandler, type HttpRequest, type HttpResponseInit } from "@azure/functions";
import type { LastKnownGood } from "../../../src/domain/metadata/last-known-good.ts";
import { Fault } from "../../../src/domain/shared/fault.ts";
import {
  federationMetadataHandler,
  idpMetadataHandler,
  keysHandler,
  type MetadataHandlerOptions,
} from "../../../src/http/metadata-handlers.ts";
import { startMs } from "../../support/fakes/clock.ts";
import { invocationId, origin } from "../../support/fixtures/http.ts";
import { clientId as appId, contosoId, fabrikamId } from "../../support/fixtures/ids.ts";

const weekMs = 7 * 86_400_000;
const hash = (text: string) => text.repeat(64).slice(0, 64);

/** The documents of a source, each with a body that names it. */
function documentsOf(name: string): LastKnownGood {
  const document = (kind: string) => ({
    ...{ body: Buffer.from(`${kind} of ${name}`).toString("base64"), sha256: hash(kind.slice(0, 1)) },
    ...{ fetchedAtMs: startMs, verifiedAtMs: startMs, chain: [] },
  });
  return {
    version: 2,
    federation: { ...document("federation"), signedBy: "", keys: [], former: [] },
    jwks: { ...document("jwks"), keys: [] },
    idp: { ...document("idp"), madeFromSha256: "", publisherX5tS256: "", validUntilMs: startMs + weekMs },
    keys: [],
  };
}

/** Handlers over these sources; `onReading` is what a reading of the policy does. */
function createWorld(names: string[], onReading: () => void = () => undefined) {
  const kept = new Map(names.map((name) => [name, documentsOf(name)]));
  const world = { nowMs: startMs, readings: 0, kept, options: {} as MetadataHandlerOptions };
  world.options = {
    find(name) {
      const read = async () => kept.get(name);
      return kept.has(name) ? { view: read, readable: read } : undefined;
    },
    currentPolicy: {
      async at() {
        world.readings += 1;
        await turn();
        onReading();
        throw new Fault("policy_unavailable");
      },
    },
    clock: () => world.nowMs,
  };
  return world;
}

function request(tenantId: string, query = "", headers: Record<string, string> = {}) {
  return new functions.HttpRequest({
    ...{ method: "GET", url: `${origin}/${tenantId}/x${query}`, params: { tenantId }, headers },
    query: Object.fromEntries(new URLSearchParams(query)),
  });
}

/** As it goes over the wire, header names in lower case. */
async function answerOf(handler: HttpHandler, asked: HttpRequest) {
  const context = new functions.InvocationContext({ invocationId, functionName: "test" });
  const answer = new functions.HttpResponse((await handler(asked, context)) as HttpResponseInit);
  return { status: answer.status, headers: Object.fromEntries(answer.headers.entries()), text: await answer.text() };
}

const handlers = { keys: keysHandler, federation: federationMetadataHandler, idp: idpMetadataHandler };
const contentTypes = {
  keys: "application/json",
  federation: "application/samlmetadata+xml",
  idp: "application/samlmetadata+xml",
};

for (const [name, handlerOf] of Object.entries(handlers)) {
  describe(`${name}: the parameter appid`, () => {
    const world = createWorld([contosoId, `${contosoId}.${appId}`]);
    const handler = handlerOf(world.options);

    for (const spelling of ["appid", "appId", "AppId", "APPID"]) {
      test(`spelt ${spelling} names the application, never its tenant`, async () => {
        const { status, text } = await answerOf(handler, request(contosoId, `?${spelling}=${appId}`));
        assert.equal(status, 200);
        assert.match(text, new RegExp(`of ${contosoId}.${appId}$`));
        const other = await answerOf(handler, request(contosoId, `?${spelling}=${fabrikamId}`));
        assert.equal(other.status, 404, "an application that is not kept");
        assert.equal((await answerOf(handler, request(contosoId, `?${spelling}=`))).status, 404, "none at all");
      });
    }

    test("given twice, in any spelling, is not found", async () => {
      for (const query of [`?appid=${appId}&appId=${appId}`, `?appId=&appid=${appId}`]) {
        assert.equal((await answerOf(handler, request(contosoId, query))).status, 404);
      }
    });
  });

  test(`${name}: is answered with its media type, cacheable for five minutes, whatever else the query contains`, async () => {
    const handler = handlerOf(createWorld([contosoId]).options);
    for (const [tenant, query] of [
      [contosoId, ""],
      [contosoId.toUpperCase(), "?x=1"],
    ] as const) {
      const { status, headers } = await answerOf(handler, request(tenant, query));
      assert.deepEqual([status, headers["cache-control"]], [200, "public, max-age=300"]);
      assert.equal(headers["content-type"], contentTypes[name as keyof typeof contentTypes]);
    }
  });

  test(`${name}: an unknown source is 404, not to be stored, and for an invalid tenant the policy is not read`, async () => {
    const world = createWorld([contosoId]);
    for (const [tenant, readings] of [
      ["contoso.com", 0],
      [fabrikamId, 1],
    ] as const) {
      const { status, headers, text } = await answerOf(handlerOf(world.options), request(tenant));
      assert.deepEqual([status, headers["cache-control"], world.readings], [404, "no-store", readings]);
      assert.deepEqual(JSON.parse(text), {
        error: "not_found",
        error_description: "Keyhold: no metadata of this tenant and application is kept; the policy lists what is",
      });
    }
  });

  test(`${name}: a client that already has it is answered 304, with the same ETag and no body`, async () => {
    const handler = handlerOf(createWorld([contosoId]).options);
    const { headers } = await answerOf(handler, request(contosoId));
    const etag = headers.etag ?? "";
    assert.match(etag, /^"[a-z]{64}"$/);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const { status, headers, text } = await answerOf(handler, request(contosoId, "", { "if-none-match": known }));
      assert.deepEqual([status, headers.etag, text], [304, etag, ""]);
    }
    for (const other of ['"other"', etag.replace('"', '"W/')]) {
      assert.equal((await answerOf(handler, request(contosoId, "", { "if-none-match": other }))).status, 200);
    }
  });

  test(`${name}: a source that was added to the policy since is served, because the policy is read again`, async () => {
    const world = createWorld([contosoId], () => world.kept.set(fabrikamId, documentsOf(fabrikamId)));
    const { status } = await answerOf(handlerOf(world.options), request(fabrikamId));
    assert.deepEqual([status, world.readings], [200, 1]);
  });

  test(`${name}: a known source does not wait for the policy, which is read in parallel`, async () => {
    const world = createWorld([contosoId]);
    let asked = 0;
    world.options.currentPolicy.at = () => {
      asked += 1;
      return new Promise(() => {});
    };
    assert.equal((await answerOf(handlerOf(world.options), request(contosoId))).status, 200);
    assert.equal(asked, 1);
  });
}

describe("idp.xml", () => {
  for (const tenant of ["common", "organizations", "consumers", "Common"]) {
    test(`of ${tenant} does not exist, and the answer gives the reason`, async () => {
      const world = createWorld([tenant.toLowerCase()]);
      const { status, text } = await answerOf(idpMetadataHandler(world.options), request(tenant));
      assert.equal(status, 404);
      assert.match((JSON.parse(text) as { error_description: string }).error_description, /stand for many tenants/);
      assert.equal((await answerOf(keysHandler(world.options), request(tenant))).status, 200);
    });
  }

  test("of a publisher that was added to the policy since is served, because the policy is read again", async () => {
    const world = createWorld([contosoId], () => world.kept.set(contosoId, documentsOf(contosoId)));
    delete world.kept.get(contosoId)?.idp;
    const { status } = await answerOf(idpMetadataHandler(world.options), request(contosoId));
    assert.deepEqual([status, world.readings], [200, 1]);
  });

  test("that is no longer valid, or missing, is 503 without a body, to be requested again in a second", async () => {
    const world = createWorld([contosoId, fabrikamId]);
    delete world.kept.get(fabrikamId)?.idp;
    world.nowMs += weekMs;
    for (const tenant of [contosoId, fabrikamId]) {
      const { status, headers, text } = await answerOf(idpMetadataHandler(world.options), request(tenant));
      assert.deepEqual([status, headers["retry-after"], text], [503, "1", ""]);
      assert.equal(headers["cache-control"], "no-store");
    }
  });
});
