mod stand_in;

use clap::Parser as _;
use serde_json::json;
use stand_in::StandIn;

use super::fields::Fields;
use super::publish::{Published, publish};
use super::{content, manage};
use crate::cli;

fn parse(arguments: &[&str]) -> cli::Addons {
    let line = ["semantest", "addons"].iter().chain(arguments);
    let cli::Command::Addons(addons) = cli::Cli::parse_from(line).command else { panic!("not addons") };
    addons
}

fn publication(options: &[&str]) -> cli::AddonsPublish {
    let cli::Addons::Publish(args) = parse(&[&["publish", "src/tidy.js"], options].concat()) else {
        panic!("not publish")
    };
    *args
}

/// Publishes `content`, and returns the error as it is shown.
async fn publish_as(deployment: &StandIn, options: &[&str], content: &str) -> Result<Published, String> {
    let args = publication(options);
    let fields = Fields::with_manifest(&args, serde_json::Map::new()).unwrap();
    let published = publish(&deployment.api, &args, &fields, content).await;
    published.map_err(|error| format!("{:#}", content::with_places(error, &args.file)))
}

fn is_new(published: Result<Published, String>) -> bool {
    matches!(published.unwrap(), Published::New(_))
}

const FIRST: [&str; 4] = ["--id", "tidy", "--version", "1.0.0"];

#[tokio::test]
async fn first_version_is_posted_and_the_next_one_is_put() {
    let deployment = StandIn::start().await;
    let options = ["--domain", "a.example", "--run-at", "document_end", "--author", "me"];
    assert!(is_new(publish_as(&deployment, &[&FIRST[..], &options].concat(), "a()").await));
    assert_eq!(deployment.requests(), ["PUT /admin/addons/tidy", "POST /admin/addons"]);
    assert_eq!(deployment.newest()["name"], "tidy");

    let next = ["--id", "tidy", "--version", "1.1.0", "--name", "Tidy up"];
    assert!(is_new(publish_as(&deployment, &next, "b()").await));
    assert_eq!(deployment.requests(), ["PUT /admin/addons/tidy"]);
    let newest = deployment.newest();
    assert_eq!(
        (&newest["name"], &newest["author"]),
        (&json!("Tidy up"), &json!("me")),
        "the author is inherited"
    );
}

#[tokio::test]
async fn addon_without_id_is_posted_with_a_new_one() {
    let deployment = StandIn::start().await;
    assert!(is_new(publish_as(&deployment, &["--version", "1.0.0"], "a()").await));
    assert_eq!(deployment.requests(), ["POST /admin/addons"]);
    let id = deployment.newest()["id"].as_str().unwrap().to_owned();
    assert!(id.parse::<uuid::Uuid>().is_ok(), "{id}");
}

#[tokio::test]
async fn lost_answers_publish_one_version() {
    let deployment = StandIn::start().await;
    deployment.state.lock().unwrap().lost_answers = 1;
    assert!(is_new(publish_as(&deployment, &FIRST, "a()").await));
    let expected = ["PUT /admin/addons/tidy", "POST /admin/addons", "POST /admin/addons"];
    assert_eq!(deployment.requests(), expected, "the second one has the same idempotency key");

    deployment.state.lock().unwrap().lost_answers = 1;
    let next = publish_as(&deployment, &["--id", "tidy", "--version", "1.1.0"], "b()").await;
    assert!(matches!(next.unwrap(), Published::Before(metadata) if metadata["version"] == "1.1.0"));
    assert_eq!(deployment.state.lock().unwrap().versions.len(), 2);
}

#[tokio::test]
async fn same_publication_again_succeeds() {
    let deployment = StandIn::start().await;
    let options = [&FIRST[..], &["--domain", "a.example", "--status", "beta"]].concat();
    publish_as(&deployment, &options, "\u{feff}a()").await.unwrap();
    deployment.requests();
    let again = publish_as(&deployment, &options, "\u{feff}a()").await.unwrap();
    assert!(matches!(again, Published::Before(_)));
    assert_eq!(deployment.requests(), ["PUT /admin/addons/tidy", "GET /addons/tidy/metadata"]);
}

