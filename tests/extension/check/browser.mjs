// A headless Chromium, driven by the DevTools protocol over a pipe: JSON messages that end with a zero byte.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const FLAGS = [
  "--headless=new", "--remote-debugging-pipe", "--enable-unsafe-extension-debugging",
  // Every host name leads to this machine.
  "--host-resolver-rules=MAP * 127.0.0.1", "--no-proxy-server",
  // Without these the browser requests updates and more from its vendor.
  "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--disable-gpu", "--disable-quic", "--window-size=1000,760",
];
const TIMEOUT = 30_000;

export async function startBrowser(program) {
  const profile = mkdtempSync(path.join(tmpdir(), "extension-check-"));
  // Chromium's sandbox does not work for root.
  const flags = [...FLAGS, `--user-data-dir=${profile}`, ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])];
  const child = spawn(program, [...flags, "about:blank"], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const browser = new Browser(child, profile);
  await browser.send("Target.setDiscoverTargets", { discover: true });
  return browser;
}

class Browser {
  #next = 1;
  #calls = new Map();
  #buffer = Buffer.alloc(0);

  constructor(child, profile) {
    Object.assign(this, { child, profile, targets: new Map() });
    child.stdio[4].on("data", (data) => this.#read(data));
    child.stdio[3].on("error", () => {});
    child.on("exit", (code) => {
      for (const { reject } of this.#calls.values()) reject(new Error(`the browser has ended with ${code}`));
    });
  }

  #read(data) {
    this.#buffer = Buffer.concat([this.#buffer, data]);
    for (let end; (end = this.#buffer.indexOf(0)) >= 0; this.#buffer = this.#buffer.subarray(end + 1)) {
      this.#receive(JSON.parse(this.#buffer.subarray(0, end)));
    }
  }

  #receive({ id, method, params, result, error }) {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (call && error) call.reject(new Error(`${call.method}: ${error.message}`));
    else if (call) call.resolve(result);
    else if (method === "Target.targetCreated") this.targets.set(params.targetInfo.targetId, params.targetInfo);
    else if (method === "Target.targetInfoChanged") this.targets.set(params.targetInfo.targetId, params.targetInfo);
    else if (method === "Target.targetDestroyed") this.targets.delete(params.targetId);
  }

  send(method, params = {}, sessionId = undefined) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method} is not answered`)), TIMEOUT);
      const settled = (done) => (value) => { clearTimeout(timer); done(value); };
      this.#calls.set(id, { method, resolve: settled(resolve), reject: settled(reject) });
      this.child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  /** Opens a tab. */
  async open(url = "about:blank") {
    const { targetId } = await this.send("Target.createTarget", { url });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    return new Page(this, targetId, sessionId);
  }

  async stop() {
    await this.send("Browser.close").catch(() => {});
    await new Promise((resolve) => (this.child.exitCode === null ? this.child.once("exit", resolve) : resolve()));
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

class Page {
  constructor(browser, targetId, sessionId) {
    Object.assign(this, { browser, targetId, sessionId });
  }

  send(method, params = {}) {
    return this.browser.send(method, params, this.sessionId);
  }

  /** The value of an expression in the page, whose promise is awaited. */
  async run(expression) {
    const { result, exceptionDetails } =
      await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true, userGesture: true });
    if (exceptionDetails) {
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    }
    return result.value;
  }

  /** Goes to the address, and waits until it is loaded. */
  async visit(url) {
    const { errorText } = await this.send("Page.navigate", { url });
    if (errorText) throw new Error(`${url}: ${errorText}`);
    await this.until(`document.readyState === "complete"`);
  }

  /** Waits until the expression is true in the page. Returns whether that happened. */
  async until(expression, timeout = TIMEOUT) {
    for (const end = Date.now() + timeout; Date.now() < end;) {
      // While the page changes, there is nothing that could evaluate it.
      if (await this.run(expression).catch(() => false)) return true;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return false;
  }

  async picture(file) {
    const { data } = await this.send("Page.captureScreenshot");
    writeFileSync(file, Buffer.from(data, "base64"));
  }

  async close() {
    await this.browser.send("Target.closeTarget", { targetId: this.targetId });
  }
}
