// The libraries, at exact versions, with the file that a page would load and a program that uses it. As a program,
// it prints what npm has to install.

import { pathToFileURL } from "node:url";

const TOOLS = ["jsdom@29.1.1", "esbuild@0.28.2"];

// `module` is made into one script with a global name, as authors do for pages without modules.
// `loses`: the name is lost in a function of its own, and the build must warn of it.
// `hidden`: the same for a function, of which the build does not warn, since a script's own functions are hidden too.
export const SCRIPTS = [
  { npm: "jquery@4.0.0", file: "dist/jquery.js", global: "jQuery",
    run: `jQuery("<p class=a>x</p>").appendTo("body").addClass("b").text() + jQuery(".b").length` },
  { npm: "lodash@4.18.1", file: "lodash.js", global: "_",
    run: `[_.chunk([1, 2, 3], 2), _.camelCase("a b c"), _.merge({ a: { b: 1 } }, { a: { c: 2 } }), _.template("<%= x %>!")({ x: 1 })]` },
  { npm: "preact@11.2.0", module: "dist/preact.mjs", global: "preact", loses: true,
    run: `(preact.render(preact.h("p", { class: "a" }, "x"), document.body), document.body.innerHTML)` },
  { npm: "htm@3.1.1", file: "dist/htm.umd.js", global: "htm",
    run: "htm.bind((type, props, ...children) => ({ type, props, children }))`<a b=${1}>c<d/></a>`" },
  { npm: "lit@3.3.3", module: "index.js", global: "lit", loses: true,
    run: "(lit.render(lit.html`<p class=${'a'}>${[1, 2]}</p>`, document.body), document.body.textContent)" },
  { npm: "alpinejs@3.17.5", file: "dist/cdn.js", global: "Alpine",
    before: `document.body.innerHTML = "<p x-data='{a: 1}' x-text='a + 1'></p>"`, run: `Alpine.version` },
  { npm: "d3@7.9.2", file: "dist/d3.js", global: "d3",
    run: `[d3.range(3), d3.max([1, 5, 2]), d3.scaleLinear([0, 1], [0, 10])(.3), d3.format(",.2f")(1234.5), d3.color("red").formatHex()]` },
  { npm: "dayjs@1.11.23", file: "dayjs.min.js", global: "dayjs",
    run: `dayjs("2026-01-31").add(1, "month").format("YYYY-MM-DD dddd")` },
  { npm: "zod@4.6.7", module: "index.js", global: "zod", loses: true,
    run: `[zod.z.object({ a: zod.z.string().min(2) }).safeParse({ a: "b" }).error.issues, zod.z.coerce.number().parse("3")]` },
  { npm: "turndown@7.2.5", file: "dist/turndown.js", global: "TurndownService", loses: true,
    run: `new TurndownService().turndown("<h1>a</h1><ul><li><b>c</b></li></ul>")` },
  { npm: "@mozilla/readability@0.6.0", file: "Readability.js", global: "Readability", hidden: true,
    run: `(document.body.innerHTML = "<article>" + "<p>a, b, c</p>".repeat(90) + "</article>", new Readability(document).parse().length)` },
  { npm: "dompurify@3.5.0", file: "dist/purify.js", global: "DOMPurify",
    run: `DOMPurify.sanitize("<img src=x onerror=alert(1)><b>a</b>")` },
  { npm: "marked@18.2.1", file: "lib/marked.umd.js", global: "marked",
    run: `marked.parse("# a\\n\\n* b\\n* **c**\\n\\n|d|e|\\n|-|-|\\n|f|g|")` },
  { npm: "@highlightjs/cdn-assets@11.12.0", file: "highlight.js", global: "hljs", loses: true,
    run: `hljs.highlight("let a = 'b' // c", { language: "javascript" }).value` },
  { npm: "hyperscript.org@0.9.93", file: "dist/_hyperscript.js", global: "_hyperscript",
    run: `_hyperscript("1 + (2 * 3)")` },
  { npm: "hyperscript@2.0.2", module: "index.js", global: "hyperscript", loses: true,
    run: `hyperscript("a#b.c", { href: "d" }, "e").outerHTML` },
  { npm: "mitt@3.0.1", file: "dist/mitt.umd.js", global: "mitt",
    run: `(() => { const got = [], bus = mitt(); bus.on("a", (x) => got.push(x)); bus.emit("a", 1); return got })()` },
  { npm: "nanoid@5.1.16", module: "index.browser.js", global: "nanoid", loses: true,
    run: `[nanoid.nanoid(9).length, /^[ab]{5}$/.test(nanoid.customAlphabet("ab", 5)())]` },
  { npm: "@popperjs/core@2.11.8", file: "dist/umd/popper.js", global: "Popper",
    run: `Popper.createPopper(document.body, document.createElement("p")).state.options.placement` },
  { npm: "tippy.js@6.3.7", file: "dist/tippy.umd.js", global: "tippy", needs: "@popperjs/core",
    run: `tippy(document.body, { content: "a" }).props.content` },
  { npm: "sweetalert2@11.26.25", file: "dist/sweetalert2.js", global: "Sweetalert2",
    run: `(Sweetalert2.fire({ title: "a" }).then(() => {}), document.querySelector(".swal2-title").textContent)` },
  { npm: "mousetrap@1.6.5", file: "mousetrap.js", global: "Mousetrap",
    run: `(() => { let got = 0; Mousetrap.bind("a", () => got++); Mousetrap.trigger("a"); return got })()` },
  { npm: "underscore@1.13.8", file: "underscore-umd.js", global: "_",
    run: `[_.groupBy([1, 2, 3], (x) => x % 2), _.template("<%= a %>")({ a: 1 }), _.range(3)]` },
  { npm: "mustache@4.2.0", file: "mustache.js", global: "Mustache",
    run: `Mustache.render("{{#a}}{{b}};{{/a}}", { a: [{ b: "<" }, { b: 2 }] })` },
  { npm: "vue@3.5.45", file: "dist/vue.global.js", global: "Vue", loses: true,
    run: `(Vue.createApp({ data: () => ({ a: 1 }), template: "<p :class='{b: a}'>{{ a + 1 }}</p>" }).mount(document.body), document.body.innerHTML)` },
  { npm: "react@18.3.1", file: "umd/react.development.js", global: "React",
    run: `React.createElement("p", { a: 1 }, "b").props` },
  { npm: "react-dom@18.3.1", file: "umd/react-dom.development.js", global: "ReactDOM", needs: "react",
    run: `(ReactDOM.flushSync(() => ReactDOM.createRoot(document.body).render(React.createElement("p", null, "a"))), document.body.innerHTML)` },
  { npm: "moment@2.31.0", file: "moment.js", global: "moment",
    run: `moment.utc("2026-01-31").add(1, "month").format("LLLL")` },
  { npm: "immutable@5.2.1", file: "dist/immutable.js", global: "Immutable",
    run: `[Immutable.Map({ a: 1 }).set("b", 2).toJS(), Immutable.List([1, 2]).map((x) => x * 2).toString()]` },
  { npm: "rxjs@7.8.2", file: "dist/bundles/rxjs.umd.js", global: "rxjs",
    run: `(() => { const got = []; rxjs.of(1, 2, 3).pipe(rxjs.operators.map((x) => x * 2)).subscribe((x) => got.push(x)); return got })()` },
  { npm: "ramda@0.32.0", file: "dist/ramda.js", global: "R",
    run: `[R.pipe(R.map(R.inc), R.sum)([1, 2]), R.path(["a", "b"], { a: { b: 1 } })]` },
  { npm: "htmx.org@4.0.1", file: "dist/htmx.js", global: "htmx", loses: true, run: `Object.keys(htmx.config).sort()` },
  { npm: "chart.js@4.6.1", file: "dist/chart.umd.js", global: "Chart", run: `[Chart.version, Chart.defaults.font.size]` },
  { npm: "bootstrap@5.3.9", file: "dist/js/bootstrap.bundle.js", global: "bootstrap",
    run: `(() => { const p = document.createElement("p"); document.body.append(p); new bootstrap.Collapse(p, { toggle: false }).show(); return p.className })()` },
];

export const STYLES = [
  { npm: "bootstrap@5.3.9", file: "dist/css/bootstrap.css" },
  { npm: "normalize.css@8.0.1", file: "normalize.css" },
  { npm: "animate.css@4.1.1", file: "animate.css" },
  { npm: "tailwindcss@4.3.5", file: "preflight.css" },
  { npm: "bulma@1.0.4", file: "css/bulma.css" },
  { npm: "@picocss/pico@2.1.1", file: "css/pico.css" },
  { npm: "github-markdown-css@5.9.0", file: "github-markdown.css" },
  { npm: "@highlightjs/cdn-assets@11.12.0", file: "styles/github.css" },
  { npm: "@fortawesome/fontawesome-free@7.3.1", file: "css/all.css" },
  { npm: "water.css@2.1.1", file: "out/water.css" },
  { npm: "sweetalert2@11.26.25", file: "dist/sweetalert2.css" },
];

export const nameOf = ({ npm }) => npm.slice(0, npm.lastIndexOf("@"));
export const fileOf = (library) => nameOf(library).replaceAll(/[@/.]/g, "-");

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  console.log([...new Set([...TOOLS, ...[...SCRIPTS, ...STYLES].map(({ npm }) => npm)])].join("\n"));
}
