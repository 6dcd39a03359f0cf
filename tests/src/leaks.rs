//! What no cloud may tell: the keys of the providers that it was given.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::cloud::Cloud;

impl Cloud {
    /// Every place where the key of a provider stands, as it is or in base64: a line of a log, a row, a
    /// message that nobody has taken yet.
    ///
    /// # Panics
    ///
    /// If there is nothing to look for on a cloud that was given providers, or nothing to look at.
    pub(crate) async fn leaks(&self) -> Vec<String> {
        let needles = needles(&self.provider_keys().await);
        if needles.is_empty() {
            assert!(!self.given_providers, "the providers of this cloud have no keys to look for");
            return Vec::new();
        }
        let mut told = self.all_logs();
        told.extend(self.rows().await);
        assert!(told.len() > 5, "there is something to look at: {}", told.len());
        told.extend(self.messages().await);
        let telling = told.into_iter().filter(|(_, text)| needles.iter().any(|needle| text.contains(needle)));
        telling.map(|(place, text)| format!("{place} tells the key of a provider: {text}")).collect()
    }

    /// Everything secret in the providers document: what its names say is.
    async fn provider_keys(&self) -> Vec<String> {
        let secret = self.secrets.get_secret_value().secret_id(self.output("ProvidersSecret"));
        let document = secret.send().await.unwrap().secret_string.unwrap();
        let document: Value = serde_json::from_str(&document).unwrap();
        let settings = document.as_object().unwrap().values().filter_map(Value::as_object);
        let secrets = settings
            .flat_map(|fields| ["apiKey", "apiSecret", "password"].map(|name| fields.get(name)))
            .flatten();
        secrets.map(|secret| secret.as_str().unwrap().to_owned()).collect()
    }

    fn all_logs(&self) -> Vec<(String, String)> {
        let files = std::fs::read_dir(self.data.join("logs")).unwrap().map(|entry| entry.unwrap().path());
        files
            .flat_map(|file| {
                let place = file.display().to_string();
                let text = std::fs::read_to_string(file).unwrap();
                text.lines().map(|line| (place.clone(), line.to_owned())).collect::<Vec<_>>()
            })
            .collect()
    }

    async fn rows(&self) -> Vec<(String, String)> {
        let mut rows = Vec::new();
        for table in self.dynamodb.list_tables().send().await.unwrap().table_names() {
            let mut pages = self.dynamodb.scan().table_name(table).into_paginator().items().send();
            while let Some(item) = pages.next().await {
                rows.push((table.clone(), format!("{:?}", item.unwrap())));
            }
        }
        rows
    }

    /// What lies in the queues, those of dead letters too.
    async fn messages(&self) -> Vec<(String, String)> {
        let mut messages = Vec::new();
        for queue in self.sqs.list_queues().send().await.unwrap().queue_urls() {
            loop {
                let some = self.sqs.receive_message().queue_url(queue).max_number_of_messages(10);
                let some = some.visibility_timeout(60).send().await.unwrap();
                if some.messages().is_empty() {
                    break;
                }
                messages
                    .extend(some.messages().iter().map(|message| (queue.clone(), format!("{message:?}"))));
            }
        }
        messages
    }
}

/// The keys as they are, and what base64 makes of them wherever in a longer text they begin.
fn needles(keys: &[String]) -> Vec<String> {
    let mut needles = keys.to_vec();
    for key in keys {
        for before in 0..3 {
            let encoded = STANDARD.encode([vec![0; before].as_slice(), key.as_bytes()].concat());
            // Only letters that hold nothing but the key's own bits.
            let (first, end) = ((before * 8).div_ceil(6), (before + key.len()) * 8 / 6);
            needles.push(encoded[first..end].to_owned());
        }
    }
    needles
}
