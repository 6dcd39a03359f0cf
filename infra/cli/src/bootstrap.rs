//! `semantest keys bootstrap`: the first key of a deployment, by the operator's own rights in AWS.

use anyhow::{Context as _, Result, bail};
use aws::access::AccessTable;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use domain::Timestamp;
use domain::access::{ApiKey, ClientId, KeyRecord, KeyRegistry as _, Scope};
use serde_json::json;

use crate::{cli, client};

/// Makes a key of the client `operator` with every scope.
pub(crate) async fn run(args: &cli::KeysBootstrap) -> Result<()> {
    let sdk = aws::config::load().await;
    sdk.region().context("no AWS region: set AWS_REGION, or one in ~/.aws/config")?;
    let dynamodb = Client::new(&sdk);
    let table = match (&args.table, &args.stack) {
        (Some(table), _) => table.clone(),
        (None, Some(stack)) => find(&dynamodb, stack).await?,
        (None, None) => bail!("say which deployment: --stack or --table"),
    };
    let key = ApiKey::generate();
    let name = "made by `semantest keys bootstrap`".parse()?;
    let record =
        KeyRecord::new(&key, ClientId::OPERATOR.parse()?, name, Scope::ALL.to_vec(), Timestamp::now());
    AccessTable::new(dynamodb, table).add(&record).await?;
    client::keys::show(&shown(&key, &record), args.json);
    Ok(())
}

/// A key and its record as the API would answer.
pub(crate) fn shown(key: &ApiKey, record: &KeyRecord) -> serde_json::Value {
    json!({
        "id": record.id,
        "key": key.expose(),
        "clientId": record.client_id,
        "name": record.name,
        "scopes": record.scopes,
        "createdAt": record.created_at.to_string(),
    })
}

/// The access table of a stack: CloudFormation names it after both, with a random ending.
async fn find(dynamodb: &Client, stack: &str) -> Result<String> {
    let prefix = format!("{stack}-AccessTable-");
    let mut names = dynamodb.list_tables().into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(name) = names.next().await {
        // The SDK's own words: here is the operator, who may see them.
        let name = name.map_err(|error| anyhow::anyhow!("{}", DisplayErrorContext(error)))?;
        if name.starts_with(&prefix) {
            found.push(name);
        }
    }
    match &found[..] {
        [table] => Ok(table.clone()),
        [] => bail!("no table begins with {prefix} in this account and region"),
        several => bail!("several tables begin with {prefix}: name one with --table: {}", several.join(", ")),
    }
}
