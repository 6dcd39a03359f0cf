use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::*;
use crate::local::secrets_manager;

const OVERLAP: Duration = Duration::from_secs(3600);

/// A Secrets Manager with one secret, that moves labels as the real one does.
#[derive(Default)]
struct StandIn(Mutex<State>);

#[derive(Default)]
struct State {
    versions: BTreeMap<String, String>,
    current: String,
    /// Documents that others store just before the next changes.
    others: Vec<String>,
    /// The next move is done, but its answer is lost.
    lose_answer: bool,
}

impl State {
    fn holding(document: &str) -> Self {
        let versions = BTreeMap::from([("0".to_owned(), document.to_owned())]);
        Self { versions, current: "0".to_owned(), ..Self::default() }
    }

    fn add(&mut self, document: String) -> String {
        let id = self.versions.len().to_string();
        self.versions.insert(id.clone(), document);
        id
    }
}

fn error(code: &str) -> ResponseTemplate {
    ResponseTemplate::new(400).set_body_json(json!({"__type": code, "message": "no"}))
}

impl Respond for StandIn {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut state = self.0.lock().unwrap();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["SecretId"], "keys");
        match request.headers["x-amz-target"].to_str().unwrap() {
            "secretsmanager.GetSecretValue" => {
                let document = &state.versions[&state.current];
                let answer = json!({"VersionId": state.current, "SecretString": document});
                ResponseTemplate::new(200).set_body_json(answer)
            }
            "secretsmanager.PutSecretValue" => {
                assert_eq!(body["VersionStages"], json!(["AWSPENDING"]), "nobody is overtaken");
                let id = state.add(body["SecretString"].as_str().unwrap().to_owned());
                ResponseTemplate::new(200).set_body_json(json!({"VersionId": id}))
            }
            "secretsmanager.UpdateSecretVersionStage" => {
                assert_eq!(body["VersionStage"], "AWSCURRENT");
                if let Some(other) = state.others.pop() {
                    state.current = state.add(other);
                }
                if body["RemoveFromVersionId"] != state.current.as_str() {
                    return error("InvalidParameterException");
                }
                body["MoveToVersionId"].as_str().unwrap().clone_into(&mut state.current);
                match std::mem::take(&mut state.lose_answer) {
                    true => error("InvalidParameterException"),
                    false => ResponseTemplate::new(200).set_body_json(json!({})),
                }
            }
            target => panic!("{target}"),
        }
    }
}

async fn server(state: State) -> (MockServer, Client) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = MockServer::start().await;
    let mock = Mock::given(method("POST")).and(path("/"));
    mock.respond_with(StandIn(Mutex::new(state))).mount(&server).await;
    let client = secrets_manager(&server.uri());
    (server, client)
}

fn kids(keys: &KeySet) -> Vec<String> {
    keys.keys().iter().map(|key| key.public_key().id()).collect()
}

#[tokio::test]
async fn new_key_is_stored_beside_the_older_ones() {
    let (_server, client) = server(State::holding(r#"{"keys":[]}"#)).await;
    let secret = AddonKeysSecret::new(&client, "keys");
    let first = secret.add_key(OVERLAP).await.unwrap();
    let second = secret.add_key(OVERLAP).await.unwrap();
    assert_eq!(kids(&second)[..1], kids(&first)[..]);
    assert_eq!(secret.read().await.unwrap(), second);
    assert!(second.keys()[0].expires_at().is_some() && second.keys()[1].expires_at().is_none());
}

#[tokio::test]
async fn key_is_ensured_only_where_none_signs() {
    let (_server, client) = server(State::holding(r#"{"keys":[]}"#)).await;
    let secret = AddonKeysSecret::new(&client, "keys");
    secret.ensure_key().await.unwrap();
    let first = secret.read().await.unwrap();
    assert_eq!(first.keys().len(), 1);
    secret.ensure_key().await.unwrap();
    assert_eq!(secret.read().await.unwrap(), first);
}

#[tokio::test]
async fn change_by_somebody_else_is_kept() {
    let now = Timestamp::now().millis();
    let theirs = KeySet::default().with_new_key(&[7; 32], now, OVERLAP);
    let state = State { others: vec![theirs.to_json()], ..State::holding(r#"{"keys":[]}"#) };
    let (_server, client) = server(state).await;
    let secret = AddonKeysSecret::new(&client, "keys");
    let both = secret.add_key(OVERLAP).await.unwrap();
    assert_eq!(kids(&both)[..1], kids(&theirs)[..]);
    assert_eq!(both.keys().len(), 2);
    assert_eq!(secret.read().await.unwrap(), both);
}

#[tokio::test]
async fn change_gives_up_when_it_is_always_overtaken() {
    let others = vec![r#"{"keys":[]}"#.to_owned(); 9];
    let (_server, client) = server(State { others, ..State::holding(r#"{"keys":[]}"#) }).await;
    let error = AddonKeysSecret::new(&client, "keys").add_key(OVERLAP).await.unwrap_err();
    assert!(error.to_string().contains("try again"), "{error}");
}

#[tokio::test]
async fn change_whose_answer_is_lost_is_made_once() {
    let state = State { lose_answer: true, ..State::holding(r#"{"keys":[]}"#) };
    let (_server, client) = server(state).await;
    let secret = AddonKeysSecret::new(&client, "keys");
    assert_eq!(secret.add_key(OVERLAP).await.unwrap(), secret.read().await.unwrap());
    assert_eq!(secret.read().await.unwrap().keys().len(), 1);
}

#[tokio::test]
async fn invalid_document_is_not_replaced_or_shown() {
    let (_server, client) = server(State::holding(r#"{"keys":["canary"]}"#)).await;
    let error = AddonKeysSecret::new(&client, "keys").ensure_key().await.unwrap_err();
    let message = format!("{error:#}");
    assert!(message.contains("must be JSON such as") && !message.contains("canary"), "{message}");
}
