// Asks the API for a picture, as the user of the token.

import { settings } from "./config.js";

const ENDED = ["completed", "failed", "cancelled"];
// Chromium stops a worker whose answer to a message takes longer than five minutes.
const PATIENCE = 4 * 60_000;

/** Sends the prompt to the chat, waits for the picture, and returns `{reply, url}`. */
export async function picture(prompt) {
  const { api, token, userId } = await settings();
  const call = async (path, headers = {}, body = undefined) => {
    const response = await fetch(`${api}${path}`, {
      method: body ? "POST" : "GET",
      cache: "no-store",
      headers: { Authorization: `Bearer ${token}`, ...headers },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(40_000),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error?.message ?? `the server answers with ${response.status}`);
    return { answer, waited: response.headers.has("Preference-Applied") };
  };

  const headers = { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() };
  const body = { userId, prompt, imageGeneration: { size: "512x512" } };
  const { chatResponse, imageGenerationJob: { jobId } } = (await call("/chat/new", headers, body)).answer;
  const end = Date.now() + PATIENCE;
  while (Date.now() < end) {
    const { answer: job, waited } = await call(`/images/status/${jobId}`, { Prefer: "wait=20" });
    if (job.status === "completed") return { reply: chatResponse.content, url: job.result.images[0].url };
    if (ENDED.includes(job.status)) throw new Error(job.error?.message ?? `the job is ${job.status}`);
    // Of many waits at a time, the server answers some at once.
    if (!waited) await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
  throw new Error(`job ${jobId} is still at work`);
}
