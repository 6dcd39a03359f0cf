//! Where the providers document of a deployment lies.

use anyhow::{Context as _, Result, anyhow, bail};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretListEntry};

use super::document::Document;
use crate::cli;
use crate::local::{self, Cloud, Folder};

/// The secret's name in template.yaml.
const LOGICAL_ID: &str = "ProvidersSecret";

/// The secret that holds a deployment's providers document.
pub(crate) struct Vault {
    client: Client,
    id: String,
}

impl Vault {
    /// Of the deployment that was named, with the user's own rights in AWS, or of the local cloud.
    pub(crate) async fn of(deployment: &cli::Deployment) -> Result<Self> {
        if deployment.stack.is_none() && deployment.secret.is_none() {
            return Self::local(&deployment.place).await;
        }
        let sdk = aws::config::load().await;
        sdk.region().context("no AWS region: set AWS_REGION, or one in ~/.aws/config")?;
        let client = Client::new(&sdk);
        let id = match (&deployment.secret, &deployment.stack) {
            (Some(secret), _) => secret.clone(),
            (None, Some(stack)) => find(&client, stack).await?,
            (None, None) => bail!("say which deployment: --stack or --secret"),
        };
        Ok(Self { client, id })
    }

    async fn local(place: &cli::Place) -> Result<Self> {
        let folder = Folder::at(&place.data)?;
        local::running(&folder)
            .await
            .context("no local cloud runs: `semantest up --providers FILE` starts it with a document")?;
        let cloud = Cloud::load(&folder)?.context("the cloud has no record of itself: run `semantest up`")?;
        let id =
            cloud.stack[LOGICAL_ID].as_str().context("the cloud has no such secret: run `semantest up`")?;
        Ok(Self { client: local::access::secrets(&cloud.url()), id: id.to_owned() })
    }

    /// Replaces the document.
    pub(crate) async fn write(&self, document: &str) -> Result<()> {
        let put = self.client.put_secret_value().secret_id(&self.id).secret_string(document);
        put.send().await.map_err(|error| refused("PutSecretValue", &error))?;
        Ok(())
    }

    /// The document as it is now.
    pub(crate) async fn read(&self) -> Result<Document> {
        let answer = self.client.get_secret_value().secret_id(&self.id).send().await;
        let answer = answer.map_err(|error| refused("GetSecretValue", &error))?;
        Document::parse_stored(answer.secret_string.context("the secret is not text")?)
    }
}

/// The secret of a stack: CloudFormation names it by chance, and tags it with the stack's name.
async fn find(client: &Client, stack: &str) -> Result<String> {
    let tagged = Filter::builder().key(FilterNameStringType::TagValue).values(stack).build();
    let mut all = client.list_secrets().filters(tagged).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = all.next().await {
        let page = page.map_err(|error| refused("ListSecrets", &error))?;
        // The filter also finds what only begins with this, under whatever tag.
        let ours = page.secret_list.unwrap_or_default().into_iter().filter(|secret| belongs(secret, stack));
        found.extend(ours.filter_map(|secret| secret.arn));
    }
    match &found[..] {
        [arn] => Ok(arn.clone()),
        [] => bail!("no secret is tagged as {LOGICAL_ID} of the stack {stack} in this account and region"),
        several => bail!("several secrets are: name one with --secret: {}", several.join(", ")),
    }
}

fn belongs(secret: &SecretListEntry, stack: &str) -> bool {
    let tagged = |key: &str, value: &str| {
        secret.tags().iter().any(|tag| tag.key() == Some(key) && tag.value() == Some(value))
    };
    tagged("aws:cloudformation:stack-name", stack) && tagged("aws:cloudformation:logical-id", LOGICAL_ID)
}

/// What the service calls the error. The SDK's own account of it could show the document.
fn refused<E: ProvideErrorMetadata, R>(call: &str, error: &SdkError<E, R>) -> anyhow::Error {
    match error.code() {
        Some(code) => anyhow!("{call}: {code}: {}", error.message().unwrap_or("no message")),
        None => anyhow!("{call}: no answer: is there a way to AWS, and are there credentials for it?"),
    }
}
