//! The providers document: the operator decides which providers are enabled, and no one sees the keys in
//! it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Output, Stdio};
use std::sync::Arc;

use semantest_tests::cloud::{Cloud, eventually, semantest_command};
use serde_json::{Value, json};

use crate::Round;
use crate::command_line::stdout;

/// Runs `semantest providers` with this input and AWS credentials.
async fn providers(cloud: &Arc<Cloud>, words: &[&str], input: &str) -> Output {
    let mut command = semantest_command(&cloud.data);
    command.arg("providers").args(words);
    let account = [
        ("AWS_ENDPOINT_URL", cloud.url.as_str()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
    ];
    command.envs(account).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let input = input.to_owned();
    let work = move || {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

async fn stored(cloud: &Cloud) -> String {
    let secret = cloud.secrets.get_secret_value().secret_id(cloud.output("ProvidersSecret"));
    secret.send().await.unwrap().secret_string.unwrap()
}

/// Tags the secret as CloudFormation does, which the emulator omits.
async fn tag(cloud: &Cloud, stack: &str) {
    for (key, value) in [("stack-name", stack), ("logical-id", "ProvidersSecret")] {
        let key = format!("aws:cloudformation:{key}");
        let tag = aws_sdk_secretsmanager::types::Tag::builder().key(key).value(value).build();
        let secret = cloud.output("ProvidersSecret");
        cloud.secrets.tag_resource().secret_id(secret).tags(tag).send().await.unwrap();
    }
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.with_providers(
        "providers_document_is_set_whole_or_refused_and_never_shown",
        |cloud, stand_ins| async move {
            let document = stand_ins.document();
            let listed = stdout(&providers(&cloud, &["list", "--json"], "").await);
            let listed: Value = serde_json::from_str(&listed).unwrap();
            let given = document.as_object().unwrap().iter().filter(|(_, settings)| settings.is_object());
            let given =
                given.map(|(name, _)| if name == "stableDiffusion" { "stable_diffusion" } else { name });
            let given = json!({"providers": given.collect::<BTreeSet<_>>()});
            assert_eq!(listed, given, "what `up --providers` was given");

            let mut changed = document.clone();
            changed["openai"]["concurrency"] = json!(3);
            let mut misspelt = changed.clone();
            misspelt["openAI"] = json!({"apikey": "sk-canary"});
            misspelt["chat"] = json!({"apikey": "sk-canary", "baseUrl": "canary"});
            let (document, changed, misspelt) =
                (document.to_string(), changed.to_string(), misspelt.to_string());
            tag(&cloud, "a-stack").await;
            for place in [&[][..], &["--stack", "a-stack"], &["--secret", cloud.output("ProvidersSecret")]] {
                let words = |verb: &[&'static str]| [verb, place].concat();
                let set = providers(&cloud, &words(&["set", "-"]), &changed).await;
                assert!(
                    stdout(&set).lines().any(|line| line == "sandbox")
                        && !format!("{set:?}").contains("canary")
                );
                assert_eq!(stored(&cloud).await, changed, "{place:?}");

                let bad = providers(&cloud, &words(&["set", "-"]), &misspelt).await;
                let said = String::from_utf8(bad.stderr).unwrap();
                let told = [
                    "chat.baseUrl: must be",
                    "chat.model: is missing",
                    "chat.apikey: is unknown; did you mean apiKey?",
                    "openAI: is unknown; did you mean openai?",
                ];
                assert!(!bad.status.success() && told.iter().all(|fault| said.contains(fault)), "{said}");
                assert!(!said.contains("canary"), "{said}");
                assert_eq!(stored(&cloud).await, changed, "{place:?}");
                let listed = providers(&cloud, &words(&["list"]), "").await;
                assert!(
                    stdout(&listed).lines().any(|line| line == "sandbox")
                        && !format!("{listed:?}").contains("canary")
                );
                stdout(&providers(&cloud, &words(&["set", "-"]), &document).await);
            }
            let nowhere = providers(&cloud, &["list", "--stack", "a-sta"], "").await;
            assert!(!nowhere.status.success(), "{nowhere:?}");
        },
    );

    round.with_providers(
        "mended_key_is_used_within_a_minute_and_jobs_say_what_they_wait_for",
        |_, stand_ins| async move {
            let right = stand_ins.document();
            let mut wrong = right.clone();
            wrong["openai"]["apiKey"] = json!("sk-canary-wrong");
            let cloud = Arc::new(Cloud::start_with(Some(&wrong)).await);
            let job =
                cloud.generate(json!({"prompt": "a kite behind a lock", "provider": "gpt_image"})).await;
            let job = job["jobId"].as_str().unwrap().to_owned();
            let waiting = eventually("the job says what it waits for", async || {
                let state = cloud.status(&job).await;
                state["waitingFor"].is_object().then(|| state["waitingFor"].clone())
            })
            .await;
            assert_eq!((&waiting["reason"], &waiting["provider"]), (&json!("account"), &json!("openai")));
            assert!(waiting["since"].is_string() && waiting["until"].is_string(), "{waiting}");
            let health = cloud.http.get(format!("{}/api/v1/health", cloud.url)).send().await.unwrap();
            let health: Value = health.json().await.unwrap();
            let openai = &health["services"]["imageProviders"]["openai"];
            assert_eq!(openai["error"], "the provider does not accept the operator's key", "{health}");

            let set = ["set", "-", "--secret", cloud.output("ProvidersSecret")];
            stdout(&providers(&cloud, &set, &right.to_string()).await);
            // A promise of the documentation: a minute, and the time for the image itself.
            let mended = std::time::Instant::now();
            let state = cloud.ended(&job).await;
            assert_eq!(state["status"], "completed", "{state}");
            assert!(mended.elapsed() < std::time::Duration::from_secs(75), "{:?}", mended.elapsed());
            assert!(state["waitingFor"].is_null(), "{state}");
            let cloud = Arc::into_inner(cloud).unwrap();
            assert_eq!(cloud.stop().await, Vec::<String>::new());
        },
    );

    round.with_providers("deprecated_model_shows_in_health_and_in_the_log", |_, stand_ins| async move {
        let mut document = stand_ins.document();
        document["openai"]["models"]["dalle2"] = json!("gpt-image-1.5");
        let cloud = Cloud::start_with(Some(&document)).await;
        let health = async || {
            let answer = cloud.http.get(format!("{}/api/v1/health", cloud.url)).send().await.unwrap();
            answer.json::<Value>().await.unwrap()["services"]["imageProviders"]["openai"].clone()
        };
        // The scheduled sweep runs only once a minute.
        cloud.sweep().await;
        let openai = eventually("the warning is there", async || {
            let openai = health().await;
            openai["warning"].is_string().then_some(openai)
        })
        .await;
        assert_eq!(openai["warning"], "gpt-image-1.5 is switched off on 2026-12-01");
        let logged = cloud.log("sweeper");
        let alarm = logged.iter().find(|line| line.contains("model_sunset")).unwrap();
        assert!(alarm.contains("gpt-image-1.5") && alarm.contains("2026-12-01"), "{alarm}");
        assert!(logged.iter().all(|line| !line.contains("canary")));
        assert_eq!(cloud.stop().await, Vec::<String>::new());
    });
}
