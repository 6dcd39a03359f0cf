//! Who sees a job, and what of it.

// A test that cannot go on has nothing better to do than to panic.
#![allow(clippy::unwrap_used)]

use domain::access::Scope;
use domain::{Error, JobId, Timestamp};
use edge::http::{Answer, Request};
use images_status::{Deps, handle};
use serde_json::Value;
use testkit::Memory;

async fn get(store: &Memory, client: &str, id: &str) -> Result<Answer, Error> {
    let deps = Deps { jobs: store, images_url: "https://cdn.example".into() };
    let caller = testkit::principal(client, &[Scope::ImagesRead]);
    handle(&deps, Request::by(caller, "images-status", "GET", "").at("jobId", id)).await
}

#[tokio::test]
async fn the_owner_sees_the_job() {
    let store = Memory::new();
    let job = testkit::job("p", Timestamp::now());
    store.put_job(&job);
    let answer = get(&store, "acme", &job.id.to_string()).await.unwrap();
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(said["jobId"], job.id.to_string());
    assert_eq!(
        (said["status"].as_str(), said["progress"].as_u64(), said["attempts"].as_u64()),
        (Some("queued"), Some(0), Some(0))
    );
    assert_eq!(store.calls(), ["load"]);
}

#[tokio::test]
async fn somebody_elses_job_does_not_exist_and_neither_does_nonsense() {
    let store = Memory::new();
    let job = testkit::job("p", Timestamp::now());
    store.put_job(&job);
    for (client, id) in
        [("other", job.id.to_string()), ("acme", JobId::new().to_string()), ("acme", "x".into())]
    {
        assert!(matches!(get(&store, client, &id).await, Err(Error::NotFound(_))), "{client} {id}");
    }
}
