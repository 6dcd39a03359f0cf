// Registers the scripts of all lists with the browser.
//
// What Chromium 156 does, and why this file is as it is:
// - The scripts of one `update()` run in the order of their ids. One that is updated alone goes to the end.
// - A page that loads between two calls gets what is registered at that moment. So exactly one call changes what
//   pages get: new scripts are registered to run nowhere, then one `update()` wakes the new ones, changes the others
//   and puts those to sleep that are gone, and only then are these unregistered.
// - One script that Chromium refuses makes it refuse the whole call.
// - Registrations outlive restarts of the browser, and are gone after an update of the extension.

// Only these are ours to remove. It is also needed because an id may not begin with `_`, but a domain may.
const PREFIX = "addon:";
const PROBE = "probe";
const NOWHERE = { matches: ["*://*/*"], excludeMatches: ["*://*/*"] };

/** Whether the user has switched on "Allow User Scripts". No property or event tells; only a call does. */
export async function allowed() {
  try {
    await chrome.userScripts.getScripts({ ids: ["-"] });
    return true;
  } catch {
    return false;
  }
}

/**
 * The scripts of all lists, as `chrome.userScripts` takes them. Two lists may have the same addon, for instance those
 * of `example.com` and `shop.example.com`: where the first runs it, the second does not.
 */
export function merged(lists) {
  const patterns = new Map();
  const all = [];
  for (const domain of Object.keys(lists).sort()) {
    for (const { id, matches, excludeMatches = [], js, runAt, allFrames, world } of lists[domain].scripts) {
      const same = JSON.stringify([js, world, excludeMatches]);
      const earlier = patterns.get(same) ?? [];
      if (matches.every((pattern) => earlier.includes(pattern))) continue;
      patterns.set(same, [...earlier, ...matches]);
      // The ids of the list carry the order, and stay together behind the domain.
      all.push({
        id: `${PREFIX}${domain}|${id}`, matches, excludeMatches: [...excludeMatches, ...earlier], js, runAt, allFrames,
        world,
      });
    }
  }
  return all;
}

/** Whether exactly these scripts are registered, in whatever version. */
export async function present(scripts) {
  const ids = await registered();
  return ids.length === scripts.length && scripts.every(({ id }) => ids.includes(id));
}

/** Registers these scripts and no others. Those that Chromium refuses are left out and reported. */
export async function register(scripts, report) {
  await chrome.userScripts.configureWorld({ messaging: true });
  try {
    await change(scripts);
  } catch (error) {
    const good = [];
    for (const script of scripts) {
      const reason = await refusal(script);
      if (reason) report(script.id.slice(PREFIX.length), reason);
      else good.push(script);
    }
    // Then it was not for one of them: the toggle was switched off meanwhile, for instance.
    if (good.length === scripts.length || !(await allowed())) throw error;
    await change(good);
  }
}

async function change(scripts) {
  const ids = await registered();
  const added = scripts.filter(({ id }) => !ids.includes(id));
  const gone = ids.filter((id) => !scripts.some((script) => script.id === id));
  const asleep = (id) => ({ id, ...NOWHERE, js: [{ code: ";" }] });
  if (added.length > 0) await chrome.userScripts.register(added.map(({ id }) => asleep(id)));
  if (scripts.length + gone.length > 0) await chrome.userScripts.update([...scripts, ...gone.map(asleep)]);
  if (gone.length > 0) await chrome.userScripts.unregister({ ids: gone });
}

async function registered() {
  return (await chrome.userScripts.getScripts()).map(({ id }) => id).filter((id) => id.startsWith(PREFIX));
}

/** Returns why Chromium refuses the script, if it does: registers it to run nowhere, under another id. */
async function refusal(script) {
  const remove = () => chrome.userScripts.unregister({ ids: [PROBE] }).catch(() => {});
  await remove();
  try {
    const excludeMatches = [...script.excludeMatches, ...NOWHERE.excludeMatches];
    await chrome.userScripts.register([{ ...script, id: PROBE, excludeMatches }]);
  } catch (error) {
    return error.message.replace(`'${PROBE}'`, `'${script.id}'`);
  } finally {
    await remove();
  }
}
