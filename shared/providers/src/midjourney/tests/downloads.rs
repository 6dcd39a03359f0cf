//! Downloads of finished images.

use testkit::standin::{Encoding, Server, painted};

use super::*;

/// Makes the first look at the finished grid so many seconds older.
fn age(job: &mut Job, seconds: i64) {
    let mut checkpoint: Value = serde_json::from_str(job.task.handle.as_deref().unwrap()).unwrap();
    let done = checkpoint["grid"]["done"].as_i64().unwrap();
    checkpoint["grid"]["done"] = json!(done - seconds * 1000);
    job.task.handle = Some(checkpoint.to_string());
}

#[tokio::test]
async fn missing_or_invalid_image_is_looked_at_again_and_bought_once() {
    for reply in [
        Reply::html(403),
        Reply::html(404),
        Reply::html(200),
        Reply::new(200, "image/png", ""),
        Reply::new(200, "image/png", "\u{89}PNG half a picture"),
    ] {
        for comes in [true, false] {
            let server = standin::Midjourney::start().await;
            let provider = provider(&server, json!({}));
            server.pictures(Some(reply.clone()));
            let mut job = Job::of(1);
            for _ in 0..4 {
                assert!(matches!(job.step(&provider).await, Ok(Step::Pending { .. })), "{reply:?}");
            }
            if comes {
                server.pictures(None);
                job.finish(&provider).await.unwrap();
            } else {
                age(&mut job, 301);
                assert_eq!(job.fails(&provider).await, (ErrorClass::Caller, Reason::BadResponse, true));
                // Nor does another attempt, without a checkpoint, pay for another grid.
                assert!(matches!(job.step(&provider).await, Ok(Step::Pending { .. })), "{reply:?}");
            }
            assert_eq!((server.paid().len(), job.calls), (1, 1), "{reply:?}");
        }
    }
}

#[tokio::test]
async fn finished_task_without_its_link_is_looked_at_again() {
    let done = |fields: Value| {
        let mut done = json!({"status": "SUCCESS", "progress": "100%"});
        done.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        done
    };
    for late in [
        json!({"imageUrl": null}),
        json!({"imageUrl": ""}),
        json!({"imageUrl": null, "imageUrls": []}),
        json!({"imageUrl": "HERE/page"}),
        json!({"imageUrl": "not a URL"}),
        json!({"imageUrl": "http://[::1"}),
    ] {
        let server = standin::Midjourney::start().await;
        server.steps(vec![done(late.clone()), done(late.clone()), done(late.clone()), done(json!({}))]);
        let mut job = Job::of(2);
        job.finish(&provider(&server, json!({}))).await.unwrap();
        assert_eq!((server.paid().len(), job.kept.images().len()), (1, 2), "{late}");
    }
    for links in [json!(["LINK"]), json!([{"url": "LINK"}]), json!(["LINK", "LINK", "LINK", "LINK"])] {
        let server = standin::Midjourney::start().await;
        server.steps(vec![done(json!({"imageUrl": null, "imageUrls": links}))]);
        let mut job = Job::of(2);
        job.finish(&provider(&server, json!({}))).await.unwrap();
        assert_eq!((server.paid().len(), job.kept.images().len()), (1, 2), "{links}");
    }
}

#[tokio::test]
async fn each_image_with_its_own_link_is_fetched_from_there() {
    let server = standin::Midjourney::start().await;
    let pictures = Server::start(|asked| {
        let number: u64 = asked.path.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
        Reply::new(200, "image/png", painted(256, 256, number, Encoding::Png))
    })
    .await;
    let host = pictures.url().trim_start_matches("http://").to_owned();
    let links: Vec<_> = (1..5).map(|number| format!("{}/{number}.png", pictures.url())).collect();
    server.steps(vec![json!({"status": "SUCCESS", "imageUrl": null, "imageUrls": links})]);
    let mut job = Job::of(3);
    job.finish(&provider(&server, json!({"picturesFrom": [host]}))).await.unwrap();
    assert_eq!(job.blues(), [(0, (256, 256), 1), (1, (256, 256), 2), (2, (256, 256), 3)]);
    assert_eq!(server.paid().len(), 1);
}

