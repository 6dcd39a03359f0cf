//! The local cloud's own access: its API keys, and the secret of its webhooks.

use anyhow::{Context as _, Result, anyhow, bail};
use aws::access::AccessTable;
use aws::secrets::ManagedSecret;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use domain::Timestamp;
use domain::access::{
    ApiKey, ClientId, KeyName, KeyRecord, KeyRegistry as _, KeyStore as _, Scope, SecretSource as _,
};
use domain::webhooks::{SecretGenerations as _, SigningSecret};
use serde_json::Value;

/// The emulator's own root: whatever is signed with it is allowed.
pub(crate) const ROOT: &str = "test";
pub(crate) const REGION: &str = "us-east-1";
/// Whose key a new cloud's user gets.
pub(crate) const CLIENT: &str = "local";

/// Not the user's own: this account is on this machine only.
fn root() -> Credentials {
    Credentials::new(ROOT, ROOT, None, None, "local cloud")
}

/// The Secrets Manager of the cloud at `endpoint`.
pub(crate) fn secrets(endpoint: &str) -> aws_sdk_secretsmanager::Client {
    let config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(endpoint)
        .credentials_provider(root())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_secretsmanager::Client::from_conf(config)
}

/// The access table and the webhooks' secret of a running cloud.
#[derive(Debug)]
pub(crate) struct Access {
    keys: AccessTable,
    webhook_secret: ManagedSecret,
}

impl Access {
    /// Of the cloud at `endpoint` whose stack has these outputs.
    pub(crate) fn to(endpoint: &str, stack: &Value) -> Result<Self> {
        let output = |name: &str| {
            stack[name].as_str().map(str::to_owned).with_context(|| format!("the stack has no output {name}"))
        };
        let dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(endpoint)
            .credentials_provider(root())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Ok(Self {
            keys: AccessTable::new(aws_sdk_dynamodb::Client::from_conf(dynamodb), output("AccessTable")?),
            webhook_secret: ManagedSecret::new(secrets(endpoint), output("WebhookSecret")?),
        })
    }

    /// Stores a key and gives its record.
    pub(crate) async fn add(
        &self,
        key: &ApiKey,
        client: &ClientId,
        name: KeyName,
        scopes: &[Scope],
    ) -> Result<KeyRecord> {
        if let Some(scope) = scopes.iter().find(|scope| !scope.allowed_for(client)) {
            bail!("only keys of the client {} may have {}", ClientId::OPERATOR, scope.as_str());
        }
        if self.keys.find(key.id()).await?.is_some() {
            bail!("the key {} is stored already", key.id());
        }
        let record = KeyRecord::new(key, client.clone(), name, scopes.to_vec(), Timestamp::now());
        self.keys.add(&record).await?;
        Ok(record)
    }

    /// The key that the cloud's record holds for `client`, or a new one; stored in either case.
    ///
    /// A cloud that was killed has lost what it was told last, and that may be the key's row.
    pub(crate) async fn ensure(
        &self,
        recorded: Option<&str>,
        client: &str,
        scopes: &[Scope],
    ) -> Result<String> {
        let key = match recorded {
            Some(text) => text.parse().map_err(|_| anyhow!("cloud.json holds a damaged key: remove it"))?,
            None => ApiKey::generate(),
        };
        if self.keys.find(key.id()).await?.is_none() {
            self.add(&key, &client.parse()?, "made by `semantest up`".parse()?, scopes).await?;
        }
        Ok(key.expose().to_owned())
    }

    /// What webhooks for this client's jobs are signed with now: the client may have rotated its secret.
    pub(crate) async fn webhook_secret(&self, client: &str) -> Result<String> {
        let client = client.parse()?;
        let master = self.webhook_secret.read().await?;
        let generations = self.keys.generations(&client).await?;
        Ok(SigningSecret::derive(&master, &client, generations.current).expose())
    }
}
