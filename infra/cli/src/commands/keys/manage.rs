//! `semantest keys create`, `list`, `revoke` and `rotate`, over the API.

use anyhow::Result;
use domain::primitives::NamedValue as _;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::output::print_key;
use crate::cli;
use crate::client::target::{self, IfStopped};
use crate::output;

pub(crate) async fn create(args: &cli::KeysCreate) -> Result<()> {
    let api = target::resolve_operator(&args.target, IfStopped::Start).await?;
    let created: Value =
        api.send_json(api.request(Method::POST, "/admin/keys").json(&request_body(args))).await?;
    print_key(&created, args.json);
    Ok(())
}

pub(crate) async fn list(args: &cli::KeysList) -> Result<()> {
    let api = target::resolve_operator(&args.target, IfStopped::Fail).await?;
    // A client's name has no character that a query would have to escape.
    let path = match &args.client {
        Some(client) => format!("/admin/keys?clientId={client}"),
        None => "/admin/keys".to_owned(),
    };
    let listed: Value = api.send_json(api.request(Method::GET, &path)).await?;
    if args.json {
        output::line(listed);
        return Ok(());
    }
    let keys = listed["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    for key in keys {
        output::line(key_line(key));
    }
    if keys.is_empty() {
        output::note("no keys");
    }
    Ok(())
}

pub(crate) async fn revoke(args: &cli::KeysRevoke) -> Result<()> {
    let api = target::resolve_operator(&args.target, IfStopped::Fail).await?;
    api.send_no_content(api.request(Method::DELETE, &format!("/admin/keys/{}", args.id))).await?;
    output::note("The key stops working within 30 seconds.");
    Ok(())
}

pub(crate) async fn rotate(args: &cli::KeysRotate) -> Result<()> {
    let api = target::resolve_operator(&args.target, IfStopped::Fail).await?;
    let request = api.request(Method::POST, &format!("/admin/keys/{}/rotate", args.id));
    let created: Value = api.send_json(request.json(&json!({ "overlapSeconds": args.overlap }))).await?;
    print_key(&created, args.json);
    Ok(())
}

fn request_body(args: &cli::KeysCreate) -> Value {
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

/// `id  client  scopes  creation  state  name`
fn key_line(key: &Value) -> String {
    let text = |field: &str| key[field].as_str().unwrap_or_default();
    let scopes: Vec<_> = key["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let state = match (key["revokedAt"].as_str(), key["expiresAt"].as_str()) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) => format!("until {at}"),
        (None, None) => "good".to_owned(),
    };
    // A name may hold terminal control sequences.
    let name = text("name").escape_debug();
    let (id, client, created) = (text("id"), text("clientId"), text("createdAt"));
    format!("{id}  {client}  {}  created {created}  {state}  {name}", scopes.join(","))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn request_body_holds_only_given_options() {
        let line = ["semantest", "keys", "create", "--name", "n", "--scope", "chat", "--limit", "*=7"];
        let cli::Command::Keys(cli::Keys::Create(args)) = cli::Cli::parse_from(line).command else {
            panic!("not create")
        };
        assert_eq!(request_body(&args), json!({"name": "n", "scopes": ["chat"], "limits": {"*": 7}}));
    }

    #[test]
    fn key_line_shows_state_and_escapes_control_characters() {
        let mut key = json!({"id": "1", "clientId": "acme", "scopes": ["chat", "images:read"],
            "createdAt": "2024-01-01T00:00:00.000Z", "name": "a\u{1b}[2J"});
        let expected = "1  acme  chat,images:read  created 2024-01-01T00:00:00.000Z  good  a\\u{1b}[2J";
        assert_eq!(key_line(&key), expected);
        key["expiresAt"] = json!("2026-01-01T00:00:00.000Z");
        assert!(key_line(&key).contains("until 2026"));
        key["revokedAt"] = json!("2025-01-01T00:00:00.000Z");
        assert!(key_line(&key).contains("revoked 2025"));
    }
}
