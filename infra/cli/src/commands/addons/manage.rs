//! `semantest addons list`, `show`, `status` and `delete`.

use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _};

use anyhow::{Result, bail};
use reqwest::Method;
use serde_json::{Map, Value, json};
use url::form_urlencoded::Serializer;

use super::output::{details, list_line, version_line};
use crate::cli;
use crate::client::api::Api;
use crate::client::target::{self, IfStopped};
use crate::output;

/// The API's maximum number of addons in a page.
const PAGE_SIZE: usize = 100;

pub(super) async fn list(args: &cli::AddonsList) -> Result<()> {
    let api = target::resolve_operator(&args.target, IfStopped::Fail).await?;
    let addons = all(&api, args).await?;
    for addon in &addons {
        if args.json {
            output::line(addon);
        } else {
            output::line(list_line(addon));
        }
    }
    if addons.is_empty() && !args.json {
        output::note("no addons");
    }
    Ok(())
}

/// The addons of all pages.
pub(super) async fn all(api: &Api, args: &cli::AddonsList) -> Result<Vec<Value>> {
    let (mut addons, mut seen) = (Vec::new(), BTreeSet::new());
    for page in 1_u64.. {
        let filters = [("status", &args.status), ("type", &args.kind), ("domain", &args.domain)];
        let filters = filters.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let (page, page_size) = (page.to_string(), PAGE_SIZE.to_string());
        let pages = [("page", page.as_str()), ("pageSize", &page_size)];
        let query = Serializer::new(String::new()).extend_pairs(filters.chain(pages)).finish();
        let mut listed: Value = api.send_json(api.request(Method::GET, &format!("/addons?{query}"))).await?;
        let found = listed["addons"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let ended = found.is_empty() || listed["hasMore"] != true;
        // What is published in the meantime moves others to the next page.
        addons.extend(found.into_iter().filter(|addon| seen.insert(addon["id"].to_string())));
        if ended {
            break;
        }
    }
    Ok(addons)
}

pub(super) async fn show(args: &cli::AddonsShow) -> Result<()> {
    let api = target::resolve_operator(&args.target, IfStopped::Fail).await?;
    let metadata = metadata(&api, &args.id, args.version.as_deref()).await?;
    if args.json {
        output::line(metadata);
        return Ok(());
    }
    for line in details(&metadata) {
        output::line(line);
    }
    if args.version.is_none() {
        let path = format!("/addons/{}/versions", args.id);
        let listed: Value = api.send_json(api.request(Method::GET, &path)).await?;
        for version in listed["versions"].as_array().into_iter().flatten() {
            output::line(version_line(version));
        }
    }
    Ok(())
}

/// The metadata of a version, by default of the newest.
pub(super) async fn metadata(api: &Api, id: &str, version: Option<&str>) -> Result<Value> {
    let query = version.map(|version| {
        let query = Serializer::new(String::new()).append_pair("version", version).finish();
        format!("?{query}")
    });
    let path = format!("/addons/{id}/metadata{}", query.unwrap_or_default());
    api.send_json(api.request(Method::GET, &path)).await
}

pub(super) async fn status(args: &cli::AddonsStatus) -> Result<()> {
    let api = target::resolve_operator(&args.target, IfStopped::Fail).await?;
    let metadata = change_status(&api, args).await?;
    if args.json {
        output::line(metadata);
    } else {
        output::line(list_line(&metadata));
    }
    Ok(())
}

/// Returns the metadata of the version, or of the newest.
pub(super) async fn change_status(api: &Api, args: &cli::AddonsStatus) -> Result<Value> {
    let request = api.request(Method::PATCH, &format!("/admin/addons/{}/status", args.id));
    api.send_json(request.json(&status_body(args))).await
}

pub(super) fn status_body(args: &cli::AddonsStatus) -> Value {
    let mut body = Map::from_iter([("status".to_owned(), json!(args.status))]);
    let texts = [("version", &args.version), ("reason", &args.reason), ("deprecationMessage", &args.message)];
    for (name, value) in texts {
        if let Some(value) = value {
            body.insert(name.to_owned(), json!(value));
        }
    }
    Value::Object(body)
}

pub(super) async fn delete(args: &cli::AddonsDelete) -> Result<()> {
    let api = target::resolve_operator(&args.target, IfStopped::Fail).await?;
    if !args.yes && !confirmed(&args.id)? {
        bail!("nothing is deleted");
    }
    remove(&api, &args.id).await?;
    output::line(format_args!("deleted {}", args.id));
    Ok(())
}

pub(super) async fn remove(api: &Api, id: &str) -> Result<()> {
    api.send_no_content(api.request(Method::DELETE, &format!("/admin/addons/{id}"))).await
}

/// Asks on a terminal. A script has decided already.
fn confirmed(id: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(true);
    }
    output::note(format_args!(
        "delete {id} with all its versions, whose numbers cannot be published again? [y/N]"
    ));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(is_yes(&answer))
}

pub(super) fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}
