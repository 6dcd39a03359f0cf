use domain::images::Count;
use testkit::Kept;
use tokio::time::Instant;

use super::*;

fn task(prompt: &str, missing: &[u8], attempt: u32) -> ImageTask {
    let mut picture = testkit::a_request(prompt).picture;
    picture.count = Count::try_from(4).unwrap();
    ImageTask { missing: missing.to_vec(), attempt, ..testkit::image_task(picture) }
}

async fn run(task: &ImageTask) -> (Kept, Result<Finished, ProviderError>) {
    let sink = Kept::default();
    let answer = Sandbox.generate(task, &sink).await.map(|step| match step {
        Step::Finished(finished) => finished,
        Step::Pending { .. } => panic!("the sandbox finishes in one step"),
    });
    (sink, answer)
}

#[tokio::test]
async fn missing_images_are_drawn_the_same_in_each_attempt() {
    let (first, answer) = run(&task("a red kite", &[0, 1, 2], 1)).await;
    assert!(answer.unwrap().warnings.is_empty());
    let (retry, _) = run(&task("a red kite", &[2], 2)).await;
    let (first, retry) = (first.images(), retry.images());
    assert_eq!(first.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(retry[0].0, 2);
    assert_eq!(first[2].1.bytes, retry[0].1.bytes);
    assert_ne!(first[0].1.bytes, first[1].1.bytes);
    let origin = &first[1].1.origin;
    assert_eq!(
        (origin.provider.as_str(), origin.model.as_str(), origin.cost_micros),
        ("sandbox", "sandbox-1", 0)
    );
    assert!(origin.seed.is_some() && origin.seed != first[0].1.origin.seed);
    let picture = pictures::decode::decode(&first[0].1.bytes).unwrap();
    assert_eq!((picture.format, picture.width, picture.height), (domain::images::ImageFormat::Png, 256, 256));
}

#[tokio::test]
async fn switches_are_not_drawn() {
    let (plain, _) = run(&task("a red kite", &[0], 1)).await;
    let (switched, _) = run(&task("a [[fail:1]] red [[nonsense]] kite", &[0], 2)).await;
    assert_eq!(plain.images()[0].1.bytes, switched.images()[0].1.bytes);
}

#[tokio::test]
async fn switches_make_generate_fail_as_documented() {
    let cases = [
        ("[[fail:2]]", 1, Some(ErrorClass::Provider)),
        ("[[fail:2]]", 2, Some(ErrorClass::Provider)),
        ("[[fail:2]]", 3, None),
        ("[[fail:forever]]", 99, Some(ErrorClass::Provider)),
        ("[[fail:operator]]", 99, Some(ErrorClass::Operator)),
        ("[[limit:5]]", 1, Some(ErrorClass::Capacity)),
        ("[[limit:5]]", 2, None),
        ("[[limit:5]] [[fail:2]]", 2, Some(ErrorClass::Provider)),
        ("[[refuse]]", 99, Some(ErrorClass::Caller)),
    ];
    for (prompt, attempt, fault) in cases {
        let (sink, answer) = run(&task(prompt, &[0], attempt)).await;
        assert_eq!(answer.err().map(|error| error.class), fault, "{prompt} {attempt}");
        assert_eq!(sink.images().len(), usize::from(fault.is_none()), "{prompt} {attempt}");
    }
    let (_, limited) = run(&task("[[limit:5]]", &[0], 1)).await;
    assert_eq!(limited.unwrap_err().retry_after, Some(Duration::from_secs(5)));
    let (_, refused) = run(&task("[[refuse]]", &[0], 1)).await;
    assert_eq!(refused.unwrap_err().warnings.len(), 1);
}

#[tokio::test]
async fn waiting_and_drawing_report_progress() {
    let start = Instant::now();
    let (sink, answer) = run(&task("[[slow:1.2]] a boat", &[0, 1], 1)).await;
    answer.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(1200));
    let progress = sink.progress();
    assert!(progress.is_sorted() && progress.len() >= 4, "{progress:?}");
    assert_eq!((progress.first(), progress.last()), (Some(&0), Some(&100)));
}

#[tokio::test]
async fn linger_delivers_images_and_fails_at_the_deadline() {
    let start = Instant::now();
    let mut task = task("[[linger:30]] a boat", &[0], 1);
    task.deadline = Timestamp::from_millis(Timestamp::now().millis() + 700);
    let (sink, answer) = run(&task).await;
    assert_eq!(answer.unwrap_err().class, ErrorClass::Provider);
    assert_eq!(sink.images().len(), 1);
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn stop_of_the_sink_ends_the_attempt() {
    let sink = Kept::full();
    let answer = Sandbox.generate(&task("a boat", &[0, 1], 1), &sink).await;
    assert_eq!(answer.unwrap_err().class, ErrorClass::Internal);
    assert!(sink.progress().is_empty());
}
