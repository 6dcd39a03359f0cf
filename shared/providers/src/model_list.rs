//! The list of models that a service keeps: which of those in use are switched off, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::Timestamp;
use domain::provider::ProviderError;
use domain::secret::Secret;
use serde_json::Value;

use super::OpenAi;
use super::chat::Chat;
use super::wire::{Call, Wire};
use crate::document::{BadDocument, Fault, Reading};

/// How long the list may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest list: OpenAI's has some 130 models, of some 150 bytes each.
const LONGEST: usize = 4 << 20;

/// The list of models of one service in the providers document, and which of them the operator has chosen.
pub struct ModelList {
    provider: &'static str,
    chosen: BTreeSet<String>,
    wire: Wire,
}

impl ModelList {
    /// Those of all services in `document` that keep one.
    ///
    /// # Errors
    ///
    /// [`BadDocument`].
    pub fn of(document: &Secret) -> Result<Vec<Self>, BadDocument> {
        let Reading { document, mut faults, .. } = Reading::of(document);
        let mut lists = Vec::new();
        match document.openai.map(OpenAi::new).transpose() {
            Ok(None) => {}
            Ok(Some(OpenAi { wire, names, .. })) => {
                let chosen = [names.dalle3, names.dalle2, names.gpt_image].into_iter().flatten().collect();
                lists.push(Self { provider: super::PROVIDER, chosen, wire });
            }
            Err(problem) => faults.push(Fault::at(super::PROVIDER, problem)),
        }
        match document.chat.map(Chat::new).transpose() {
            Ok(None) => {}
            Ok(Some(chat)) => {
                let (wire, model) = chat.wire_and_model();
                lists.push(Self { provider: "chat", chosen: BTreeSet::from([model]), wire });
            }
            Err(problem) => faults.push(Fault::at("chat", problem)),
        }
        BadDocument::unless_none(faults)?;
        Ok(lists)
    }

    /// Whose list it is: the provider's name.
    #[must_use]
    pub const fn provider(&self) -> &'static str {
        self.provider
    }

    /// The models that the operator has chosen, in the list or not: a model may work that is not in it.
    #[must_use]
    pub const fn chosen(&self) -> &BTreeSet<String> {
        &self.chosen
    }

    /// Asks for the list: the models in it, each with the beginning of the day on which it is switched
    /// off, if that is settled.
    ///
    /// # Errors
    ///
    /// If there is no list to be had: a service need not keep one, nor let every key see it.
    pub async fn ends(&self) -> Result<BTreeMap<String, Option<Timestamp>>, ProviderError> {
        let call = Call { deadline: Timestamp::now() + PATIENCE, private: &[], longest: LONGEST };
        let bytes = self.wire.get("/models", call).await?;
        let list: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        match list["data"].as_array() {
            Some(models) => Ok(models.iter().filter_map(end).collect()),
            None => Err(self.wire.unusable(&bytes, "the answer holds no list of models", call)),
        }
    }
}

/// A model, and when it ends, if the list tells that.
fn end(model: &Value) -> Option<(String, Option<Timestamp>)> {
    let day = model["shutdown_date"].as_str().and_then(|date| date.get(..10));
    let end = day.and_then(|day| format!("{day}T00:00:00Z").parse().ok());
    Some((model["id"].as_str()?.to_owned(), end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use testkit::standin::openai::{self, OpenAi as StandIn};
    use testkit::standin::server::Reply;

    fn list(stand_in: &StandIn) -> ModelList {
        let document = json!({"openai": {
            "apiKey": openai::KEY, "baseUrl": stand_in.base_url(),
            "models": {"gpt_image": ["gpt-image-1.5", "gpt-image-2"]},
        }});
        ModelList::of(&Secret::new(document.to_string())).unwrap().remove(0)
    }

    #[test]
    fn every_model_in_use_is_in_question() {
        let document = r#"{"openai": {"models": {"dalle2": "old", "gpt_image": ["new", "newer"]}},
            "chat": {"baseUrl": "http://127.0.0.1:1/v1", "model": "talker"}, "sandbox": {}}"#;
        let lists = ModelList::of(&Secret::new(document)).unwrap();
        let chosen: Vec<_> = lists.iter().map(|list| (list.provider(), list.chosen().len())).collect();
        assert_eq!(chosen, [("openai", 4), ("chat", 1)], "and what stands for dalle3 by default");
        assert!(ModelList::of(&Secret::new(r#"{"sandbox": {}}"#)).unwrap().is_empty());
        assert!(ModelList::of(&Secret::new(r#"{"openai": 7}"#)).is_err());
    }

    #[tokio::test]
    async fn the_list_tells_which_models_end_and_when() {
        let stand_in = StandIn::start().await;
        let ends = list(&stand_in).ends().await.unwrap();
        assert_eq!(ends["gpt-image-1.5"], Some("2026-12-01T00:00:00Z".parse().unwrap()));
        assert_eq!(ends["gpt-image-2"], None);
        assert_eq!(ends.get("gpt-image-1"), None);
        assert_eq!(stand_in.paid_calls(), 0);
    }

    #[tokio::test]
    async fn a_list_that_is_none_is_an_error_and_nothing_worse() {
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
    fn only_a_day_is_a_day() {
        let read = |date: Value| {
            let (_, end) = end(&json!({"id": "m", "shutdown_date": date})).unwrap();
            end.map(|end| end.date())
        };
        assert_eq!(read(json!("2026-12-01")).as_deref(), Some("2026-12-01"));
        assert_eq!(read(json!("2026-12-01T09:30:00Z")).as_deref(), Some("2026-12-01"));
        for none in
            [json!(null), json!(""), json!("soon"), json!("2026-13-45"), json!(7), json!("日本日本日本")]
        {
            assert_eq!(read(none.clone()), None, "{none}");
        }
        assert_eq!(end(&json!("m")), None);
    }
}
