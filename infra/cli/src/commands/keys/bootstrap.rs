//! `semantest keys bootstrap`: creates the first key of a deployment with the operator's AWS credentials.

use anyhow::{Context as _, Result, bail};
use aws::access::AccessTable;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use domain::Timestamp;
use domain::access::{ApiKey, ClientId, KeyRecord, KeyRegistry as _, Scope};
use domain::primitives::NamedValue as _;

use super::output;
use crate::cli;

/// Creates a key of the client `operator` with every scope.
pub(crate) async fn run(args: &cli::KeysBootstrap) -> Result<()> {
    let sdk = aws::config::loader().load().await;
    sdk.region().context("no AWS region: set AWS_REGION, or a region in ~/.aws/config")?;
    let dynamodb = Client::new(&sdk);
    let table = match (&args.table, &args.stack) {
        (Some(table), _) => table.clone(),
        (None, Some(stack)) => find_table(&dynamodb, stack).await?,
        (None, None) => bail!("no deployment selected: use --stack or --table"),
    };
    let key = ApiKey::generate();
    let name = "made by `semantest keys bootstrap`".parse()?;
    let record =
        KeyRecord::new(&key, ClientId::OPERATOR.parse()?, name, Scope::ALL.to_vec(), Timestamp::now());
    AccessTable::new(dynamodb, table).add(&record).await?;
    output::print_key(&output::key_json(&key, &record), args.json);
    Ok(())
}

/// Finds the access table of a stack. CloudFormation names it `<stack>-AccessTable-<random>`.
async fn find_table(dynamodb: &Client, stack: &str) -> Result<String> {
    let prefix = format!("{stack}-AccessTable-");
    let mut names = dynamodb.list_tables().into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(name) = names.next().await {
        // The full SDK error is safe to show: the user is the operator.
        let name = name.map_err(|error| anyhow::anyhow!("{}", DisplayErrorContext(error)))?;
        if name.starts_with(&prefix) {
            found.push(name);
        }
    }
    match &found[..] {
        [table] => Ok(table.clone()),
        [] => bail!("no table name begins with {prefix} in this account and region"),
        several => {
            bail!("several table names begin with {prefix}: select one with --table: {}", several.join(", "))
        }
    }
}
