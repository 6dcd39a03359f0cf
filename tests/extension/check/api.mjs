// The API as the operator and the extension's own server call it.

import { randomUUID } from "node:crypto";

export class Api {
  constructor(url, operatorKey, apiKey) {
    Object.assign(this, { url, operatorKey, apiKey });
  }

  /** The operator's key, with limits that the check does not reach. */
  async prepare() {
    const body = { clientId: "operator", name: "extension-check", scopes: ["addons:admin"], limits: { "/admin/*": 1000 } };
    this.operatorKey = (await this.call("POST", "/admin/keys", body, this.operatorKey)).key;
  }

  async call(method, path, body, key = this.operatorKey) {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { "X-API-Key": key, ...(body ? { "Content-Type": "application/json" } : {}) },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  /** Publishes an addon: its first version by POST, another one by PUT. */
  async publish(addonId, version, content, more = undefined) {
    if (more) {
      await this.call("POST", "/admin/addons", { addonId, name: addonId, type: "content_script", version, content, ...more });
    } else {
      await this.call("PUT", `/admin/addons/${addonId}`, { version, content });
    }
  }

  async status(addonId, status) {
    await this.call("PATCH", `/admin/addons/${addonId}/status`, { status });
  }

  async publicKeys() {
    return (await this.call("GET", "/addons/keys")).keys.map(({ x }) => x);
  }

  /** What the extension gets instead of a key. */
  async token() {
    const userId = randomUUID();
    const { token } = await this.call("POST", "/auth/token", { userId, expiresIn: 600 }, this.apiKey);
    return { userId, token };
  }
}
