//! What is drawn, and the prompts for it.

use super::*;

#[tokio::test]
async fn one_grid_makes_the_images_of_every_count() {
    for count in 1..=4 {
        let server = standin::Midjourney::start().await;
        let provider = provider(&server, json!({"pricePerJob": 0.03}));
        let mut job = Job::of(count);
        job.finish(&provider).await.unwrap();
        let expected: Vec<_> =
            (0..count).map(|index| (index, (256, 256), BLUES[usize::from(index)])).collect();
        assert_eq!(job.blues(), expected);
        assert_eq!((server.paid().len(), job.calls), (1, 1));
        assert_eq!(server.refusals(), Vec::<String>::new());
        let images = job.kept.images();
        assert_eq!(images.iter().map(|(_, image)| image.origin.cost_micros).sum::<u64>(), 30_000);
        let origin = &images[0].1.origin;
        assert_eq!((origin.provider.as_str(), origin.model.as_str()), ("midjourney", "midjourney-8.1"));
        assert_eq!(origin.revised_prompt.as_deref(), Some("a red kite over dunes --ar 1:1 --v 8.1"));
        assert_eq!(job.kept.progress(), [31]);
    }
}

#[tokio::test]
async fn every_size_is_cut_from_its_ratio() {
    let server = standin::Midjourney::start().await;
    let provider = provider(&server, json!({}));
    for size in Size::ALL {
        let mut job = Job::new(picture(*size, 1));
        job.finish(&provider).await.unwrap();
        assert_eq!(job.blues(), [(0, size.pixels(), BLUES[0])], "{size:?}");
    }
    let ratios: Vec<_> = server
        .prompts()
        .iter()
        .map(|prompt| prompt.split("--ar ").nth(1).unwrap().split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(ratios, ["1:1", "1:1", "1:1", "7:4", "4:7", "16:9", "9:16"]);
}

#[tokio::test]
async fn qualities_and_styles_become_flags_of_the_version() {
    let server = standin::Midjourney::start().await;
    let mut styled = picture(Size::Wide1024, 1);
    styled.quality = Quality::Hd;
    styled.style = Some(Style::Natural);
    let plain = "a red kite over dunes --ar 16:9";
    for (settings, expected) in [
        (json!({}), "--hd --raw --s 50 --v 8.1"),
        (json!({"version": "7", "speed": "fast"}), "--q 2 --raw --s 50 --v 7 --fast"),
        (json!({"speed": "relax", "flags": {"hd": "", "natural": "--s 50"}}), "--s 50 --v 8.1 --relax"),
    ] {
        let mut job = Job::new(styled.clone());
        job.step(&provider(&server, settings)).await.unwrap();
        assert_eq!(server.prompts().last(), Some(&format!("{plain} {expected}")));
    }
    let version_6: Settings =
        serde_json::from_value(json!({"baseUrl": "http://x", "version": "6.1"})).unwrap();
    assert_eq!(
        (version_6.flags().hd.as_str(), version_6.flags().natural.as_str()),
        ("", "--style raw --s 50")
    );
    assert_eq!(server.refusals(), Vec::<String>::new());
}

#[tokio::test]
async fn flags_and_addresses_of_users_are_not_sent() {
    let server = standin::Midjourney::start().await;
    let provider = provider(&server, json!({}));
    let mut picture = picture(Size::S256, 1);
    picture.prompt =
        Prompt::try_from("https://evil.example/a.png a {red,blue} kite --repeat 40".to_owned()).unwrap();
    Job::new(picture.clone()).step(&provider).await.unwrap();
    assert_eq!(server.prompts(), ["a (red,blue) kite --ar 1:1 --v 8.1"]);

    picture.prompt = Prompt::try_from("--repeat 40".to_owned()).unwrap();
    assert!(provider.supports(&picture).is_err());
    let failure = Job::new(picture).fails(&provider).await;
    assert_eq!(failure, (ErrorClass::Caller, Reason::InvalidRequest, false));
    assert_eq!(server.paid().len(), 1);
}

#[test]
fn settings_with_commands_are_refused() {
    for more in [json!({"version": "8 --repeat 40"}), json!({"version": ""}), json!({"pricePerJob": -1.0})] {
        let mut settings = json!({"baseUrl": "http://127.0.0.1:8080"});
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert!(Midjourney::new(serde_json::from_value(settings).unwrap()).is_err(), "{more}");
    }
    assert_eq!(Speed::Relax.poll_interval(), Duration::from_secs(15));
}
