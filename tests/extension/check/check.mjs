// The extension in a real browser, against a running API or the stand-in. See .ci/extension-check.

import assert from "node:assert/strict";
import { createHash, createPublicKey, verify } from "node:crypto";
import { mkdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { Api } from "./api.mjs";
import { startBrowser } from "./browser.mjs";
import { startProxy, startSite } from "./servers.mjs";
import { signingKey, startStandIn } from "./stand_in.mjs";

const EXTENSION = fileURLToPath(new URL("..", import.meta.url));
const PICTURES = fileURLToPath(new URL("../../../target/extension-check/", import.meta.url));
// Addons of other runs on the same API have other names and domains.
const RUN = Date.now().toString(36);
const named = (name) => `${name}-${RUN}`;
const SHOP = `shop-${RUN}.test`;
const SUB = `sub.${SHOP}`;
const OTHER = `other-${RUN}.test`;
const GAP = `gap-${RUN}.test`;
const CRAFTED = `crafted-${RUN}.test`;
const BLUE = "rgb(1, 2, 253)";

mkdirSync(PICTURES, { recursive: true });
const standIn = await startStandIn();
const site = await startSite();
const api = process.argv.includes("--stand-in")
  ? new Api(standIn.url, standIn.operatorKey, standIn.apiKey)
  : new Api(process.env.SEMANTEST_URL, process.env.SEMANTEST_OPERATOR_KEY, process.env.SEMANTEST_API_KEY);
const proxy = await startProxy(api.url);
const browser = await startBrowser(process.env.CHROMIUM ?? "chromium");
const failed = [];

// --- What the checks use

async function check(name, body) {
  try {
    const note = await body();
    console.log(`ok: ${name}${note ? `: ${note}` : ""}`);
  } catch (error) {
    failed.push(name);
    console.log(`FAILED: ${name}: ${error.stack}`);
  }
  proxy.mode = "pass";
}

/** Code that writes the word behind those that are in an attribute of the page. */
const writes = (word, attribute = "order") =>
  `const { dataset } = document.documentElement; dataset.${attribute} = (dataset.${attribute} ?? "") + ${word} + ",";`;

/** The value of an attribute that an addon has written, or undefined. */
const read = (page, attribute) => page.run(`document.documentElement.dataset.${attribute}`);
const wait = (page, attribute, value) =>
  page.until(`document.documentElement.dataset.${attribute} === ${JSON.stringify(value)}`, 5_000);
const color = (page) => page.run(`getComputedStyle(document.getElementById("plain")).color`);
const at = (host, path = "/") => `http://${host}:${site.port}${path}`;

async function expectOrder(page, url, order) {
  await page.visit(url);
  await wait(page, "order", order);
  assert.equal(await read(page, "order"), order);
}

let options;
async function configure(settings) {
  await options.run(`chrome.storage.local.get("settings").then(({ settings }) =>
    chrome.storage.local.set({ settings: { ...settings, ...${JSON.stringify(settings)} } }))`);
}
const sync = () => options.run(`chrome.runtime.sendMessage({ type: "sync" })`);
/** Syncs, which must report exactly these problems (as [addon or domain, a part of the message]). */
async function expectSync(problems = []) {
  const report = await sync();
  const found = report.problems.map(({ of, message }) => `${of}: ${message}`).sort();
  const fits = found.length === problems.length && problems.every(([of, part]) =>
    report.problems.some((problem) => problem.of === of && problem.message.includes(part)));
  assert.ok(fits, `reported: ${JSON.stringify(found)}, expected: ${JSON.stringify(problems)}`);
  return report;
}
const worker = () => [...browser.targets.values()].find(({ type, url }) =>
  type === "service_worker" && url.startsWith(`chrome-extension://${id}/`));

// --- The addons

let id;
async function publish() {
  const shop = { domainPatterns: [SHOP] };
  const needs = (...names) => ({ dependencies: names.map((name) => ({ addonId: named(name), version: "*" })) });
  // The names sort the other way round.
  await api.publish(named("z-base"), "1.0.0", `globalThis.base = "base"; ${writes(`"base"`)}`, {});
  await api.publish(named("m-mid"), "1.0.0", `globalThis.mid = base + "+mid"; ${writes(`"mid"`)}`, needs("z-base"));
  await api.publish(named("a-app"), "1.0.0", writes(`mid + "+one"`), { ...shop, ...needs("m-mid") });
  await api.publish(named("style"), "1.0.0", `#plain { color: ${BLUE} }`, {
    type: "style_sheet", ...shop,
    injectionRules: [{ id: "all", priority: 0, domains: [SHOP], urlPatterns: [`*://${SHOP}/*`],
      excludePatterns: [`*://${SHOP}/without*`], runAt: "document_start" }],
  });
  await api.publish(named("page"), "1.0.0", `document.documentElement.dataset.main = window.ofThePage`,
    { type: "injected_script", ...shop });
  await api.publish(named("throws"), "1.0.0", `throw new Error("on purpose")`, shop);
  await api.publish(named("both"), "1.0.0", writes(`"once"`, "both"), { domainPatterns: [`*.${SHOP}`] });
  await api.publish(named("sentinel"), "1.0.0", writes(`"sentinel"`, "sentinel"), { domainPatterns: [OTHER] });
  await api.publish(named("picture"), "1.0.0", `
    chrome.runtime.sendMessage({ type: "picture", prompt: "a red kite over dunes" }).then(({ url, error }) => {
      const image = document.createElement("img");
      image.alt = error ?? "";
      image.src = url ?? "";
      document.body.append(image);
    });`, {
    ...shop,
    injectionRules: [{ id: "all", priority: 0, domains: [SHOP], runAt: "document_idle",
      urlPatterns: [`*://${SHOP}/picture`, `*://${SHOP}/strict/picture`] }],
  });
}

/**
 * Two addons that run before the page's own scripts. In every second version a third one loads before them, so that
 * their ids change.
 */
async function publishGap(version) {
  const early = {
    domainPatterns: [GAP],
    injectionRules: [{ id: "all", priority: 0, domains: [GAP], urlPatterns: [`*://${GAP}/*`], runAt: "document_start" }],
  };
  const first = version === 1;
  const needs = { dependencies: [{ addonId: named("z-gap-base"), version: "*" }] };
  const before = named("0-gap-before");
  // Its size makes each call of the extension take longer, so that more pages load meanwhile.
  const large = `${writes(`"before"`, "before")} const data = "${"x".repeat(700_000)}";`;
  if (first) await api.publish(before, "1.0.0", large, { ...early, status: "inactive" });
  else await api.status(before, version % 2 ? "inactive" : "active");
  await api.publish(named("z-gap-base"), `${version}.0.0`, `globalThis.base = "${version}"`, first ? {} : undefined);
  const code = writes(`base + "/${version}"`, "gap");
  await api.publish(named("a-gap-app"), `${version}.0.0`, code, first ? { ...early, ...needs } : undefined);
}

// --- The checks

const ORDER = "base,mid,base+mid+one,";

async function run() {
  await api.prepare();
  await publish();
  ({ id } = await browser.send("Extensions.loadUnpacked", { path: EXTENSION }));
  options = await browser.open(`chrome-extension://${id}/options.html`);
  await options.until(`document.getElementById("state")?.textContent`);
  const page = await browser.open();
  await configure({ api: `${proxy.url}/api/v1`, domains: [SHOP, SUB, OTHER, GAP], keys: await api.publicKeys() });

  await check("Node verifies the signatures of a list and of an addon", async () => {
    const { keys } = await api.call("GET", "/addons/keys");
    const trusted = keys.map((jwk) => createPublicKey({ key: jwk, format: "jwk" }));
    const isSigned = (text, signatures) => signatures.split(", ").some((signature) =>
      trusted.some((key) => verify(null, Buffer.from(text), key, Buffer.from(signature, "base64"))));
    const { signature, ...list } = await api.call("GET", `/addons/${SHOP}/userscripts`);
    const signed = (domain) => `semantest-userscripts:1\n${domain}\n${JSON.stringify(list)}`;
    assert.deepEqual([isSigned(signed(SHOP), signature), isSigned(signed(OTHER), signature)], [true, false]);
    if (api.url === standIn.url) return "the list alone: the stand-in serves no single addons";
    for (const query of ["", "&minified=false"]) {
      const addon = named("a-app");
      const response = await fetch(`${api.url}/api/v1/addons/${addon}?version=1.0.0${query}`);
      const hash = createHash("sha256").update(await response.text()).digest("hex");
      const text = (version) => `semantest-addon:1\n${addon}\n${version}\ncontent_script\n${hash}`;
      const signature = response.headers.get("x-addon-signature");
      assert.deepEqual([isSigned(text("1.0.0"), signature), isSigned(text("1.0.1"), signature)], [true, false]);
    }
  });

  await check("switch off: the options page says what to click, and only style sheets apply", async () => {
    const report = await sync();
    assert.deepEqual([report.allowed, report.scripts, report.problems], [false, 0, []]);
    await options.visit(`chrome-extension://${id}/options.html`);
    assert.ok(await options.until(`document.getElementById("off").checkVisibility()`));
    const text = await options.run(`document.getElementById("off").innerText`);
    assert.ok(text.includes("Switch on Allow User Scripts") && text.includes(`chrome://extensions/?id=${id}`), text);
    await options.picture(`${PICTURES}switch-off.png`);
    await page.visit(at(SHOP));
    assert.ok(await page.until(`getComputedStyle(document.getElementById("plain")).color === "${BLUE}"`, 5_000));
    assert.equal(await read(page, "order"), undefined);
  });

  const extensions = await browser.open("chrome://extensions/");
  await extensions.until("chrome.developerPrivate");
  await extensions.run(`chrome.developerPrivate.updateExtensionConfiguration({ extensionId: "${id}", userScriptsAccess: true })`);
  await extensions.close();
  await options.visit(`chrome-extension://${id}/options.html`);

  await check("scripts run in the order of their dependencies, against that of their names", async () => {
    await expectSync();
    await expectOrder(page, at(SHOP), ORDER);
    assert.ok(await options.run(`document.getElementById("off").hidden`));
  });

  await check("one addon that throws does not stop another, and one in MAIN sees the page's variables", async () => {
    await wait(page, "main", "yes");
    assert.equal(await read(page, "main"), "yes");
  });

  await check("a style sheet applies, also under a strict Content-Security-Policy, and not where it is excluded", async () => {
    for (const [path, expected] of [["/", BLUE], ["/strict", BLUE], ["/without/it", "rgb(0, 0, 0)"]]) {
      await expectOrder(page, at(SHOP, path), ORDER);
      await page.until(`getComputedStyle(document.getElementById("plain")).color === "${expected}"`, 3_000);
      // The scripts ran, so style sheets had their time.
      if (expected !== BLUE) await sleep(500);
      assert.equal(await color(page), expected, path);
    }
  });

  await check("another domain gets its own addons only", async () => {
    await page.visit(at(OTHER));
    assert.ok(await wait(page, "sentinel", "sentinel,"));
    await sleep(300);
    assert.deepEqual([await read(page, "order"), await read(page, "both"), await color(page)],
      [undefined, undefined, "rgb(0, 0, 0)"]);
  });

  await check("an addon that is in the lists of two domains runs once", async () => {
    for (const host of [SHOP, SUB]) {
      await page.visit(at(host));
      assert.ok(await page.until("document.documentElement.dataset.both", 5_000), host);
      await sleep(300);
      assert.equal(await read(page, "both"), "once,", host);
    }
  });

  await check("no news costs a 304 for each domain, and registrations that the browser has lost are made again", async () => {
    // As after an update of the extension.
    await options.run("chrome.userScripts.unregister()");
    proxy.log.length = 0;
    await expectSync();
    // The alarm may have asked too.
    assert.ok(proxy.log.length >= 4 && proxy.log.every(({ status }) => status === 304), JSON.stringify(proxy.log));
    await expectOrder(page, at(SHOP), ORDER);
  });

  await check("pages that load during updates get the old or the new version, whole and once", () => withoutGap(page));

  await check("a new version reaches pages, a status takes it back, an inactive addon is gone", async () => {
    await api.publish(named("a-app"), "2.0.0", writes(`mid + "+later"`));
    await expectSync();
    await expectOrder(page, at(SHOP), "base,mid,base+mid+later,");
    await api.call("PATCH", `/admin/addons/${named("a-app")}/status`, { status: "inactive", version: "2.0.0" });
    await expectSync();
    await expectOrder(page, at(SHOP), ORDER);
    await api.status(named("both"), "inactive");
    await expectSync();
    await expectOrder(page, at(SHOP), ORDER);
    assert.equal(await read(page, "both"), undefined);
  });

  await check("without its worker the extension's scripts go on, and an event wakes the worker", async () => {
    assert.equal(await options.run(`chrome.alarms.get("sync").then(({ periodInMinutes }) => periodInMinutes)`), 1);
    await sync();
    await browser.send("Target.closeTarget", { targetId: worker().targetId });
    for (let left = 100; worker() && left > 0; left -= 1) await sleep(50);
    assert.equal(worker(), undefined);
    await expectOrder(page, at(SHOP), ORDER);
    assert.ok(await page.until(`getComputedStyle(document.getElementById("plain")).color === "${BLUE}"`, 5_000));
    assert.ok(worker(), "the navigation has started the worker, for the style sheet");
    proxy.log.length = 0;
    await expectSync();
    assert.ok(proxy.log.length > 0 && proxy.log.every(({ status }) => status === 304), JSON.stringify(proxy.log));
  });

  await check("while the server is down the old code goes on", async () => {
    proxy.mode = "down";
    await expectSync([SHOP, SUB, OTHER, GAP].map((domain) => [domain, "Failed to fetch"]));
    await expectOrder(page, at(SHOP), ORDER);
    assert.equal(await color(page), BLUE);
    proxy.mode = "pass";
    await expectSync();
  });

  await check("a list in which one byte was changed is refused, and the old code goes on", async () => {
    await api.publish(named("a-app"), "3.0.0", writes(`mid + "+two"`));
    proxy.mode = "tamper";
    await expectSync([[SHOP, "not signed by a key"]]);
    await expectOrder(page, at(SHOP), ORDER);
    await options.visit(`chrome-extension://${id}/options.html`);
    assert.ok(await options.until(`document.getElementById("problems").innerText.includes("not signed by a key")`));
    await options.picture(`${PICTURES}tampered.png`);
    proxy.mode = "pass";
    await expectSync();
    await expectOrder(page, at(SHOP), "base,mid,base+mid+two,");
  });

  await check("a list by a key that is not trusted is refused, with the code that is there", async () => {
    const trusted = await api.publicKeys();
    await configure({ keys: [signingKey().x] });
    await expectSync([SHOP, SUB, OTHER, GAP].map((domain) => [domain, "not signed by a key"]));
    await page.visit(at(SHOP));
    await sleep(500);
    assert.equal(await read(page, "order"), undefined);
    await configure({ keys: trusted });
    await expectSync();
    await expectOrder(page, at(SHOP), "base,mid,base+mid+two,");
  });

  await check("the chat's picture is visible on the page, and on one with a strict policy", async () => {
    await configure(await api.token());
    for (const path of ["/picture", "/strict/picture"]) {
      await page.visit(at(SHOP, path));
      assert.ok(await page.until(`document.querySelector("img")?.complete`, 90_000), `${path}: no answer`);
      const image = await page.run(`(({ naturalWidth, alt, src }) => ({ naturalWidth, alt, src }))(document.querySelector("img"))`);
      assert.ok(image.naturalWidth > 0, `${path}: ${JSON.stringify(image)}`);
      await page.picture(`${PICTURES}${path.slice(1).replace("/", "-")}.png`);
    }
  });

  await check("addons of a domain that is no longer in the settings are gone", async () => {
    await configure({ domains: [OTHER] });
    const report = await expectSync();
    assert.deepEqual([report.scripts, report.styles], [1, 0]);
    await page.visit(at(SHOP));
    await sleep(500);
    assert.deepEqual([await read(page, "order"), await color(page)], [undefined, "rgb(0, 0, 0)"]);
    await page.visit(at(OTHER));
    assert.ok(await wait(page, "sentinel", "sentinel,"));
  });

  // The real API refuses to publish such an addon, so only the stand-in can serve one.
  await check("one addon that Chromium refuses does not stop the others (a list of the stand-in)", async () => {
    const script = (scriptId, code, matches = [`*://${CRAFTED}/*`]) => ({
      id: scriptId, matches, excludeMatches: [], js: [{ code }], runAt: "document_idle", allFrames: false, world: "USER_SCRIPT",
    });
    const scripts = [
      script("0000.base", `globalThis.base = "base"; {${writes(`"base"`)}}`),
      script("0001.bad", writes(`"bad"`), [`*://${CRAFTED}:8080/*`]),
      script("0002.app", `{${writes(`base + "+app"`)}}`),
    ];
    standIn.lists.set(CRAFTED, { scripts, styles: [] });
    const keys = standIn.keys.map(({ x }) => x);
    await configure({ api: `${standIn.url}/api/v1`, domains: [CRAFTED], keys });
    // It is reported each time, until it is mended.
    for (let times = 0; times < 2; times += 1) {
      const report = await expectSync([[`${CRAFTED}|0001.bad`, "Invalid port."]]);
      assert.equal(report.scripts, 2);
      await expectOrder(page, at(CRAFTED), "base,base+app,");
    }
    scripts[1] = script("0001.bad", `{${writes(`"good"`)}}`);
    await expectSync();
    await expectOrder(page, at(CRAFTED), "base,good,base+app,");
  });

  await check("while keys are replaced, a list with two signatures is accepted by either (the stand-in)", async () => {
    const [old, renewed] = [standIn.keys[0], signingKey()];
    standIn.keys = [renewed, old];
    for (const { x } of [old, renewed]) {
      await configure({ keys: [x] });
      await expectSync();
    }
    standIn.keys = [renewed];
    await expectSync();
    await configure({ keys: [old.x] });
    await expectSync([[CRAFTED, "not signed by a key"]]);
  });
}

/** Publishes versions while two tabs load a page again and again. */
async function withoutGap(page) {
  const another = await browser.open();
  const VERSIONS = 12;
  await publishGap(1);
  await expectSync();
  let updating = true;
  let total = 0;
  const seen = new Map();
  const load = async (tab) => {
    while (updating) {
      await tab.visit(at(GAP));
      const found = await read(tab, "gap");
      seen.set(found, (seen.get(found) ?? 0) + 1);
      total += 1;
    }
  };
  const loads = Promise.all([load(page), load(another)]).finally(() => { updating = false; });
  for (let version = 2; version <= VERSIONS && updating; version += 1) {
    await publishGap(version);
    await expectSync();
    // However slow the machine is, each version has its loads.
    for (const enough = total + 4; updating && total < enough;) await sleep(20);
  }
  updating = false;
  await loads;
  await another.close();
  const whole = Array.from({ length: VERSIONS }, (_, at) => `${at + 1}/${at + 1},`);
  const wrong = [...seen.keys()].filter((found) => !whole.includes(found));
  assert.deepEqual(wrong, [], JSON.stringify([...seen]));
  assert.equal(seen.size, VERSIONS, JSON.stringify([...seen]));
  return `${total} loads of ${VERSIONS} versions`;
}

try {
  await run();
} finally {
  await browser.stop();
  for (const server of [standIn, site, proxy]) server.stop();
}
if (failed.length > 0) {
  console.log(`${failed.length} checks failed`);
  process.exitCode = 1;
}