#[tokio::test]
async fn other_content_or_fields_of_a_version_are_refused() {
    let deployment = StandIn::start().await;
    publish_as(&deployment, &FIRST, "a()").await.unwrap();
    let refused = publish_as(&deployment, &FIRST, "b()!").await.unwrap_err();
    for part in [
        "the version 1.0.0 of tidy is published already, with other content: publish another version",
        &content::sha256("a()"),
        &content::sha256("b()!"),
        "3 bytes",
        "4 bytes",
    ] {
        assert!(refused.contains(part), "{part} in {refused}");
    }
    let mapped = publish_as(&deployment, &FIRST, "a()\n//# sourceMappingURL=a.js.map").await.unwrap_err();
    assert!(mapped.contains("without its source map comment"), "{mapped}");
    let renamed = publish_as(&deployment, &[&FIRST[..], &["--name", "other"]].concat(), "a()").await;
    assert!(renamed.unwrap_err().contains("another value of name"));
}

#[tokio::test]
async fn number_of_a_deleted_version_is_not_free() {
    let deployment = StandIn::start().await;
    publish_as(&deployment, &FIRST, "a()").await.unwrap();
    manage::remove(&deployment.api, "tidy").await.unwrap();
    let refused = publish_as(&deployment, &FIRST, "a()").await.unwrap_err();
    assert!(refused.contains("1.0.0 of tidy was deleted"), "{refused}");
    assert!(is_new(publish_as(&deployment, &["--id", "tidy", "--version", "1.0.1"], "a()").await));
}

#[tokio::test]
async fn faults_of_the_content_are_shown_at_their_place() {
    let deployment = StandIn::start().await;
    let options = ["--version", "1.0.0", "--name", &"n".repeat(101)];
    let refused = publish_as(&deployment, &options, "a()\n@@").await.unwrap_err();
    let expected = "src/tidy.js is not published\nsrc/tidy.js:2:1: Unexpected token\n  \
                    name: must be 1 to 100 characters";
    assert_eq!(refused, expected);
    let version = publish_as(&deployment, &["--id", "tidy", "--version", "1.0"], "a()").await.unwrap_err();
    assert!(version.contains("(INVALID_VERSION)\n  version: must be a version"), "{version}");
}

#[tokio::test]
async fn list_has_the_addons_of_all_pages() {
    let deployment = StandIn::start().await;
    for number in 0..201 {
        let status = if number % 2 == 0 { "active" } else { "beta" };
        let addon = json!({"id": format!("a{number}"), "status": status, "type": "style_sheet"});
        deployment.state.lock().unwrap().versions.push(addon);
    }
    let listed = async |options: &[&str]| {
        let cli::Addons::List(args) = parse(&[&["list"], options].concat()) else { panic!("not list") };
        manage::all(&deployment.api, &args).await.unwrap().len()
    };
    assert_eq!(listed(&[]).await, 201);
    assert_eq!(deployment.requests(), ["GET /addons"; 3]);
    assert_eq!(listed(&["--status", "beta"]).await, 100);
    assert_eq!(listed(&["--type", "style_sheet", "--status", "active"]).await, 101);
    assert_eq!(listed(&["--type", "content_script"]).await, 0);
}

#[tokio::test]
async fn status_of_a_version_is_changed() {
    let deployment = StandIn::start().await;
    publish_as(&deployment, &FIRST, "a()").await.unwrap();
    let options =
        ["status", "tidy", "deprecated", "--version", "1.0.0", "--reason", "old", "--message", "use b"];
    let cli::Addons::Status(args) = parse(&options) else { panic!("not status") };
    let body = manage::status_body(&args);
    let expected =
        json!({"status": "deprecated", "version": "1.0.0", "reason": "old", "deprecationMessage": "use b"});
    assert_eq!(body, expected);
    let changed = manage::change_status(&deployment.api, &args).await.unwrap();
    assert_eq!(changed["status"], "deprecated");
    let cli::Addons::Status(args) = parse(&["status", "other", "beta"]) else { panic!("not status") };
    assert_eq!(manage::status_body(&args), json!({"status": "beta"}));
    let error = manage::change_status(&deployment.api, &args).await.unwrap_err();
    assert!(error.to_string().contains("ADDON_NOT_FOUND"), "{error}");
}

#[test]
fn only_a_yes_is_one() {
    assert!(["y", "Y\n", " yes \r\n"].into_iter().all(manage::is_yes));
    assert!(!["", "\n", "n", "yess"].into_iter().any(manage::is_yes));
}
