//! Administers the local cloud with the emulator's root credentials: its API keys and webhook secrets.

use anyhow::{Context as _, Result, anyhow, bail};
use aws::access::AccessTable;
use aws::secrets::ManagedSecret;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use domain::Timestamp;
use domain::access::{
    ApiKey, ClientId, KeyName, KeyRecord, KeyRegistry as _, KeyStore as _, Scope, SecretSource as _,
};
use domain::primitives::NamedValue as _;
use domain::webhooks::{SecretVersionStore as _, SigningSecret};
use serde_json::Value;

/// The access key id and the secret key of the emulator's root, which may do everything.
pub(super) const ROOT_KEY: &str = "test";
pub(super) const REGION: &str = "us-east-1";
/// The client that owns the keys of the local cloud's user.
pub(super) const LOCAL_CLIENT: &str = "local";

/// The emulator's credentials. The user's AWS credentials are never used for the local cloud.
fn root_credentials() -> Credentials {
    Credentials::new(ROOT_KEY, ROOT_KEY, None, None, "local cloud")
}

/// A client of the Secrets Manager at `endpoint`.
pub(crate) fn secrets_manager(endpoint: &str) -> aws_sdk_secretsmanager::Client {
    let config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(endpoint)
        .credentials_provider(root_credentials())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_secretsmanager::Client::from_conf(config)
}

/// The access table and the webhook master secret of a running cloud.
#[derive(Debug)]
pub(crate) struct Access {
    keys: AccessTable,
    webhook_secret: ManagedSecret,
}

impl Access {
    /// Finds the table and the secret in the outputs of the stack that is deployed at `endpoint`.
    pub(crate) fn new(endpoint: &str, stack: &Value) -> Result<Self> {
        let output = |name: &str| {
            stack[name].as_str().map(str::to_owned).with_context(|| format!("the stack has no output {name}"))
        };
        let dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(endpoint)
            .credentials_provider(root_credentials())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Ok(Self {
            keys: AccessTable::new(aws_sdk_dynamodb::Client::from_conf(dynamodb), output("AccessTable")?),
            webhook_secret: ManagedSecret::new(secrets_manager(endpoint), output("WebhookSecret")?),
        })
    }

    /// Stores a key and returns its record.
    pub(crate) async fn add_key(
        &self,
        key: &ApiKey,
        client: &ClientId,
        name: KeyName,
        scopes: &[Scope],
    ) -> Result<KeyRecord> {
        if let Some(scope) = scopes.iter().find(|scope| !scope.allowed_for(client)) {
            bail!("only keys of the client {} may have the scope {}", ClientId::OPERATOR, scope.as_str());
        }
        if self.keys.find(key.id()).await?.is_some() {
            bail!("the key {} is already stored", key.id());
        }
        let record = KeyRecord::new(key, client.clone(), name, scopes.to_vec(), Timestamp::now());
        self.keys.add(&record).await?;
        Ok(record)
    }

    /// Returns the recorded key of `client`, or else a new one, and stores it if its row is missing.
    ///
    /// The row of a recorded key can be missing: somebody may have deleted the state, but not cloud.json.
    pub(super) async fn ensure_key(
        &self,
        recorded: Option<&str>,
        client: &str,
        scopes: &[Scope],
    ) -> Result<String> {
        let mut key: ApiKey = match recorded {
            Some(text) => {
                text.parse().map_err(|_| anyhow!("cloud.json contains an invalid key: remove the key"))?
            }
            None => ApiKey::generate(),
        };
        let row = self.keys.find(key.id()).await?;
        // The key of an older version lacks the scopes that were added since.
        let lacks = row.as_ref().is_some_and(|row| scopes.iter().any(|scope| !row.scopes.contains(scope)));
        if lacks {
            key = ApiKey::generate();
        }
        if lacks || row.is_none() {
            self.add_key(&key, &client.parse()?, "made by `semantest up`".parse()?, scopes).await?;
        }
        Ok(key.expose().to_owned())
    }

    /// The secret that signs the client's webhooks now. It changes when the client rotates it.
    pub(super) async fn webhook_secret(&self, client: &str) -> Result<String> {
        let client = client.parse()?;
        let master = self.webhook_secret.read().await?;
        let versions = self.keys.secret_versions(&client).await?;
        Ok(SigningSecret::derive(&master, &client, versions.current).expose())
    }
}
