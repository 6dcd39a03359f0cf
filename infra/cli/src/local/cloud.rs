//! What a cloud keeps of itself between runs, and what it tells its user.

use std::fs;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Folder;
use super::access::{Access, CLIENT};
use super::process::Status;

const FILE: &str = "cloud.json";

/// `cloud.json`: how to reach the cloud, with its keys, and so for the owner's eyes only.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Cloud {
    pub(crate) port: u16,
    /// A key of the client `local`.
    pub(crate) api_key: Option<String>,
    /// Another, which manages that client: too much for what lies about in scripts.
    pub(crate) client_admin_key: Option<String>,
    /// A key of the client `operator`.
    pub(crate) admin_key: Option<String>,
    /// What webhooks for the client `local` were signed with when the cloud came up last.
    pub(crate) webhook_secret: Option<String>,
    /// Outputs of the deployed stack.
    pub(crate) stack: Value,
}

impl Cloud {
    /// What an earlier `up` left.
    pub(crate) fn load(folder: &Folder) -> Result<Option<Self>> {
        match fs::read_to_string(folder.join(FILE)) {
            Ok(text) => serde_json::from_str(&text).map(Some).context("cloud.json is damaged: remove it"),
            Err(_) => Ok(None),
        }
    }

    pub(crate) fn save(&self, folder: &Folder) -> Result<()> {
        folder.write_private(FILE, &serde_json::to_string_pretty(self)?)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What webhooks for the client `local` are signed with now. The cloud must run.
    pub(crate) async fn present_webhook_secret(&self) -> Result<String> {
        Access::to(&self.url(), &self.stack)?.webhook_secret(CLIENT).await
    }

    /// What `up` and `status` say of it.
    pub(crate) fn report(&self, folder: &Folder, status: &Status) -> Report {
        let url = self.url();
        let pids: Vec<u32> =
            std::iter::once(status.pid).chain(status.functions.iter().map(|process| process.pid)).collect();
        Report(json!({
            "docsUrl": format!("{url}/api/v1/docs"),
            "url": url,
            "apiKey": self.api_key,
            "adminKey": self.admin_key,
            "webhookSecret": self.webhook_secret,
            "dataDir": folder.path(),
            "pids": pids,
            "stack": self.stack,
        }))
    }
}

/// One line of JSON, or a few for people.
pub(crate) struct Report(Value);

impl Report {
    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.0[name] = value;
        self
    }

    pub(crate) fn print(&self) {
        let text = |name: &str| self.0[name].as_str().unwrap_or("-");
        println!("API             {}/api/v1", text("url"));
        println!("API key         {}", text("apiKey"));
        println!("Operator's key  {}", text("adminKey"));
        println!("Webhook secret  {}", text("webhookSecret"));
        println!("Data            {}", text("dataDir"));
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
