#!/usr/bin/env bash
# `lightningcss` prints numbers in custom properties with six significant digits and without leading or trailing
# zeros, even without `minify`; and with `minify` it prints the width keyword of a `font` shorthand as a percentage,
# which the shorthand may not have.
#
# Versions: lightningcss 1.33.0 (npm); Node.js 20.
#
# Behavior:
# - `--id:123456789` becomes `--id:123457000`, `--v:1.10` becomes `--v:1.1`, `--i:0007` becomes `--i:7`; the same for
#   `initial-value` of `@property` with the syntax `*`. A custom property is a list of tokens, which scripts read as text:
#   an id or a version number in it is another one afterwards.
# - Integers beside them lose digits too: `counter-increment:a 16777217`. `z-index` keeps its own.
# - `font:condensed 16px cursive` becomes `font:75% 16px cursive`. CSS Fonts 4 allows only the keywords there, so the
#   declaration is dropped. `font-stretch:condensed` becomes `font-stretch:75%`, which is allowed.
#
# Why it matters: a tool that prints style sheets of others with it changes what their scripts read. Taking blanks and
# comments out of the text, and leaving the rest as it is, does not.
#
# Output seen:
#   :root{--id:123456789} => :root{--id:123457000}
#   :root{--t:1700000000123} => :root{--t:1700000000000}
#   :root{--v:1.10} => :root{--v:1.1}
#   :root{--i:0007} => :root{--i:7}
#   @property --q{syntax:"*";inherits:false;initial-value:007} => @property --q{syntax:"*";inherits:false;initial-value:7}
#   a{counter-increment:a 16777217} => a{counter-increment:a 16777200}
#   a{z-index:16777217} => a{z-index:16777217}
#   p{font:condensed 16px cursive} => p{font:75% 16px cursive}
#   p{font-stretch:condensed} => p{font-stretch:75%}
#   without minify: :root{--id:123457000}
#   as recorded
#
# Needs Node.js, npm and a package registry. Exit codes: 0 as recorded, 1 the behavior changed, anything else: the
# script could not install or run the package.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private": true, "type": "module"}' > package.json
npm install --no-audit --no-fund --silent lightningcss@1.33.0 >&2

cat > print.js <<'JS'
import { transform } from 'lightningcss';

const print = (css, minify) => {
  const { code } = transform({ filename: 'a.css', code: Buffer.from(css), minify });
  return code.toString().replace(/\s+/g, ' ').trim();
};
const cases = [
  ':root{--id:123456789}', ':root{--t:1700000000123}', ':root{--v:1.10}', ':root{--i:0007}',
  '@property --q{syntax:"*";inherits:false;initial-value:007}',
  'a{counter-increment:a 16777217}', 'a{z-index:16777217}',
  'p{font:condensed 16px cursive}', 'p{font-stretch:condensed}',
];
for (const css of cases) console.log(`${css} => ${print(css, true)}`);
console.log(`without minify: ${print(cases[0], false).replace(/[ ;]/g, '')}`);
JS

node print.js > seen || exit 2
cat seen
cat > expected <<'TEXT'
:root{--id:123456789} => :root{--id:123457000}
:root{--t:1700000000123} => :root{--t:1700000000000}
:root{--v:1.10} => :root{--v:1.1}
:root{--i:0007} => :root{--i:7}
@property --q{syntax:"*";inherits:false;initial-value:007} => @property --q{syntax:"*";inherits:false;initial-value:7}
a{counter-increment:a 16777217} => a{counter-increment:a 16777200}
a{z-index:16777217} => a{z-index:16777217}
p{font:condensed 16px cursive} => p{font:75% 16px cursive}
p{font-stretch:condensed} => p{font-stretch:75%}
without minify: :root{--id:123457000}
TEXT
if diff expected seen; then
    echo "as recorded"
else
    echo "the behavior changed"
    exit 1
fi
