//! When vendors are asked for the deprecation dates of their models, and what is saved of their answers.

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

fn document(vendor: &OpenAi, model: &str) -> KeptSecret {
    let openai = json!({"apiKey": openai::KEY, "baseUrl": vendor.base_url(), "models": {"gpt_image": model}});
    KeptSecret::new(json!({"openai": openai, "sandbox": {}}).to_string())
}

async fn known(store: &Memory) -> Option<ModelDeprecations> {
    store.deprecations("openai").await.unwrap()
}

#[tokio::test]
async fn vendor_is_asked_once_a_day() {
    let (vendor, store) = (OpenAi::start().await, Memory::new());
    let document = document(&vendor, "gpt-image-1.5");
    let now = Timestamp::now();
    let asked = || store.calls().into_iter().filter(|call| *call == "save_deprecations").count();
    let deprecations = DeprecationCheck::new(&document, &store);
    for minute in 0..60 {
        deprecations.look(now + Duration::from_secs(60 * minute)).await;
    }
    assert_eq!((asked(), document.reads()), (1, 1));
    let end = "2026-12-01T00:00:00Z".parse().unwrap();
    assert_eq!(known(&store).await.unwrap().models["gpt-image-1.5"], Some(end));

    // Another process reads it from the row.
    DeprecationCheck::new(&document, &store).look(now + DAY / 2).await;
    assert_eq!(asked(), 1);
    DeprecationCheck::new(&document, &store).look(now + DAY).await;
    assert_eq!(asked(), 2);
}

#[tokio::test]
async fn unused_model_is_removed() {
    let (vendor, store) = (OpenAi::start().await, Memory::new());
    let now = Timestamp::now();
    DeprecationCheck::new(&document(&vendor, "gpt-image-1.5"), &store).look(now).await;
    DeprecationCheck::new(&document(&vendor, "gpt-image-2"), &store).look(now).await;
    let known = known(&store).await.unwrap();
    assert_eq!(known.models.get("gpt-image-2"), Some(&None));
    assert!(!known.models.contains_key("gpt-image-1.5"));
}

#[tokio::test]
async fn vendor_error_waits_a_day_and_keeps_known_dates() {
    let (vendor, store) = (OpenAi::start().await, Memory::new());
    let document = document(&vendor, "gpt-image-1.5");
    let now = Timestamp::now();
    DeprecationCheck::new(&document, &store).look(now).await;
    let first = known(&store).await.unwrap();
    vendor.lists(Reply::new(403, "text/html", "<html>"));
    DeprecationCheck::new(&document, &store).look(now + DAY).await;
    let second = known(&store).await.unwrap();
    assert_eq!((second.models, second.asked_at), (first.models, now + DAY));
}

#[tokio::test]
async fn withdrawn_model_keeps_its_deprecation_date() {
    let (vendor, store) = (OpenAi::start().await, Memory::new());
    let document = document(&vendor, "gpt-image-1.5");
    let now = Timestamp::now();
    DeprecationCheck::new(&document, &store).look(now).await;
    let first = known(&store).await.unwrap();
    vendor.withdraw("gpt-image-1.5");
    DeprecationCheck::new(&document, &store).look(now + DAY).await;
    let second = known(&store).await.unwrap();
    assert_eq!((second.models, second.asked_at), (first.models, now + DAY));
}

#[tokio::test]
async fn failed_check_is_repeated_after_an_hour() {
    let (vendor, store) = (OpenAi::start().await, Memory::new());
    let now = Timestamp::now();
    let bad = KeptSecret::new(r#"{"openai": "sk-canary"}"#);
    DeprecationCheck::new(&bad, &store).look(now).await;
    let document = document(&vendor, "gpt-image-1.5");
    let deprecations = DeprecationCheck::new(&document, &store);
    store.fail_next("save_deprecations", StoreError::Unavailable("down".into()));
    deprecations.look(now).await;
    deprecations.look(now + Duration::from_secs(60)).await;
    assert_eq!(known(&store).await, None);
    deprecations.look(now + Duration::from_secs(3600)).await;
    assert!(known(&store).await.is_some());
}
