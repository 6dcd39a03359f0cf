// Compares what the three forms of each script do.

import { readFileSync } from "node:fs";
import { webcrypto } from "node:crypto";
import vm from "node:vm";
import { JSDOM, VirtualConsole } from "jsdom";
import { fileOf, nameOf, SCRIPTS } from "./packages.mjs";

const here = new URL(".", import.meta.url).pathname;
const warnings = Object.fromEntries(Object.entries(JSON.parse(readFileSync(`${here}warnings.json`, "utf8")))
  .map(([file, texts]) => [file.split("/").at(-1), texts]));
const text = (library, form) => readFileSync(`${here}files/${fileOf(library)}${form}.js`, "utf8");

// Prototypes of the page's own objects throw when they are asked.
function belongsToPage(value) {
  try {
    return Boolean(value.nodeType) || value.window === value;
  } catch {
    return true;
  }
}

// Names of functions may change, and nothing else. Accessors are not called.
function shape(value, depth) {
  if (value === null || !["object", "function"].includes(typeof value)) return typeof value;
  if (depth === 0 || belongsToPage(value)) return `${typeof value}…`;
  const own = Object.entries(Object.getOwnPropertyDescriptors(value)).filter(([key]) => key !== "name");
  return [typeof value, own.map(([key, own]) => [key, "value" in own ? shape(own.value, depth - 1) : "accessor"])];
}

// Runs a form in a page of its own. An error counts as what it does.
function run(library, form) {
  const errors = [];
  const virtualConsole = new VirtualConsole().on("jsdomError", (error) => errors.push(error.message))
    .on("error", (...parts) => errors.push(parts.map(String).join(" ").slice(0, 200)));
  const dom = new JSDOM("<!doctype html><body></body>", { runScripts: "outside-only", url: "https://example.com/",
    pretendToBeVisual: true, virtualConsole });
  dom.window.crypto.getRandomValues ??= (array) => webcrypto.getRandomValues(array);
  dom.window.matchMedia = () => ({ matches: false, addListener() {}, addEventListener() {} });
  const evaluate = (code) => new vm.Script(code).runInContext(dom.getInternalVMContext());
  try {
    if (library.needs) evaluate(text(SCRIPTS.find((other) => nameOf(other) === library.needs), ""));
    if (library.before) evaluate(library.before);
    evaluate(text(library, form));
    const known = evaluate(`typeof ${library.global} !== "undefined"`);
    if (!known) return { known, errors };
    const did = evaluate(`JSON.stringify([${library.run}])`);
    return { known, did, shape: JSON.stringify(shape(evaluate(library.global), 3)), errors };
  } catch (error) {
    return { known: true, did: `threw ${error.name}: ${error.message}`, errors };
  } finally {
    setImmediate(() => dom.window.close());
  }
}

const faults = [];
const expect = (holds, fault) => holds || faults.push(fault);
for (const library of SCRIPTS) {
  const name = nameOf(library);
  const [original, minified, wrapped] = ["", ".min", ".wrapped"].map((form) => run(library, form));
  expect(original.known && !original.did?.startsWith("threw"), `${name}: the original: ${JSON.stringify(original).slice(0, 300)}`);
  for (const what of ["known", "did", "shape"]) {
    expect(minified[what] === original[what], `${name}: minified, ${what}: ${minified[what]} instead of ${original[what]}`);
  }
  const warned = warnings[`${fileOf(library)}.js`].some((warning) => warning.includes("is declared at the top level"));
  expect(warned === Boolean(library.loses), `${name}: ${warned ? "a warning" : "no warning"} that its name is lost`);
  if (library.loses || library.hidden) {
    expect(!wrapped.known, `${name}: its name is not lost by wrapping`);
  } else {
    for (const what of ["known", "did", "shape"]) {
      expect(wrapped[what] === original[what], `${name}: wrapped, ${what}: ${wrapped[what]} instead of ${original[what]}`);
    }
  }
  expect(wrapped.errors.join() === original.errors.join(), `${name}: wrapped: ${wrapped.errors}`);
  if (process.argv.includes("--verbose")) console.log(name, original.did, original.shape?.length);
}
if (faults.length > 0) {
  console.error(faults.map((fault) => fault.slice(0, 600)).join("\n"));
  process.exit(1);
}
console.log(`ok: ${SCRIPTS.length} scripts do the same, minified and wrapped`);
process.exit(0);
