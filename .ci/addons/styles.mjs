// Compares the computed values of elements under the original and the minified form of each style sheet.

import { readFileSync } from "node:fs";
import { JSDOM, VirtualConsole } from "jsdom";
import { fileOf, nameOf, STYLES } from "./packages.mjs";

const here = new URL(".", import.meta.url).pathname;
const ELEMENTS = 150;
const PROPERTIES = ["align-items", "background-color", "background-image", "border-top-style", "border-top-width",
  "box-sizing", "clear", "color", "cursor", "display", "flex-direction", "flex-grow", "float", "font-family", "font-size",
  "font-style", "font-weight", "gap", "line-height", "list-style-type", "margin-top", "max-width", "min-height", "opacity",
  "overflow-x", "padding-left", "pointer-events", "position", "table-layout", "text-align", "text-decoration-line",
  "text-transform", "top", "transform", "vertical-align", "visibility", "white-space", "width", "word-break", "z-index"];

// Values that are written in two ways. jsdom already writes colours in one.
const normal = (value) => value.replaceAll(/, +/g, ",").replaceAll('"', "").replaceAll(/\b0\./g, ".").replace(/^bold$/, "700");

const page = () => new JSDOM("<!doctype html><head></head><body></body>", { virtualConsole: new VirtualConsole() });

// Selectors of one compound, without states: an element can be made for each.
function elements(style) {
  const found = new Set();
  for (const [, list] of style.replaceAll(/\/\*[^]*?\*\//g, "").matchAll(/([^{};]+)\{/g)) {
    for (const selector of list.split(",").map((one) => one.trim())) {
      if (/^[a-z][a-z0-9]*$|^[a-z]*\.[a-z][\w-]*$/i.test(selector)) found.add(selector);
    }
  }
  const all = [...found];
  const step = Math.max(1, all.length / ELEMENTS);
  return Array.from({ length: Math.min(ELEMENTS, all.length) }, (_, at) => all[Math.floor(at * step)]);
}

function computed(style, selectors) {
  const { window } = page();
  const { document } = window;
  // jsdom drops the whole list of a selector like `*::before`.
  const readable = style.replaceAll(/::(before|after)/g, ":$1");
  document.head.append(Object.assign(document.createElement("style"), { textContent: readable }));
  const values = {};
  for (const selector of selectors) {
    const [tag, name] = selector.split(".");
    if (["html", "head", "body"].includes(tag)) continue;
    const element = Object.assign(document.createElement(tag || "div"), { className: name ?? "" });
    document.body.append(element);
    const style = window.getComputedStyle(element);
    values[selector] = PROPERTIES.map((property) => normal(style.getPropertyValue(property)));
    element.remove();
  }
  window.close();
  return values;
}

let [failed, count] = [false, 0];
for (const library of STYLES) {
  const read = (form) => readFileSync(`${here}files/${fileOf(library)}${form}.css`, "utf8");
  const selectors = elements(read(""));
  const [original, minified] = [computed(read(""), selectors), computed(read(".min"), selectors)];
  for (const [selector, values] of Object.entries(original)) {
    values.forEach((value, at) => {
      count += 1;
      if (value === minified[selector][at]) return;
      failed = true;
      console.error(`${nameOf(library)}: ${selector} ${PROPERTIES[at]}: ${minified[selector][at]} instead of ${value}`);
    });
  }
}
if (failed) process.exit(1);
console.log(`ok: ${count} values of ${STYLES.length} style sheets are the same`);
