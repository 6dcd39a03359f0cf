//! Downloads of finished images.

use super::*;

#[tokio::test]
async fn missing_or_invalid_image_fails_and_allows_a_new_grid() {
    for reply in [
        Reply::html(403),
        Reply::html(404),
        Reply::html(200),
        Reply::new(200, "image/png", ""),
        Reply::new(302, "text/plain", "").header("location", "http://169.254.169.254/latest/meta-data"),
    ] {
        let server = standin::Midjourney::start().await;
        let provider = provider(&server, json!({}));
        server.pictures(Some(reply.clone()));
        let mut job = Job::of(1);
        let failure = job.fails(&provider).await;
        assert_eq!(failure, (ErrorClass::Provider, Reason::BadResponse, true), "{reply:?}");
        // Still missing at the next search: a new one is paid for.
        while server.paid().len() < 2 {
            job.step(&provider).await.unwrap();
        }
        server.pictures(None);
        job.finish(&provider).await.unwrap();
        assert_eq!((job.calls, job.kept.images().len()), (2, 1), "{reply:?}");
    }
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
    for url in [
        "http://127.0.0.1:1/a.png",
        "https://10.0.0.1/a.png",
        "http://cdn.example/a.png",
        "file:///etc/passwd",
    ] {
        let done = json!({"status": "SUCCESS", "imageUrl": url});
        server.steps(vec![done]);
        let failure = Job::of(1).fails(&provider(&server, json!({}))).await;
        assert_eq!(failure, (ErrorClass::Provider, Reason::BadResponse, true), "{url}");
    }
    for absent in [json!(null), json!(""), json!("not a URL")] {
        server.steps(vec![json!({"status": "SUCCESS", "imageUrl": absent})]);
        let failure = Job::of(1).fails(&provider(&server, json!({}))).await;
        assert_eq!(failure, (ErrorClass::Provider, Reason::BadResponse, true));
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
