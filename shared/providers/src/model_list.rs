//! The list of models that a service publishes: which of the operator's models are shut down, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::Timestamp;
use domain::primitives::Secret;
use domain::providers::ProviderError;
use serde_json::Value;

use crate::document::{BadDocument, Document, FieldError, Reading};
use crate::openai::api_client::{ApiClient, CallContext};
use crate::openai::chat::{self, Chat};
use crate::openai::{self, OpenAi};

const TIMEOUT: Duration = Duration::from_secs(10);
/// OpenAI's list has some 130 models of some 150 bytes each.
const MAX_BYTES: usize = 4 << 20;

/// The model list of one service in the providers document, and the operator's models there.
pub struct ModelList {
    provider: &'static str,
    chosen: BTreeSet<String>,
    client: ApiClient,
}

impl ModelList {
    /// The lists of all services in `document` that may publish one.
    ///
    /// # Errors
    ///
    /// [`BadDocument`].
    pub fn of(document: &Secret) -> Result<Vec<Self>, BadDocument> {
        let Reading { document, mut errors, .. } = Document::read(document);
        let mut lists = Vec::new();
        match document.openai.map(OpenAi::new) {
            None => {}
            Some(Ok(openai)) => {
                let (client, chosen) = openai.into_client_and_models();
                lists.push(Self { provider: openai::PROVIDER, chosen, client });
            }
            Some(Err(problem)) => errors.push(FieldError::at("openai", problem)),
        }
        match document.chat.map(Chat::new) {
            None => {}
            Some(Ok(chat)) => {
                let (client, model) = chat.into_client_and_model();
                lists.push(Self { provider: chat::PROVIDER, chosen: BTreeSet::from([model]), client });
            }
            Some(Err(problem)) => errors.push(FieldError::at("chat", problem)),
        }
        BadDocument::unless_empty(errors)?;
        Ok(lists)
    }

    /// The provider's name.
    #[must_use]
    pub const fn provider(&self) -> &'static str {
        self.provider
    }

    /// The models that the operator has chosen, listed or not: a model that is not listed may still work.
    #[must_use]
    pub const fn chosen(&self) -> &BTreeSet<String> {
        &self.chosen
    }

    /// Gets the listed models, each with the start (UTC) of the day of its shutdown if that is announced.
    ///
    /// # Errors
    ///
    /// If there is no list: a service need not publish one, nor show it to every key.
    pub async fn ends(&self) -> Result<BTreeMap<String, Option<Timestamp>>, ProviderError> {
        let call = CallContext { deadline: Timestamp::now() + TIMEOUT, private: &[], max_bytes: MAX_BYTES };
        let bytes = self.client.get("/models", call).await?;
        let list: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        match list["data"].as_array() {
            Some(models) => Ok(models.iter().filter_map(shutdown).collect()),
            None => Err(self.client.unusable(&bytes, "the answer holds no list of models", call)),
        }
    }
}

/// A model's id and shutdown.
fn shutdown(model: &Value) -> Option<(String, Option<Timestamp>)> {
    let day = model["shutdown_date"].as_str().and_then(|date| date.get(..10));
    let start = day.and_then(|day| format!("{day}T00:00:00Z").parse().ok());
    Some((model["id"].as_str()?.to_owned(), start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use testkit::standin::openai::{KEY, OpenAi as StandIn};
    use testkit::standin::server::Reply;

    fn list(stand_in: &StandIn) -> ModelList {
        let document = json!({"openai": {
            "apiKey": KEY, "baseUrl": stand_in.base_url(),
            "models": {"gpt_image": ["gpt-image-1.5", "gpt-image-2"]},
        }});
        ModelList::of(&Secret::new(document.to_string())).unwrap().remove(0)
    }

    #[test]
    fn chosen_models_include_defaults_and_chat() {
        let document = r#"{"openai": {"models": {"dalle2": "old", "gpt_image": ["new", "newer"]}},
            "chat": {"baseUrl": "http://127.0.0.1:1/v1", "model": "talker"}, "sandbox": {}}"#;
        let lists = ModelList::of(&Secret::new(document)).unwrap();
        let chosen: Vec<_> = lists.iter().map(|list| (list.provider(), list.chosen().len())).collect();
        assert_eq!(chosen, [("openai", 4), ("chat", 1)], "and the default of dalle3");
        assert!(ModelList::of(&Secret::new(r#"{"sandbox": {}}"#)).unwrap().is_empty());
        assert!(ModelList::of(&Secret::new(r#"{"openai": 7}"#)).is_err());
    }

    #[tokio::test]
    async fn ends_returns_models_with_their_shutdown_dates() {
        let stand_in = StandIn::start().await;
        let ends = list(&stand_in).ends().await.unwrap();
        assert_eq!(ends["gpt-image-1.5"], Some("2026-12-01T00:00:00Z".parse().unwrap()));
        assert_eq!(ends["gpt-image-2"], None);
        assert_eq!(ends.get("gpt-image-1"), None);
        assert_eq!(stand_in.paid_calls(), 0);
    }

    #[tokio::test]
    async fn unusable_list_is_an_error_without_secrets() {
        let stand_in = StandIn::start().await;
        let forbidden = json!({"error": {"message": "You have insufficient permissions", "type": "invalid_request_error"}});
        for reply in [
            Reply::json(403, &forbidden),
            Reply::new(404, "text/html", "<html>"),
            Reply::new(200, "text/html", "<html>"),
            Reply::json(200, &json!({"object": "list"})),
            Reply::new(200, "application/json", ""),
        ] {
            stand_in.lists(reply);
            let error = list(&stand_in).ends().await.unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error:?}");
        }
    }

    #[test]
    fn shutdown_reads_dates_only() {
        let read = |date: Value| {
            let (_, end) = shutdown(&json!({"id": "m", "shutdown_date": date})).unwrap();
            end.map(|end| end.date())
        };
        assert_eq!(read(json!("2026-12-01")).as_deref(), Some("2026-12-01"));
        assert_eq!(read(json!("2026-12-01T09:30:00Z")).as_deref(), Some("2026-12-01"));
        for none in
            [json!(null), json!(""), json!("soon"), json!("2026-13-45"), json!(7), json!("日本日本日本")]
        {
            assert_eq!(read(none.clone()), None, "{none}");
        }
        assert_eq!(shutdown(&json!("m")), None);
    }
}