#[tokio::test]
async fn images_that_have_a_link_are_delivered_if_others_have_none() {
    let server = standin::Midjourney::start().await;
    let pictures = Server::start(|_| Reply::new(200, "image/png", painted(256, 256, 3, Encoding::Png))).await;
    let links: Vec<_> = (1..3).map(|number| format!("{}/{number}.png", pictures.url())).collect();
    server.steps(vec![json!({"status": "SUCCESS", "imageUrl": null, "imageUrls": links})]);
    let provider = provider(&server, json!({"picturesFrom": ["127.0.0.1"]}));
    let mut job = Job::of(4);
    for _ in 0..4 {
        assert!(matches!(job.step(&provider).await, Ok(Step::Pending { .. })));
    }
    assert_eq!((job.kept.images().len(), job.task.missing.clone()), (2, vec![2, 3]));
    age(&mut job, 301);
    let failure = job.finish(&provider).await.unwrap_err();
    assert_eq!((failure.class, failure.reason), (ErrorClass::Caller, Reason::BadResponse));
    assert_eq!((job.kept.images().len(), server.paid().len(), job.calls), (2, 1, 1));
}

#[tokio::test]
async fn transient_download_error_is_retried() {
    let server = standin::Midjourney::start().await;
    let provider = provider(&server, json!({}));
    let mut job = Job::of(1);
    job.step(&provider).await.unwrap();
    job.step(&provider).await.unwrap();
    for reply in [Reply::html(503), Reply::new(200, "image/png", "half a picture").cut()] {
        server.pictures(Some(reply.clone()));
        assert!(matches!(job.step(&provider).await, Ok(Step::Pending { .. })), "{reply:?}");
    }
    server.pictures(None);
    job.finish(&provider).await.unwrap();
    assert_eq!((server.paid().len(), job.kept.images().len()), (1, 1));
}

#[tokio::test]
async fn image_on_another_host_is_fetched_by_the_guards_rules() {
    let server = standin::Midjourney::start().await;
    for url in ["https://169.254.169.254/a.png", "file:///etc/passwd"] {
        server.steps(vec![json!({"status": "SUCCESS", "imageUrl": url})]);
        let failure = Job::of(1).fails(&provider(&server, json!({}))).await;
        assert_eq!(failure, (ErrorClass::Caller, Reason::BadResponse, true), "{url}");
    }
    assert_eq!(server.paid().len(), 2, "one for each job");
}

#[tokio::test]
async fn image_at_an_unlisted_host_waits_for_the_operator_and_alarms() {
    for url in ["http://127.0.0.1:1/a.png", "https://10.0.0.1/a.png", "http://cdn.example/a.png"] {
        let server = standin::Midjourney::start().await;
        server.steps(vec![json!({"status": "SUCCESS", "imageUrl": url})]);
        let (provider, logs) = (provider(&server, json!({})), Logs::begin());
        let mut job = Job::of(1);
        for _ in 0..3 {
            assert!(matches!(job.step(&provider).await, Ok(Step::Pending { .. })), "{url}");
        }
        assert_eq!(logs.with("alarm", "provider_account").len(), 2, "one for each look");
        age(&mut job, 3601);
        assert_eq!(job.fails(&provider).await, (ErrorClass::Caller, Reason::BadResponse, true), "{url}");
        assert_eq!((server.paid().len(), job.calls), (1, 1), "{url}");
    }
}

#[tokio::test]
async fn secret_is_sent_to_the_proxy_and_not_with_downloads() {
    let server = standin::Midjourney::start().await;
    Job::of(1).finish(&provider(&server, json!({}))).await.unwrap();
    for asked in server.asked() {
        let is_picture = asked.path.starts_with("/attachments/");
        assert_eq!(asked.header("mj-api-secret").is_none(), is_picture, "{}", asked.path);
    }
    let settings: Settings = serde_json::from_value(server.settings()).unwrap();
    assert!(!format!("{settings:?} {:?}", provider(&server, json!({}))).contains("canary"));
}

#[tokio::test]
async fn too_large_grid_fails_the_job_without_a_new_grid() {
    for picture in [huge(), vec![0; pictures::decode::MAX_IMAGE_BYTES + 1]] {
        let server = standin::Midjourney::start().await;
        server.pictures(Some(Reply::new(200, "image/png", picture)));
        let provider = provider(&server, json!({}));
        let mut job = Job::of(1);
        assert_eq!(job.fails(&provider).await, (ErrorClass::Caller, Reason::BadResponse, true));
        // The same in another attempt, which has no checkpoint.
        assert_eq!(job.fails(&provider).await, (ErrorClass::Caller, Reason::BadResponse, true));
        assert_eq!((server.paid().len(), job.calls), (1, 1));
    }
}

/// A PNG of 8000 by 8000.
fn huge() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::GrayImage::new(8000, 8000).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}
