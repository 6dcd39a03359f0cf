//! The secret that holds a deployment's providers document.

use anyhow::{Context as _, Result};

use crate::aws_error::sdk_error;
use crate::cli;
use crate::commands::stack_secret::{Selection, StackSecret};
use crate::providers_document::ProvidersDocument;

pub(crate) struct ProvidersSecret(StackSecret);

impl ProvidersSecret {
    pub(crate) async fn find(deployment: &cli::Deployment) -> Result<Self> {
        let selection = Selection {
            stack: deployment.stack.as_deref(),
            secret: deployment.secret.as_deref(),
            local: &deployment.local,
        };
        StackSecret::find("ProvidersSecret", &selection).await.map(Self)
    }

    pub(crate) async fn write(&self, document: &str) -> Result<()> {
        let put = self.0.client.put_secret_value().secret_id(&self.0.id).secret_string(document);
        put.send().await.map_err(|error| sdk_error("PutSecretValue", &error))?;
        self.0.keep().await
    }

    pub(crate) async fn read(&self) -> Result<ProvidersDocument> {
        let answer = self.0.client.get_secret_value().secret_id(&self.0.id).send().await;
        let answer = answer.map_err(|error| sdk_error("GetSecretValue", &error))?;
        ProvidersDocument::parse_stored(answer.secret_string.context("the secret is not text")?)
    }
}
