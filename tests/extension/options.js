import { settings } from "./config.js";
import { allowed } from "./scripts.js";

const at = (id) => document.getElementById(id);
const form = at("settings");
const LISTS = ["domains", "keys"];
const details = `chrome://extensions/?id=${chrome.runtime.id}`;

async function show() {
  at("off").hidden = await allowed();
  const { report } = await chrome.storage.local.get("report");
  at("state").textContent = report
    ? `Scripts: ${report.scripts ?? 0}. Style sheets: ${report.styles ?? 0}. As of ${report.at}.`
    : "Nothing has been fetched yet.";
  at("problems").replaceChildren(...(report?.problems ?? []).map(({ of, message }) => {
    const row = document.createElement("tr");
    row.append(...[of, message].map((text) => Object.assign(document.createElement("td"), { textContent: text })));
    return row;
  }));
}

async function fill() {
  for (const [name, value] of Object.entries(await settings())) {
    form.elements[name].value = LISTS.includes(name) ? value.join("\n") : value;
  }
}

async function sync() {
  await chrome.runtime.sendMessage({ type: "sync" });
  await show();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const entries = [...new FormData(form)].map(([name, value]) =>
    [name, LISTS.includes(name) ? value.split(/\s+/).filter(Boolean) : value.trim()]);
  await chrome.storage.local.set({ settings: Object.fromEntries(entries) });
  await sync();
});
at("sync").addEventListener("click", sync);
at("address").textContent = details;
at("details").addEventListener("click", () => chrome.tabs.create({ url: details }));
// No event tells that the user has used the switch; this page is looked at again after that.
document.addEventListener("visibilitychange", async () => {
  if (document.visibilityState !== "visible") return;
  const wasOff = !at("off").hidden;
  await show();
  if (wasOff && at("off").hidden) await sync();
});
await fill();
await show();
