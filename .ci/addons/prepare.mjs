// Puts the file of each library into files/.

import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { buildSync } from "esbuild";
import { fileOf, nameOf, SCRIPTS, STYLES } from "./packages.mjs";

const here = new URL(".", import.meta.url).pathname;
rmSync(`${here}files`, { recursive: true, force: true });
mkdirSync(`${here}files`);
for (const library of SCRIPTS) {
  const [from, to] = [`${here}node_modules/${nameOf(library)}/`, `${here}files/${fileOf(library)}.js`];
  if (library.module) {
    buildSync({ entryPoints: [from + library.module], bundle: true, format: "iife", globalName: library.global,
      platform: "browser", outfile: to });
  } else {
    copyFileSync(from + library.file, to);
  }
}
for (const library of STYLES) {
  copyFileSync(`${here}node_modules/${nameOf(library)}/${library.file}`, `${here}files/${fileOf(library)}.css`);
}
