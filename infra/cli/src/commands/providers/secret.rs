//! The secret that holds a deployment's providers document.

use anyhow::{Context as _, Result, anyhow, bail};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretListEntry};

use crate::cli;
use crate::local::{Cloud, DataFolder, RunningCloud, find_running, secrets_manager};
use crate::providers_document::ProvidersDocument;

/// The secret's logical id in template.yaml.
const LOGICAL_ID: &str = "ProvidersSecret";

pub(crate) struct ProvidersSecret {
    client: Client,
    id: String,
    /// The local cloud, if it is that one's.
    local: Option<RunningCloud>,
}

impl ProvidersSecret {
    /// Finds the secret of the selected deployment with the user's AWS credentials, or else that of the
    /// local cloud.
    pub(crate) async fn find(deployment: &cli::Deployment) -> Result<Self> {
        if deployment.stack.is_none() && deployment.secret.is_none() {
            return Self::find_local(&deployment.local).await;
        }
        let sdk = aws::config::load().await;
        sdk.region().context("no AWS region: set AWS_REGION, or a region in ~/.aws/config")?;
        let client = Client::new(&sdk);
        let id = match (&deployment.secret, &deployment.stack) {
            (Some(secret), _) => secret.clone(),
            (None, Some(stack)) => find_by_stack(&client, stack).await?,
            (None, None) => bail!("no deployment selected: use --stack or --secret"),
        };
        Ok(Self { client, id, local: None })
    }

    async fn find_local(local: &cli::LocalArgs) -> Result<Self> {
        let folder = DataFolder::at(&local.data)?;
        let running = find_running(&folder).await.context(
            "no local cloud is running: `semantest up --providers FILE` starts one with a document",
        )?;
        let cloud = Cloud::load(&folder)?.context("the local cloud has no cloud.json: run `semantest up`")?;
        let id = cloud.stack[LOGICAL_ID]
            .as_str()
            .context("the local cloud has no providers secret: run `semantest up`")?;
        Ok(Self { client: secrets_manager(&cloud.url()), id: id.to_owned(), local: Some(running) })
    }

    pub(crate) async fn write(&self, document: &str) -> Result<()> {
        let put = self.client.put_secret_value().secret_id(&self.id).secret_string(document);
        put.send().await.map_err(|error| sdk_error("PutSecretValue", &error))?;
        match &self.local {
            Some(running) => running.save().await,
            None => Ok(()),
        }
    }

    pub(crate) async fn read(&self) -> Result<ProvidersDocument> {
        let answer = self.client.get_secret_value().secret_id(&self.id).send().await;
        let answer = answer.map_err(|error| sdk_error("GetSecretValue", &error))?;
        ProvidersDocument::parse_stored(answer.secret_string.context("the secret is not text")?)
    }
}

/// Finds the ARN of a stack's secret by its tags: the name that CloudFormation gives it ends at random.
async fn find_by_stack(client: &Client, stack: &str) -> Result<String> {
    let tagged = Filter::builder().key(FilterNameStringType::TagValue).values(stack).build();
    let mut pages = client.list_secrets().filters(tagged).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| sdk_error("ListSecrets", &error))?;
        // The filter matches prefixes of values, and the values of every tag.
        let ours = page.secret_list.unwrap_or_default().into_iter().filter(|secret| belongs(secret, stack));
        found.extend(ours.filter_map(|secret| secret.arn));
    }
    match &found[..] {
        [arn] => Ok(arn.clone()),
        [] => bail!("no secret is tagged as {LOGICAL_ID} of the stack {stack} in this account and region"),
        several => bail!(
            "several secrets are tagged as {LOGICAL_ID} of the stack {stack}: select one with --secret: {}",
            several.join(", ")
        ),
    }
}

fn belongs(secret: &SecretListEntry, stack: &str) -> bool {
    let tagged = |key: &str, value: &str| {
        secret.tags().iter().any(|tag| tag.key() == Some(key) && tag.value() == Some(value))
    };
    tagged("aws:cloudformation:stack-name", stack) && tagged("aws:cloudformation:logical-id", LOGICAL_ID)
}

/// The error by its code and message only: the SDK's full description could contain the document.
fn sdk_error<E: ProvideErrorMetadata, R>(call: &str, error: &SdkError<E, R>) -> anyhow::Error {
    match error.code() {
        Some(code) => anyhow!("{call}: {code}: {}", error.message().unwrap_or("no message")),
        None => anyhow!("{call}: no answer: check the network connection to AWS and your AWS credentials"),
    }
}
