//! Finds a secret of a deployment's stack.

use anyhow::{Context as _, Result, bail};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretListEntry};

use crate::aws_error::sdk_error;
use crate::cli;
use crate::local::{Cloud, DataFolder, RunningCloud, find_running, secrets_manager};

/// Which deployment's secret to use.
pub(crate) struct Selection<'a> {
    pub(crate) stack: Option<&'a str>,
    /// The name or the ARN of the secret.
    pub(crate) secret: Option<&'a str>,
    /// The local cloud to use if neither is given.
    pub(crate) local: &'a cli::LocalArgs,
}

/// A secret of a deployment.
pub(crate) struct StackSecret {
    pub(crate) client: Client,
    pub(crate) id: String,
    /// The local cloud, if it is that one's.
    local: Option<RunningCloud>,
}

impl StackSecret {
    /// Finds the secret with the logical id `name` in template.yaml, by the user's AWS credentials, or else that
    /// of the local cloud.
    pub(crate) async fn find(name: &str, selection: &Selection<'_>) -> Result<Self> {
        if selection.stack.is_none() && selection.secret.is_none() {
            return Self::find_local(name, selection.local).await;
        }
        let sdk = aws::config::loader().load().await;
        sdk.region().context("no AWS region: set AWS_REGION, or a region in ~/.aws/config")?;
        let client = Client::new(&sdk);
        let id = match (selection.secret, selection.stack) {
            (Some(secret), _) => secret.to_owned(),
            (None, Some(stack)) => find_by_stack(&client, stack, name).await?,
            (None, None) => bail!("no deployment selected: use --stack or --secret"),
        };
        Ok(Self { client, id, local: None })
    }

    async fn find_local(name: &str, local: &cli::LocalArgs) -> Result<Self> {
        let folder = DataFolder::at(&local.data)?;
        let running =
            find_running(&folder).await.context("no local cloud is running: start it with `semantest up`")?;
        let cloud = Cloud::load(&folder)?.context("the local cloud has no cloud.json: run `semantest up`")?;
        let id = cloud.stack[name]
            .as_str()
            .with_context(|| format!("the local cloud has no {name}: run `semantest up`"))?;
        Ok(Self { client: secrets_manager(&cloud.url()), id: id.to_owned(), local: Some(running) })
    }

    /// Keeps a change of the secret: the local cloud writes it to its disk at once.
    pub(crate) async fn keep(&self) -> Result<()> {
        match &self.local {
            Some(running) => running.save().await,
            None => Ok(()),
        }
    }
}

/// Finds the ARN of a stack's secret by its tags: the name that CloudFormation gives it ends at random.
async fn find_by_stack(client: &Client, stack: &str, name: &str) -> Result<String> {
    let tagged = Filter::builder().key(FilterNameStringType::TagValue).values(stack).build();
    let mut pages = client.list_secrets().filters(tagged).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| sdk_error("ListSecrets", &error))?;
        // The filter matches prefixes of values, and the values of every tag.
        let ours =
            page.secret_list.unwrap_or_default().into_iter().filter(|secret| belongs(secret, stack, name));
        found.extend(ours.filter_map(|secret| secret.arn));
    }
    match &found[..] {
        [arn] => Ok(arn.clone()),
        [] => bail!("no secret is tagged as {name} of the stack {stack} in this account and region"),
        several => bail!(
            "several secrets are tagged as {name} of the stack {stack}: select one with --secret: {}",
            several.join(", ")
        ),
    }
}

fn belongs(secret: &SecretListEntry, stack: &str, name: &str) -> bool {
    let tagged = |key: &str, value: &str| {
        secret.tags().iter().any(|tag| tag.key() == Some(key) && tag.value() == Some(value))
    };
    tagged("aws:cloudformation:stack-name", stack) && tagged("aws:cloudformation:logical-id", name)
}
