//! When makers are asked about the end of their models, and what is kept of their answers.

// A test that cannot go on has nothing better to do than to panic.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use domain::Timestamp;
use domain::providers::{DeprecationStore as _, ModelDeprecations};
use domain::store::StoreError;
use serde_json::json;
use sweeper::deprecations::DeprecationCheck;
use testkit::standin::openai::{self, OpenAi};
use testkit::standin::server::Reply;
use testkit::{KeptSecret, Memory};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn document(maker: &OpenAi, model: &str) -> KeptSecret {
    let openai = json!({"apiKey": openai::KEY, "baseUrl": maker.base_url(), "models": {"gpt_image": model}});
    KeptSecret::new(json!({"openai": openai, "sandbox": {}}).to_string())
}

async fn known(store: &Memory) -> Option<ModelDeprecations> {
    store.deprecations("openai").await.unwrap()
}

#[tokio::test]
async fn a_maker_is_asked_once_a_day_however_often_the_sweep_comes() {
    let (maker, store) = (OpenAi::start().await, Memory::new());
    let document = document(&maker, "gpt-image-1.5");
    let now = Timestamp::now();
    let asked = || store.calls().into_iter().filter(|call| *call == "save_sunset").count();
    let deprecations = DeprecationCheck::new(&document, &store);
    for minute in 0..60 {
        deprecations.look(now + Duration::from_secs(60 * minute)).await;
    }
    assert_eq!((asked(), document.reads()), (1, 1));
    let end = "2026-12-01T00:00:00Z".parse().unwrap();
    assert_eq!(known(&store).await.unwrap().models["gpt-image-1.5"], Some(end));

    // Another process knows of it by the row.
    DeprecationCheck::new(&document, &store).look(now + DAY / 2).await;
    assert_eq!(asked(), 1);
    DeprecationCheck::new(&document, &store).look(now + DAY).await;
    assert_eq!(asked(), 2);
}

#[tokio::test]
async fn a_model_that_the_operator_has_left_is_warned_of_no_more() {
    let (maker, store) = (OpenAi::start().await, Memory::new());
    let now = Timestamp::now();
    DeprecationCheck::new(&document(&maker, "gpt-image-1.5"), &store).look(now).await;
    DeprecationCheck::new(&document(&maker, "gpt-image-2"), &store).look(now).await;
    let known = known(&store).await.unwrap();
    assert_eq!(known.models.get("gpt-image-2"), Some(&None));
    assert!(!known.models.contains_key("gpt-image-1.5"));
}

#[tokio::test]
async fn a_maker_that_says_nothing_is_not_asked_every_minute_and_takes_nothing_back() {
    let (maker, store) = (OpenAi::start().await, Memory::new());
    let document = document(&maker, "gpt-image-1.5");
    let now = Timestamp::now();
    DeprecationCheck::new(&document, &store).look(now).await;
    let first = known(&store).await.unwrap();
    maker.lists(Reply::new(403, "text/html", "<html>"));
    DeprecationCheck::new(&document, &store).look(now + DAY).await;
    let second = known(&store).await.unwrap();
    assert_eq!((second.models, second.asked_at), (first.models, now + DAY));
}

#[tokio::test]
async fn a_model_that_its_maker_has_switched_off_is_warned_of_all_the_more() {
    let (maker, store) = (OpenAi::start().await, Memory::new());
    let document = document(&maker, "gpt-image-1.5");
    let now = Timestamp::now();
    DeprecationCheck::new(&document, &store).look(now).await;
    let first = known(&store).await.unwrap();
    maker.withdraw("gpt-image-1.5");
    DeprecationCheck::new(&document, &store).look(now + DAY).await;
    let second = known(&store).await.unwrap();
    assert_eq!((second.models, second.asked_at), (first.models, now + DAY));
}

#[tokio::test]
async fn a_document_or_a_store_that_fails_is_seen_to_an_hour_later() {
    let (maker, store) = (OpenAi::start().await, Memory::new());
    let now = Timestamp::now();
    let bad = KeptSecret::new(r#"{"openai": "sk-canary"}"#);
    DeprecationCheck::new(&bad, &store).look(now).await;
    let document = document(&maker, "gpt-image-1.5");
    let deprecations = DeprecationCheck::new(&document, &store);
    store.fail_next("save_deprecations", StoreError::Unavailable("down".into()));
    deprecations.look(now).await;
    deprecations.look(now + Duration::from_secs(60)).await;
    assert_eq!(known(&store).await, None);
    deprecations.look(now + Duration::from_secs(3600)).await;
    assert!(known(&store).await.is_some());
}
