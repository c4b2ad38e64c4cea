/** The floor: what a function costs on this host that does nothing. */
import { app } from "@azure/functions";

const answerOfTokenSize = JSON.stringify({ token_type: "Bearer", expires_in: 3600, access_token: "x".repeat(1_200) });

app.get("hello", () => ({ body: "hello" }));

/** Reads and answers as many bytes as the token endpoint does, and does nothing with them. */
app.post("sameBytes", async (request) => {
  await request.text();
  const headers = { "cache-control": "no-store", "content-type": "application/json" };
  return { status: 200, headers, body: answerOfTokenSize };
});
