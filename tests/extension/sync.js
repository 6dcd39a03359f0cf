// Brings what runs up to date with the server.

import { settings } from "./config.js";
import { newest } from "./lists.js";
import { allowed, merged, present, register } from "./scripts.js";
import { mergedStyles } from "./styles.js";

/**
 * Returns and keeps the report, `{at, allowed, scripts, styles, problems: [{of, message}]}`. One at a time, whether
 * the alarm, the browser's start or the options page asks: two at once would register the same ids twice.
 */
export function sync() {
  return navigator.locks.request("sync", async () => {
    const problems = [];
    const report = (of, message) => problems.push({ of, message });
    const counts = await run(report).catch((error) => report("sync", error.message));
    const result = { at: new Date().toISOString(), allowed: await allowed(), ...counts, problems };
    await chrome.storage.local.set({ report: result });
    await chrome.action.setBadgeText({ text: problems.length > 0 || !result.allowed ? "!" : "" });
    return result;
  });
}

async function run(report) {
  const current = await settings();
  const { lists, styles } = await fetchLists(current, report);
  // Without the user's permission the style sheets still apply.
  if (!(await allowed())) return { scripts: 0, styles: styles.length };

  const scripts = merged(lists);
  let refused = 0;
  // What was registered last. A sync that was interrupted has not written it, so the next one does all of it again.
  const version = JSON.stringify(Object.entries(lists).map(([domain, { signature }]) => [domain, signature]));
  const { registered } = await chrome.storage.local.get("registered");
  if (registered !== version || !(await present(scripts))) {
    await register(scripts, (id, message) => { refused += 1; report(id, message); });
    await chrome.storage.local.set({ registered: version });
  }
  return { scripts: scripts.length - refused, styles: styles.length };
}

/**
 * Returns the list of each domain, and their style sheets. Where there is no new list that can be trusted, the one
 * that there was goes on.
 */
async function fetchLists({ domains, ...current }, report) {
  const { lists: known = {} } = await chrome.storage.local.get("lists");
  const lists = {};
  await Promise.all(domains.map(async (domain) => {
    try {
      lists[domain] = await newest(domain, known[domain], current);
    } catch (error) {
      report(domain, error.message);
      if (current.keys.includes(known[domain]?.key)) lists[domain] = known[domain];
    }
  }));
  // Those of domains that are no longer in the settings are left out, and so are their scripts.
  const sorted = Object.fromEntries(Object.entries(lists).sort());
  const styles = mergedStyles(sorted);
  // A list may have megabytes, and mostly there is no news.
  const news = Object.keys({ ...known, ...lists }).some((domain) => known[domain] !== lists[domain]);
  if (news) await chrome.storage.local.set({ lists: sorted, styles });
  return { lists: sorted, styles };
}
