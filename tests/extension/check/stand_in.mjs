// A small stand-in for the API, with what the extension and its check call. It keeps to the contract, and can do
// what the real API never does: sign a list that Chromium refuses, or sign with several keys.

import { createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { createServer } from "node:http";
import { deflateSync } from "node:zlib";

const PREFIX = "/api/v1";
const WORLDS = { content_script: "USER_SCRIPT", injected_script: "MAIN" };
const RUN_AT = ["document_start", "document_end", "document_idle"];

/** A key pair of the operator. */
export function signingKey() {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return { privateKey, x: publicKey.export({ format: "jwk" }).x };
}

/** Starts the stand-in. `keys` sign; `lists` has lists to serve as they are, by domain. */
export async function startStandIn(keys = [signingKey()]) {
  const state = {
    keys, lists: new Map(), addons: new Map(), tokens: new Map(), jobs: new Map(),
    operatorKey: `sk_${randomUUID()}`, apiKey: `sk_${randomUUID()}`,
  };
  const server = createServer((request, response) => {
    answer(state, request, response).catch((error) => fail(response, 500, "INTERNAL_ERROR", error.message));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  state.url = `http://127.0.0.1:${server.address().port}`;
  state.stop = () => { server.closeAllConnections(); server.close(); };
  return state;
}

async function answer(state, request, response) {
  const path = request.url.split("?")[0].slice(PREFIX.length);
  const body = await read(request);
  const is = (method, pattern) => request.method === method && pattern.exec(path);
  const denied = (known, scope) => !known && fail(response, 401, "UNAUTHORIZED", `needs a key for ${scope}`);
  let found;

  if ((found = is("GET", /^\/addons\/([^/]+)\/userscripts$/))) {
    return userScripts(state, decodeURIComponent(found[1]), request, response);
  }
  if (is("GET", /^\/addons\/keys$/)) {
    const keys = state.keys.map(({ x }) => ({ kty: "OKP", crv: "Ed25519", x, kid: thumbprint(x), alg: "EdDSA", use: "sig" }));
    return send(response, 200, { keys });
  }
  if (is("POST", /^\/admin\/keys$/)) {
    if (denied(request.headers["x-api-key"] === state.operatorKey, "keys:admin")) return;
    return send(response, 201, { id: randomUUID(), key: state.operatorKey, ...body, createdAt: new Date().toISOString() });
  }
  if (is("POST", /^\/admin\/addons$/)) {
    if (denied(request.headers["x-api-key"] === state.operatorKey, "addons:admin")) return;
    return publish(state, body, response);
  }
  if ((found = is("PUT", /^\/admin\/addons\/([^/]+)$/))) {
    if (denied(request.headers["x-api-key"] === state.operatorKey, "addons:admin")) return;
    const newest = state.addons.get(found[1])?.at(-1);
    if (!newest) return fail(response, 404, "ADDON_NOT_FOUND", "no such addon");
    return publish(state, { ...newest, status: "active", ...body }, response);
  }
  if ((found = is("PATCH", /^\/admin\/addons\/([^/]+)\/status$/))) {
    if (denied(request.headers["x-api-key"] === state.operatorKey, "addons:admin")) return;
    const versions = state.addons.get(found[1]) ?? [];
    const changed = versions.filter(({ version }) => !body.version || version === body.version);
    if (changed.length === 0) return fail(response, 404, "ADDON_NOT_FOUND", "no such addon");
    for (const one of changed) one.status = body.status;
    return send(response, 200, { id: found[1], ...body });
  }
  if (is("POST", /^\/auth\/token$/)) {
    if (denied(request.headers["x-api-key"] === state.apiKey, "an API client")) return;
    const token = randomUUID();
    state.tokens.set(`Bearer ${token}`, body.userId);
    return send(response, 201, { token, expiresAt: new Date(Date.now() + 3_600_000).toISOString() });
  }

  const user = state.tokens.get(request.headers.authorization);
  if (is("POST", /^\/chat\/new$/)) {
    if (denied(user, "chat")) return;
    if (body.userId !== user) return fail(response, 403, "FORBIDDEN", "the token acts for another user");
    if (!body.prompt) return fail(response, 400, "VALIDATION_ERROR", "prompt is required");
    const jobId = randomUUID();
    state.jobs.set(jobId, { user, end: Date.now() + 1_500 });
    return send(response, 201, {
      sessionId: body.sessionId ?? randomUUID(), messageId: randomUUID(),
      chatResponse: { content: `You said: ${body.prompt}`, role: "assistant", timestamp: new Date().toISOString() },
      imageGenerationJob: {
        jobId, status: "queued", createdAt: new Date().toISOString(), priority: "normal",
        statusUrl: `${PREFIX}/images/status/${jobId}`, cancelUrl: `${PREFIX}/images/cancel/${jobId}`,
      },
    });
  }
  if ((found = is("GET", /^\/images\/status\/([^/]+)$/))) {
    if (denied(user, "images:read")) return;
    const job = state.jobs.get(found[1]);
    if (job?.user !== user) return fail(response, 404, "JOB_NOT_FOUND", "no such job");
    const wait = /wait=(\d+)/.exec(request.headers.prefer ?? "")?.[1] ?? 0;
    const left = job.end - Date.now();
    if (left > 0 && wait > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(left, wait * 1000)));
    const done = Date.now() >= job.end;
    const result = { images: [{ id: randomUUID(), url: `${state.url}/picture.png`, format: "png" }], provider: "sandbox" };
    const headers = wait > 0 ? { "Preference-Applied": `wait=${wait}` } : {};
    return send(response, 200, {
      jobId: found[1], status: done ? "completed" : "processing", progress: done ? 100 : 50, attempts: 1,
      ...(done ? { result } : {}),
    }, headers);
  }
  if (request.url === "/picture.png") {
    response.writeHead(200, { "Content-Type": "image/png" });
    return response.end(kite());
  }
  fail(response, 404, "NOT_FOUND", "no such path");
}

function publish(state, addon, response) {
  const required = ["addonId", "name", "type", "content", "version"];
  const details = required.filter((name) => typeof addon[name] !== "string")
    .map((name) => ({ path: name, message: "is required" }));
  if (details.length > 0) return fail(response, 400, "VALIDATION_ERROR", "the addon has faults", details);
  const versions = state.addons.get(addon.addonId) ?? [];
  if (versions.some(({ version }) => version === addon.version)) {
    return fail(response, 409, "VERSION_EXISTS", `${addon.addonId} ${addon.version} is published already`);
  }
  state.addons.set(addon.addonId, [...versions, { status: "active", ...addon }]);
  const now = new Date().toISOString();
  const { content, addonId, ...rest } = addon;
  send(response, 201, { id: addonId, status: "active", createdAt: now, updatedAt: now, size: content.length, ...rest });
}

function userScripts({ lists, addons, keys }, domain, request, response) {
  const list = lists.get(domain) ?? listOf(addons, domain);
  const message = Buffer.from(`semantest-userscripts:1\n${domain}\n${JSON.stringify(list)}`);
  const signature = keys.map(({ privateKey }) => sign(null, message, privateKey).toString("base64")).join(", ");
  const text = JSON.stringify({ ...list, signature });
  const etag = `"${createHash("sha256").update(text).digest("hex")}"`;
  const headers = { ETag: etag, "Cache-Control": "public, max-age=60", Vary: "Accept-Encoding" };
  if (request.headers["if-none-match"] === etag) {
    response.writeHead(304, headers);
    return response.end();
  }
  response.writeHead(200, { ...headers, "Content-Type": "application/json" });
  response.end(text);
}

/** The newest active version of each addon that runs on the domain, dependencies first, then by id. */
function listOf(addons, domain) {
  const newest = new Map();
  for (const [id, versions] of [...addons].sort()) {
    const active = versions.filter(({ status }) => status === "active");
    if (active.length > 0) newest.set(id, active.at(-1));
  }
  const covers = (pattern) => pattern.startsWith("*.")
    ? domain === pattern.slice(2) || domain.endsWith(pattern.slice(1)) : domain === pattern;
  const placed = new Map();
  const place = (id, dependant) => {
    const addon = newest.get(id);
    const [rule = {}] = addon.injectionRules ?? [];
    const own = {
      world: WORLDS[addon.type], runAt: rule.runAt ?? "document_idle", allFrames: rule.allFrames ?? false,
      matches: rule.urlPatterns ?? (addon.domainPatterns ?? []).map((pattern) => `*://${pattern}/*`),
      excludeMatches: rule.excludePatterns ?? [],
    };
    const asked = dependant ?? own;
    for (const { addonId } of addon.dependencies ?? []) if (newest.has(addonId)) place(addonId, asked);
    const known = placed.get(id);
    placed.set(id, known ? {
      ...known, matches: [...new Set([...known.matches, ...asked.matches])], allFrames: known.allFrames || asked.allFrames,
      runAt: RUN_AT.find((time) => [known.runAt, asked.runAt].includes(time)),
    } : { addon, ...asked });
  };
  for (const [id, { domainPatterns = [] }] of newest) if (domainPatterns.some(covers)) place(id);
  const scripts = [], styles = [];
  for (const [id, { addon, matches, excludeMatches, runAt, allFrames, world }] of placed) {
    const at = `${String(scripts.length + styles.length).padStart(4, "0")}.${id}`;
    if (addon.type === "style_sheet") {
      styles.push({ id: at, matches, excludeMatches, css: addon.content });
    } else {
      const code = `try{(function(){${addon.content}\n}).call(this)}catch(e){console.error("addon ${id}:",e)}`;
      scripts.push({ id: at, matches, excludeMatches, js: [{ code }], runAt, allFrames, world });
    }
  }
  return { scripts, styles };
}

/** A picture of 256 by 256 pixels. */
function kite() {
  const rows = Buffer.alloc(256 * (1 + 256 * 3));
  for (let y = 0, at = 0; y < 256; y += 1) {
    at += 1;
    for (let x = 0; x < 256; x += 1, at += 3) {
      const inside = Math.abs(x - 128) + Math.abs(y - 128) < 90;
      rows.set(inside ? [220, 60 + y / 4, 40] : [120, 170, 255 - y / 2], at);
    }
  }
  const chunk = (type, data) => {
    const named = Buffer.concat([Buffer.from(type), data]);
    const sum = Buffer.alloc(8);
    sum.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc(named), 4);
    return Buffer.concat([sum.subarray(0, 4), named, sum.subarray(4)]);
  };
  const header = Buffer.from([0, 0, 1, 0, 0, 0, 1, 0, 8, 2, 0, 0, 0]);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0)),
  ]);
}

function crc(bytes) {
  let value = -1;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit += 1) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return ~value >>> 0;
}

/** RFC 7638. */
function thumbprint(x) {
  return createHash("sha256").update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest("base64url");
}

async function read(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  return text ? JSON.parse(text) : {};
}

function send(response, status, body, headers = {}) {
  response.writeHead(status, { "Content-Type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

function fail(response, status, code, message, details = undefined) {
  const error = { code, message, details, traceId: randomUUID(), timestamp: new Date().toISOString() };
  send(response, status, { error });
  return true;
}
