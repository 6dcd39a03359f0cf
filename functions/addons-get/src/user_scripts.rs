//! The user scripts and style sheets of a domain, as Chromium takes them.

use addons::bundle;
use app::addons::page::Page;
use domain::addons::Release;
use domain::{Error, Timestamp};
use edge::api::addons::page::{UserCode, UserScript, UserScripts, UserStyle};
use serde::Serialize;

use crate::Addons;
use crate::signatures::Keys;

/// What is signed.
#[derive(Serialize)]
struct Signed<'a> {
    scripts: &'a [UserScript],
    styles: &'a [UserStyle],
}

/// Puts the answer together, and signs it.
pub(crate) async fn build(
    addons: &Addons<'_>,
    page: &Page<'_>,
    keys: &Keys,
    domain: &str,
    now: Timestamp,
) -> Result<Vec<u8>, Error> {
    let (scripts, styles) = page.placements();
    let releases: Vec<&Release> = scripts.iter().chain(&styles).map(|(release, _)| *release).collect();
    let mut contents = addons.contents.minified(&releases).await?.into_iter();
    let scripts: Vec<_> = scripts
        .iter()
        .zip(contents.by_ref())
        .map(|((_, placed), content)| UserScript {
            id: placed.script_id.clone(),
            matches: placed.area.matches().into_iter().collect(),
            exclude_matches: placed.area.excludes().into_iter().collect(),
            js: vec![UserCode { code: bundle::wrap(placed.addon, &content) }],
            run_at: placed.run_at.as_str(),
            all_frames: placed.all_frames,
            world: placed.world.as_str(),
        })
        .collect();
    let styles: Vec<_> = styles
        .iter()
        .zip(contents)
        .map(|((_, placed), css)| UserStyle {
            id: placed.script_id.clone(),
            matches: placed.area.matches().into_iter().collect(),
            exclude_matches: placed.area.excludes().into_iter().collect(),
            css,
        })
        .collect();
    let signed =
        serde_json::to_string(&Signed { scripts: &scripts, styles: &styles }).map_err(Error::internal)?;
    let signature = keys.of_user_scripts(domain, &signed, now);
    serde_json::to_vec(&UserScripts { scripts, styles, signature }).map_err(Error::internal)
}
