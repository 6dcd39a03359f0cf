// The flow of .ci/clients-check with @hey-api/openapi-ts.
import { client } from "./hey/client.gen.js";
import { cancelImageJob, generateImages, getImageStatus, listImageJobs } from "./hey/index.js";
import { same } from "./same.js";

const [baseUrl, key, userId] = process.argv.slice(2) as [string, string, string];
client.setConfig({ baseUrl, auth: (scheme) => (scheme.type === "apiKey" ? key : undefined) });

const made = await generateImages({ body: { userId, prompt: "a kite", size: null, metadata: { order: 1 } } });
if (!made.data) throw new Error(`generate: ${made.error.error.message}`);
const { jobId } = made.data;

let status = "queued";
while (status !== "completed") {
  const state = await getImageStatus({ path: { jobId }, headers: { Prefer: "wait=20" } });
  if (!state.data) throw new Error("wait");
  if (state.data.error) throw new Error(state.data.error.message);
  status = state.data.status;
}

const missing = await getImageStatus({ path: { jobId: userId } });
same([missing.response?.status, missing.error?.error.code], [404, "JOB_NOT_FOUND"]);

const slow = await generateImages({ body: { userId, prompt: "[[slow:60]] a kite" } });
const cancelled = await cancelImageJob({ path: { jobId: slow.data?.jobId ?? "" } });
same(cancelled.response?.status, 204);

const list = () => listImageJobs({ query: { userId, limit: 10 } });
const page = await list();
same(page.data?.jobs.map((job) => job.status), ["cancelled", "completed"]);

let refused = await list();
for (let left = 10; refused.data && left > 0; left -= 1) refused = await list();
same([refused.response?.status, refused.error?.error.code], [429, "RATE_LIMITED"]);
same(Number(refused.response?.headers.get("Retry-After")) > 0, true);
