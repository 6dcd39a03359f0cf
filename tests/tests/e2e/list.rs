//! Job lists: access, order and cost.

use std::collections::HashMap;

use aws::keys;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use domain::{Job, JobStatus, Timestamp, UserId};
use semantest_tests::cloud::Cloud;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Round;
use crate::tenant::{Tenant, code};

fn ids(page: &Value) -> Vec<String> {
    page["jobs"].as_array().unwrap().iter().map(|job| job["jobId"].as_str().unwrap().to_owned()).collect()
}

/// Writes job rows directly into the table, 25 per call.
async fn put(cloud: &Cloud, jobs: &[Job]) {
    let request = |job: &Job| {
        let mut item: HashMap<String, AttributeValue> = serde_dynamo::to_item(job).unwrap();
        for (name, value) in [
            ("pk", keys::job_partition(job.id)),
            ("sk", keys::job_sort().to_owned()),
            ("listClient", job.client_id.to_string()),
            ("listUser", keys::listed_user(&job.client_id, job.user_id)),
        ] {
            item.insert(name.to_owned(), AttributeValue::S(value));
        }
        let put = PutRequest::builder().set_item(Some(item)).build().unwrap();
        WriteRequest::builder().put_request(put).build()
    };
    for part in jobs.chunks(25) {
        let items = part.iter().map(request).collect();
        let table = cloud.output("JobsTable");
        let answer = cloud.dynamodb.batch_write_item().request_items(table, items).send().await.unwrap();
        assert!(answer.unprocessed_items().is_none_or(HashMap::is_empty));
    }
}

/// `count` failed jobs of one user of the client. No function has work to do for them.
fn failed_jobs(tenant: &Tenant, user: UserId, count: usize) -> Vec<Job> {
    let now = Timestamp::now();
    let job = |_| Job {
        client_id: tenant.client.parse().unwrap(),
        user_id: user,
        status: JobStatus::Failed,
        due_at: None,
        ..testkit::job("a kite", now)
    };
    (0..count).map(job).collect()
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("job_list_pages_run_from_the_newest_job_to_the_oldest", |cloud| async move {
        let tenant = Tenant::new(&cloud);
        let (one, other) = (Uuid::new_v4(), Uuid::new_v4());
        let mut made = Vec::new();
        for user in [one, one, other, one, other] {
            made.push(tenant.generate(json!({"userId": user})).await);
        }
        made.reverse();
        let (status, page) = tenant.get("/images/jobs?limit=3").await;
        assert_eq!((status, ids(&page)), (200, made[..3].to_vec()));
        let cursor = page["nextCursor"].as_str().unwrap();
        let (_, page) = tenant.get(&format!("/images/jobs?limit=3&cursor={cursor}")).await;
        assert_eq!((ids(&page), page.get("nextCursor")), (made[3..].to_vec(), None));
        let (_, page) = tenant.get(&format!("/images/jobs?userId={one}")).await;
        let ones = [made[1].clone(), made[3].clone(), made[4].clone()];
        assert_eq!(ids(&page), ones);
        assert_eq!(
            page["jobs"][0]["jobId"],
            tenant.get(&format!("/images/status/{}", ones[0])).await.1["jobId"]
        );

        let user = tenant.user(one).await;
        assert_eq!(ids(&user.get("/images/jobs").await.1), ones, "a token lists its own user's");
        assert_eq!(code(&user.get(&format!("/images/jobs?userId={other}")).await), (403, "FORBIDDEN"));
        let stranger = Tenant::new(&cloud);
        for path in ["/images/jobs".to_owned(), format!("/images/jobs?userId={one}")] {
            assert_eq!(stranger.get(&path).await, (200, json!({"jobs": []})));
        }
        for id in &made {
            completed(&tenant, id).await;
        }
        assert_eq!(ids(&tenant.get("/images/jobs?status=completed").await.1), made);
        assert_eq!(tenant.get("/images/jobs?status=cancelled").await.1, json!({"jobs": []}));
    });

    round.test("invalid_list_query_reports_every_field_error", |cloud| async move {
        let tenant = Tenant::new(&cloud);
        for (query, paths) in [
            ("userId=me&status=done&limit=0&cursor=x", vec!["userId", "status", "limit", "cursor"]),
            ("limit=101", vec!["limit"]),
            ("limit=ten", vec!["limit"]),
            ("cursor=AAAA", vec!["cursor"]),
        ] {
            let refused = tenant.get(&format!("/images/jobs?{query}")).await;
            assert_eq!(code(&refused), (400, "VALIDATION_ERROR"), "{query}");
            let faults = refused.1["error"]["details"].as_array().unwrap();
            assert_eq!(faults.iter().map(|fault| fault["path"].as_str().unwrap()).collect::<Vec<_>>(), paths);
        }
    });
}

async fn completed(tenant: &Tenant, job: &str) {
    semantest_tests::cloud::eventually("the job ends", async || {
        (tenant.get(&format!("/images/status/{job}")).await.1["status"] == "completed").then_some(())
    })
    .await;
}

pub(crate) fn alone(round: &mut Round<'_>) {
    round.test("job_list_of_10_000_jobs_takes_no_more_calls", |cloud| async move {
        let (tenant, user) = (Tenant::new(&cloud), UserId::new());
        let body = json!({"userId": user, "jobs": [{"prompt": "a kite", "size": "256x256"}]});
        let (_, batch) = tenant.batch(&body).await;
        let job = batch["jobs"][0]["jobId"].as_str().unwrap().to_owned();
        completed(&tenant, &job).await;
        let asked = [
            ("images-list", "/images/jobs".to_owned()),
            ("images-list", format!("/images/jobs?userId={user}&limit=100")),
            ("images-batch-status", format!("/images/batch/{}/status", batch["batchId"].as_str().unwrap())),
            ("images-status", format!("/images/status/{job}")),
        ];
        let calls = async || {
            let mut calls = Vec::new();
            for (function, path) in &asked {
                tenant.get(path).await;
                let seen = cloud.calls_so_far();
                let (status, body) = tenant.get(path).await;
                assert_eq!(status, 200, "{body}");
                calls.push(cloud.calls_of(function, seen));
            }
            calls
        };
        let before = calls().await;
        assert_eq!(before[0], ["dynamodb:UpdateItem", "dynamodb:Query", "dynamodb:BatchGetItem"]);
        let mut many = failed_jobs(&tenant, user, 10_000);
        // The oldest job is the only one with its status.
        many[0].status = JobStatus::Cancelled;
        put(&cloud, &many).await;
        assert_eq!(calls().await, before);
        let (_, page) = tenant.get("/images/jobs?limit=100").await;
        let newest: Vec<_> = many.iter().rev().take(100).map(|job| job.id.to_string()).collect();
        assert_eq!(ids(&page), newest);

        // A rare status is found page by page, with bounded work for each page.
        let (mut path, mut pages, mut found) = ("/images/jobs?status=cancelled".to_owned(), 0, Vec::new());
        loop {
            let seen = cloud.calls_so_far();
            let (_, page) = tenant.get(&path).await;
            let queries = cloud.calls_of("images-list", seen);
            assert!(queries.iter().filter(|call| *call == "dynamodb:Query").count() <= 4, "{queries:?}");
            found.extend(ids(&page));
            pages += 1;
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            path = format!("/images/jobs?status=cancelled&cursor={cursor}");
        }
        assert_eq!((found, pages), (vec![many[0].id.to_string()], 3));
    });
}
