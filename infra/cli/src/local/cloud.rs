//! The record of a cloud in its data folder, and the report that `up` and `status` print.

use std::fs;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::access::{Access, LOCAL_CLIENT};
use super::folder::DataFolder;
use super::process::LauncherStatus;
use crate::output;

const FILE_NAME: &str = "cloud.json";
/// The fields of a report that let somebody in.
const SECRETS: [&str; 3] = ["apiKey", "adminKey", "webhookSecret"];

/// `cloud.json`: the cloud's port, keys and stack outputs. Only its owner may read it, because of the keys.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Cloud {
    pub(crate) port: u16,
    /// A key of the client `local`.
    pub(crate) api_key: Option<String>,
    /// Another key of the client `local`, with the scope `keys:admin`. It is separate so that scripts need
    /// only the plain key.
    pub(crate) client_admin_key: Option<String>,
    /// A key of the client `operator`.
    pub(crate) admin_key: Option<String>,
    /// The webhook secret of the client `local` at the cloud's last start.
    pub(crate) webhook_secret: Option<String>,
    /// The outputs of the deployed stack.
    pub(crate) stack: Value,
}

impl Cloud {
    /// Loads the record that an earlier `up` saved.
    pub(crate) fn load(folder: &DataFolder) -> Result<Option<Self>> {
        match fs::read_to_string(folder.join(FILE_NAME)) {
            Ok(text) => serde_json::from_str(&text).map(Some).context("cloud.json is not valid: remove it"),
            Err(_) => Ok(None),
        }
    }

    pub(crate) fn save(&self, folder: &DataFolder) -> Result<()> {
        folder.write_private(FILE_NAME, &serde_json::to_string_pretty(self)?)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The secret that signs the webhooks of the client `local` now. The cloud must be running.
    pub(crate) async fn current_webhook_secret(&self) -> Result<String> {
        Access::new(&self.url(), &self.stack)?.webhook_secret(LOCAL_CLIENT).await
    }

    pub(crate) fn report(&self, folder: &DataFolder, status: &LauncherStatus) -> Report {
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

/// The report of `up` and `status`: `Display` gives one line of JSON, `print` a few lines for people.
pub(crate) struct Report(Value);

impl Report {
    pub(crate) fn with(mut self, field: &str, value: Value) -> Self {
        self.0[field] = value;
        self
    }

    pub(crate) fn without_secrets(mut self) -> Self {
        if let Some(fields) = self.0.as_object_mut() {
            fields.retain(|name, _| !SECRETS.contains(&name.as_str()));
        }
        self
    }

    pub(crate) fn print(&self) {
        let text = |field: &str| self.0[field].as_str().unwrap_or("-");
        output::line(format_args!("API             {}/api/v1", text("url")));
        if self.0.get("apiKey").is_some() {
            output::line(format_args!("API key         {}", text("apiKey")));
            output::line(format_args!("Operator's key  {}", text("adminKey")));
            output::line(format_args!("Webhook secret  {}", text("webhookSecret")));
        } else {
            output::line("Keys            (`semantest status --secrets` shows them)");
        }
        output::line(format_args!("Data            {}", text("dataDir")));
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
