//! Searches a cloud for leaked API keys of its providers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::cloud::Cloud;

impl Cloud {
    /// Returns every place that holds the key of a provider, plain or in base64: log lines, table rows, and
    /// messages that are still in a queue.
    ///
    /// # Panics
    ///
    /// If a cloud with providers has no keys to search for, or nothing to search in.
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

    /// The secret fields of the providers document, by their names.
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

    /// The messages in all queues, including the dead-letter queues.
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

/// The plain keys, and their base64 forms at each of the three offsets that a key can have in a longer
/// text.
fn needles(keys: &[String]) -> Vec<String> {
    let mut needles = keys.to_vec();
    for key in keys {
        for before in 0..3 {
            let encoded = STANDARD.encode([vec![0; before].as_slice(), key.as_bytes()].concat());
            // Only the characters whose bits all come from the key.
            let (first, end) = ((before * 8).div_ceil(6), (before + key.len()) * 8 / 6);
            needles.push(encoded[first..end].to_owned());
        }
    }
    needles
}
