#!/usr/bin/env bash
# The printer of oxc writes `</script` in every template as `<\/script`, also where a tag reads the raw text.
#
# Versions: oxc-minify 0.157.0 (npm); Node.js 20. Seen with the Rust crate oxc_codegen 0.146.0 too.
#
# Behavior:
# - In a string and in a template without a tag the two are the same value.
# - `String.raw` and every other tag that reads `strings.raw` get the backslash: another text than in the source. It is
#   so with `compress` and `mangle` off, and there is no option against it.
#
# Why it matters: the escape serves code that is put into the HTML of a page. Code that is loaded as a file needs none, and
# a template library with `</script>` in a tagged template writes another page after it was minified.
#
# Output seen:
#   String.raw`</script>`: "</script>" before, "<\\/script>" after
#   `</script>`: "</script>" before, "</script>" after
#   "</script>": "</script>" before, "</script>" after
#   as recorded
#
# Needs Node.js, npm and a package registry. Exit codes: 0 as recorded, 1 the behavior changed, anything else: the
# script could not install or run the package.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private": true, "type": "module"}' > package.json
npm install --no-audit --no-fund --silent oxc-minify@0.157.0 >&2

cat > print.js <<'JS'
import vm from 'node:vm';
import { minifySync } from 'oxc-minify';

for (const source of ['String.raw`</script>`', '`</script>`', '"</script>"']) {
  const { code } = minifySync('a.js', source, { compress: false, mangle: false });
  const value = (text) => JSON.stringify(vm.runInNewContext(text));
  console.log(`${source}: ${value(source)} before, ${value(code)} after`);
}
JS

node print.js > seen || exit 2
cat seen
cat > expected <<'TEXT'
String.raw`</script>`: "</script>" before, "<\\/script>" after
`</script>`: "</script>" before, "</script>" after
"</script>": "</script>" before, "</script>" after
TEXT
if diff expected seen; then
    echo "as recorded"
else
    echo "the behavior changed"
    exit 1
fi
