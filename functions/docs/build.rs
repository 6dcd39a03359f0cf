//! Prepares the page that the function serves, so that it computes nothing at run time: the page with the viewer
//! inlined, the Content-Security-Policy that allows exactly these scripts, the ETags for conditional requests,
//! and a gzip copy.

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

/// Sequences that an inline script must not contain, with their replacements: after them a browser does not
/// recognize the script's end. Both occur only in strings and regular expressions, where `\x3C` is equal to `<`.
const IN_SCRIPTS: [(&str, &str); 2] = [("<!--", "\\x3C!--"), ("<script", "\\x3Cscript")];

fn main() -> Result<(), Box<dyn Error>> {
    let assets = Path::new("assets");
    println!("cargo::rerun-if-changed={}", assets.display());
    let read = |name: &str| fs::read_to_string(assets.join(name)).map_err(|error| format!("{name}: {error}"));

    let mut viewer = read("swagger-ui-bundle.js")?;
    for (raw, escaped) in IN_SCRIPTS {
        viewer = viewer.replace(raw, escaped);
    }
    if viewer.to_ascii_lowercase().contains("</script") {
        return Err("the viewer's script contains `</script`, which would end it in a page".into());
    }
    let (start, style, own_style) = (read("start.js")?, read("swagger-ui.css")?, read("page.css")?);
    let style = format!("{style}\n{own_style}");
    let notices = ["swagger-ui.NOTICE", "swagger-ui.LICENSE", "swagger-ui-bundle.js.LICENSE.txt"];
    let notices = notices.into_iter().map(read).collect::<Result<Vec<_>, _>>()?.join("\n\n");
    let notices = notices.replace('&', "&amp;").replace('<', "&lt;");
    let page = read("page.html")?;
    let parts = [("{style}", &style), ("{viewer}", &viewer), ("{start}", &start), ("{notices}", &notices)];
    let page =
        parts.into_iter().try_fold(page, |page, (placeholder, part)| match page.split_once(placeholder) {
            Some((before, after)) => Ok(format!("{before}{part}{after}")),
            None => Err(format!("page.html has no {placeholder}")),
        })?;
    let policy = format!(
        "default-src 'none'; script-src {} {}; style-src {}; img-src data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(&viewer),
        hash(&start),
        hash(&style)
    );

    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);
    fs::write(out.join("page.policy"), policy)?;
    write(&out, "page", page.as_bytes())
}

/// Returns the source expression that allows an inline script or style in a Content-Security-Policy.
fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

fn write(out: &Path, name: &str, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    fs::write(out.join(name), bytes)?;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(bytes)?;
    fs::write(out.join(format!("{name}.gz")), gzip.finish()?)?;
    let tag = URL_SAFE_NO_PAD.encode(&Sha256::digest(bytes)[..12]);
    fs::write(out.join(format!("{name}.tag")), tag)?;
    Ok(())
}
