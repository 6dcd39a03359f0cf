// The flow of .ci/clients-check with openapi-typescript and openapi-fetch.
import createClient from "openapi-fetch";
import { same } from "./same.js";
import type { paths } from "./schema.js";

const [baseUrl, key, userId] = process.argv.slice(2) as [string, string, string];
const client = createClient<paths>({ baseUrl, headers: { "X-API-Key": key } });

const made = await client.POST("/images/generate", {
  body: { userId, prompt: "a kite", size: null, style: null, metadata: { order: 1 } },
});
if (!made.data) throw new Error(`generate: ${made.error.error.message}`);
const { jobId } = made.data;

let status = "queued";
while (status !== "completed") {
  const state = await client.GET("/images/status/{jobId}", {
    params: { path: { jobId }, header: { Prefer: "wait=20" } },
  });
  if (!state.data) throw new Error("wait");
  if (state.data.error) throw new Error(state.data.error.message);
  status = state.data.status;
  if (state.data.result) same(state.data.result.images.length, 1);
}

const missing = await client.GET("/images/status/{jobId}", { params: { path: { jobId: userId } } });
same([missing.response.status, missing.error?.error.code], [404, "JOB_NOT_FOUND"]);

const slow = await client.POST("/images/generate", { body: { userId, prompt: "[[slow:60]] a kite" } });
const cancelled = await client.DELETE("/images/cancel/{jobId}", {
  params: { path: { jobId: slow.data?.jobId ?? "" } },
});
same(cancelled.response.status, 204);

const list = () => client.GET("/images/jobs", { params: { query: { userId, limit: 10 } } });
const page = await list();
same(page.data?.jobs.map((job) => job.status), ["cancelled", "completed"]);

let refused = await list();
for (let left = 10; refused.data && left > 0; left -= 1) refused = await list();
same([refused.response.status, refused.error?.error.code], [429, "RATE_LIMITED"]);
same(Number(refused.response.headers.get("Retry-After")) > 0, true);
