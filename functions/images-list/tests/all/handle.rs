//! Which jobs are listed for which caller, and in which order.

use domain::access::{Principal, Scope};
use domain::{Error, Job, JobStatus, Timestamp, UserId};
use edge::http::Request;
use images_list::{Deps, handle};
use serde_json::{Value, json};
use testkit::Memory;

fn acme() -> Principal {
    testkit::principal("acme", &[Scope::ImagesRead])
}

async fn list(store: &Memory, caller: Principal, query: &[(&str, &str)]) -> Result<Value, Error> {
    let deps = Deps { list: store, jobs: store, images_url: "https://cdn.example".into() };
    let request = Request::by(caller, "images-list", "GET", "");
    let request = query.iter().fold(request, |request, (name, value)| request.asking(name, value));
    let answer = handle(&deps, request).await?;
    assert_eq!(answer.status, 200);
    Ok(serde_json::from_slice(&answer.body).unwrap())
}

fn ids(page: &Value) -> Vec<&str> {
    page["jobs"].as_array().unwrap().iter().map(|job| job["jobId"].as_str().unwrap()).collect()
}

/// Stores `count` jobs of one user, and returns them newest first.
fn jobs(store: &Memory, user: UserId, count: usize) -> Vec<Job> {
    let job = |_| Job { user_id: user, ..testkit::job("p", Timestamp::now()) };
    let mut jobs: Vec<_> = (0..count).map(job).collect();
    jobs.iter().for_each(|job| store.put_job(job));
    jobs.reverse();
    jobs
}

#[tokio::test]
async fn pages_cover_all_jobs_newest_first() {
    let store = Memory::new();
    let all: Vec<_> = jobs(&store, UserId::new(), 45).into_iter().map(|job| job.id.to_string()).collect();
    let first = list(&store, acme(), &[]).await.unwrap();
    assert_eq!(ids(&first), all[..20]);
    assert_eq!(store.calls(), ["list_jobs", "load_many"]);
    let second = [("cursor", first["nextCursor"].as_str().unwrap()), ("limit", "25")];
    let second = list(&store, acme(), &second).await.unwrap();
    assert_eq!(ids(&second), all[20..]);
    assert_eq!(second.get("nextCursor"), None);
}

#[tokio::test]
async fn caller_sees_only_its_own_jobs() {
    let store = Memory::new();
    let (own, other) = (UserId::new(), UserId::new());
    jobs(&store, own, 2);
    jobs(&store, other, 3);
    let foreign = Job { client_id: "other".parse().unwrap(), ..testkit::job("p", Timestamp::now()) };
    store.put_job(&foreign);
    let token = Principal { user: Some(own), ..acme() };
    let (own, other, of_other_client) = (own.to_string(), other.to_string(), foreign.user_id.to_string());
    for (caller, query, count) in [
        (acme(), vec![], 5),
        (acme(), vec![("userId", &*other)], 3),
        (acme(), vec![("userId", &*of_other_client)], 0),
        (token.clone(), vec![], 2),
        (token.clone(), vec![("userId", &*own)], 2),
    ] {
        assert_eq!(ids(&list(&store, caller, &query).await.unwrap()).len(), count, "{query:?}");
    }
    assert!(matches!(list(&store, token, &[("userId", &other)]).await, Err(Error::Forbidden(_))));
}

#[tokio::test]
async fn status_filter_lists_only_matching_jobs() {
    let store = Memory::new();
    let mut all = jobs(&store, UserId::new(), 3);
    all[1].status = JobStatus::Pending;
    store.put_job(&all[1]);
    let pending = list(&store, acme(), &[("status", "pending")]).await.unwrap();
    assert_eq!(ids(&pending), [all[1].id.to_string()]);
    assert_eq!(list(&store, acme(), &[("status", "failed")]).await.unwrap(), json!({"jobs": []}));
}

#[tokio::test]
async fn invalid_query_lists_every_field_error() {
    let store = Memory::new();
    let invalid = [("userId", "me"), ("status", "done"), ("limit", "101"), ("cursor", "?")];
    let Err(Error::Invalid(errors)) = list(&store, acme(), &invalid).await else { panic!("not refused") };
    let paths: Vec<_> = errors.into_iter().map(|error| error.path).collect();
    assert_eq!(paths, ["userId", "status", "limit", "cursor"]);
    assert!(store.calls().is_empty());
}
