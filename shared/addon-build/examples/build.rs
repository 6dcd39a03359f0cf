//! Builds files as a publication does, for `.ci/addons-check`: beside each `FILE.js` or `FILE.css`, it writes
//! `FILE.min.…`, for a script also `FILE.wrapped.js`, and prints the warnings as one JSON object by file.

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs, io};

use addon_build::{Built, Diagnostic, OldestChrome};

fn main() -> io::Result<()> {
    let mut warnings = BTreeMap::new();
    for file in env::args().skip(1) {
        let source = fs::read_to_string(&file)?;
        let built =
            build(&file, &source).map_err(|faults| io::Error::other(format!("{file}: {faults:#?}")))?;
        let path = Path::new(&file);
        if path.extension().is_some_and(|extension| extension == "css") {
            fs::write(path.with_extension("min.css"), &built.minified)?;
        } else {
            fs::write(path.with_extension("min.js"), &built.minified)?;
            fs::write(path.with_extension("wrapped.js"), addons::bundle::wrap("checked", &built.minified))?;
        }
        warnings.insert(file, built.warnings);
    }
    println!("{}", serde_json::to_string(&warnings)?);
    Ok(())
}

fn build(file: &str, source: &str) -> Result<Built, Vec<Diagnostic>> {
    if file.ends_with(".css") {
        addon_build::style(source, OldestChrome::FLOOR)
    } else {
        addon_build::script(source, file, OldestChrome::FLOOR)
    }
}
