//! `semantest keys`, over the API.

use anyhow::Result;
use domain::primitives::Word as _;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::target;
use crate::cli;

/// Makes a key.
pub(crate) async fn create(args: &cli::KeysCreate) -> Result<()> {
    let api = target::resolve_admin(&args.target).await?;
    let made: Value = api.take(api.request(Method::POST, "/admin/keys").json(&request(args))).await?;
    show(&made, args.json);
    Ok(())
}

/// Lists a client's keys.
pub(crate) async fn list(args: &cli::KeysList) -> Result<()> {
    let api = target::resolve_admin(&args.target).await?;
    // A client's name has no character that a query would have to escape.
    let path = match &args.client {
        Some(client) => format!("/admin/keys?clientId={client}"),
        None => "/admin/keys".to_owned(),
    };
    let listed: Value = api.take(api.request(Method::GET, &path)).await?;
    if args.json {
        println!("{listed}");
        return Ok(());
    }
    for key in listed["keys"].as_array().into_iter().flatten() {
        println!("{}", line(key));
    }
    Ok(())
}

/// Ends a key.
pub(crate) async fn revoke(args: &cli::KeysRevoke) -> Result<()> {
    let api = target::resolve_admin(&args.target).await?;
    api.done(api.request(Method::DELETE, &format!("/admin/keys/{}", args.id))).await?;
    eprintln!("It stops within 30 seconds.");
    Ok(())
}

/// Replaces a key.
pub(crate) async fn rotate(args: &cli::KeysRotate) -> Result<()> {
    let api = target::resolve_admin(&args.target).await?;
    let request = api.request(Method::POST, &format!("/admin/keys/{}/rotate", args.id));
    let made: Value = api.take(request.json(&json!({ "overlapSeconds": args.overlap }))).await?;
    show(&made, args.json);
    Ok(())
}

/// Prints a new key: the only time that anybody sees it.
pub(crate) fn show(made: &Value, as_json: bool) {
    if as_json {
        println!("{made}");
    } else {
        println!("{}", made["key"].as_str().unwrap_or_default());
        eprintln!("It is not shown again.");
    }
}

fn request(args: &cli::KeysCreate) -> Value {
    let mut body = Map::new();
    body.insert("name".to_owned(), json!(args.name.as_str()));
    body.insert("scopes".to_owned(), json!(args.scopes));
    if let Some(client) = &args.client {
        body.insert("clientId".to_owned(), json!(client));
    }
    if !args.limits.is_empty() {
        let limits = args.limits.iter().map(|(endpoint, limit)| (endpoint.as_str().to_owned(), json!(limit)));
        body.insert("limits".to_owned(), Value::Object(limits.collect()));
    }
    Value::Object(body)
}

/// `id  client  scopes  state  name`
fn line(key: &Value) -> String {
    let text = |name: &str| key[name].as_str().unwrap_or_default();
    let scopes: Vec<_> = key["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let state = match (key["revokedAt"].as_str(), key["expiresAt"].as_str()) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) => format!("until {at}"),
        (None, None) => "good".to_owned(),
    };
    // A name may hold what a terminal would obey.
    let name = text("name").escape_debug();
    format!("{}  {}  {}  {state}  {name}", text("id"), text("clientId"), scopes.join(","))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn a_request_says_only_what_was_said() {
        let words = ["semantest", "keys", "create", "--name", "n", "--scope", "chat", "--limit", "*=7"];
        let cli::Command::Keys(cli::Keys::Create(args)) = cli::Cli::parse_from(words).command else {
            panic!("not create")
        };
        assert_eq!(request(&args), json!({"name": "n", "scopes": ["chat"], "limits": {"*": 7}}));
    }

    #[test]
    fn a_line_tells_how_a_key_stands_and_cannot_command_the_terminal() {
        let mut key =
            json!({"id": "1", "clientId": "acme", "scopes": ["chat", "images:read"], "name": "a\u{1b}[2J"});
        assert_eq!(line(&key), "1  acme  chat,images:read  good  a\\u{1b}[2J");
        key["expiresAt"] = json!("2026-01-01T00:00:00.000Z");
        assert!(line(&key).contains("until 2026"));
        key["revokedAt"] = json!("2025-01-01T00:00:00.000Z");
        assert!(line(&key).contains("revoked 2025"));
    }
}
