//! A local cloud for end-to-end tests, started with the same command that the README shows.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws::access::AccessTable;
use aws::dynamodb::JobsTable;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use domain::access::{Endpoint, KeyRegistry as _, Limits, MAX_LIMIT};
use domain::jobs::{JobMessage, JobStore as _};
use domain::primitives::NamedValue as _;
use domain::{Job, JobId};
use serde_json::{Value, json};
use uuid::Uuid;

/// The time limit for anything that is not itself about time. It is far more than needed: a test must fail
/// because something is wrong, not because a machine is slow.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The settings of the tests' cloud: the same rules in seconds instead of minutes.
const SETTINGS: [&str; 4] =
    ["WorkerTimeoutSeconds=15", "LeaseMarginSeconds=2", "RequeueAfterSeconds=5", "MaxFailures=3"];

/// A running local cloud. It stops when this value is dropped or this process ends, even if it is killed.
pub struct Cloud {
    child: Child,
    /// The base URL of the API, the images and the AWS endpoint.
    pub url: String,
    /// The URL of the API's documentation page.
    pub docs_url: String,
    /// An API key of client `local`, for images.
    pub api_key: String,
    /// That client's webhook secret.
    pub webhook_secret: String,
    /// The folder of its state and logs.
    pub data: PathBuf,
    stack: Value,
    /// Whether it has a providers document, and so keys that must not leak.
    pub(crate) given_providers: bool,
    /// For the API and the images.
    pub http: reqwest::Client,
    /// The emulator's DynamoDB, with all permissions.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// The emulator's SQS, with all permissions.
    pub sqs: aws_sdk_sqs::Client,
    /// The emulator's S3, with all permissions.
    pub s3: aws_sdk_s3::Client,
    /// The emulator's Lambda, with all permissions.
    pub lambda: aws_sdk_lambda::Client,
    /// The emulator's Secrets Manager, with all permissions.
    pub secrets: aws_sdk_secretsmanager::Client,
}

/// A client that waits for a function as long as Lambda lets it run, and does not invoke it twice: on a busy
/// machine a sweep takes longer than the SDK's timeout for other calls, and retries would run beside it.
fn lambda_client(sdk: &aws_config::SdkConfig) -> aws_sdk_lambda::Client {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(PATIENCE).build();
    let config = aws_sdk_lambda::config::Builder::from(sdk)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::disabled());
    aws_sdk_lambda::Client::from_conf(config.build())
}

/// The root of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// The `semantest` binary. The first call builds all binaries: a test run builds libraries and tests, but
/// not every binary.
#[must_use]
pub fn semantest() -> PathBuf {
    static BINARY: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    let build = || {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["build", "--workspace", "--bins"]).current_dir(workspace());
        // With these variables cargo describes this test's package. Build scripts that depend on them, such
        // as ring's, would run again, and half of the dependency tree would be rebuilt.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        assert!(command.status().expect("cargo").success(), "the binaries do not build");
        let tests = std::env::current_exe().expect("this test's path");
        tests.ancestors().nth(2).expect("the target directory").join("semantest")
    };
    BINARY.get_or_init(build).clone()
}

/// The command `semantest`, with the emulator installation that all tests share.
#[must_use]
pub fn semantest_command(data: &Path) -> Command {
    let mut command = Command::new(semantest());
    command.current_dir(workspace()).env("SEMANTEST_DATA", data);
    command.env("SEMANTEST_VENV", workspace().join(".semantest/venv"));
    command
}

impl Cloud {
    /// Starts a cloud in a new folder, on a free port.
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// Starts a cloud whose webhook time scale is this many times as fast.
    pub async fn start_hurried(time_scale: u32) -> Self {
        Self::start_as(None, Some(time_scale)).await
    }

    /// Starts a cloud with this providers document. Functions cache a document for five minutes, so a test
    /// with its own document needs its own cloud.
    pub async fn start_with(providers: Option<&Value>) -> Self {
        Self::start_as(providers, None).await
    }

    async fn start_as(providers: Option<&Value>, webhook_time_scale: Option<u32>) -> Self {
        let data = workspace().join("target/e2e").join(Uuid::new_v4().simple().to_string());
        std::fs::create_dir_all(&data).expect("a folder");
        let mut command = semantest_command(&data);
        command.args(["up", "--json", "--port", "0"]).args(SETTINGS.iter().flat_map(|set| ["--set", set]));
        if let Some(document) = providers {
            let file = data.join("providers.json");
            std::fs::write(&file, document.to_string()).expect("a document");
            command.arg("--providers").arg(file);
        }
        if let Some(time_scale) = webhook_time_scale {
            command.env("SEMANTEST_WEBHOOK_TIME_SCALE", time_scale.to_string());
        }
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("semantest up starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let up: Value = serde_json::from_str(&line).expect("semantest up says where it is");
        let text = |name: &str| up[name].as_str().unwrap_or_else(|| panic!("{name} in {up}")).to_owned();

        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = text("url");
        let credentials = aws_sdk_dynamodb::config::Credentials::new("test", "test", None, None, "tests");
        let sdk = aws::config::loader()
            .endpoint_url(&url)
            .region(aws_config::Region::new("us-east-1"))
            .credentials_provider(credentials)
            .load()
            .await;
        let cloud = Self {
            child,
            docs_url: text("docsUrl"),
            api_key: text("apiKey"),
            webhook_secret: text("webhookSecret"),
            data: text("dataDir").into(),
            stack: up["stack"].clone(),
            given_providers: providers.is_some(),
            url,
            http: reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client"),
            dynamodb: aws_sdk_dynamodb::Client::new(&sdk),
            sqs: aws_sdk_sqs::Client::new(&sdk),
            s3: aws_sdk_s3::Client::new(&sdk),
            lambda: lambda_client(&sdk),
            secrets: aws_sdk_secretsmanager::Client::new(&sdk),
        };
        crate::tokens::give_keys(&cloud).await;
        cloud.raise_limits("local").await;
        // Its key makes the keys of all tests.
        cloud.raise_limits("operator").await;
        cloud
    }

    /// Raises all rate limits of a client to the maximum: most tests are not about limits.
    async fn raise_limits(&self, client: &str) {
        let limits = Limits(Endpoint::ALL.iter().map(|endpoint| (*endpoint, MAX_LIMIT)).collect());
        let table = AccessTable::new(self.dynamodb.clone(), self.output("AccessTable").to_owned());
        table.set_limits(&client.parse().unwrap(), &limits).await.unwrap();
    }

    /// Stops the cloud and returns what is wrong: places that hold the key of a provider, and processes
    /// that do not end.
    #[must_use]
    pub async fn stop(mut self) -> Vec<String> {
        let mut wrong = self.leaks().await;
        let launcher = self.data.clone();
        // The cloud ends by itself when `semantest up` is gone, even if that was killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let mut left = processes_in(&launcher);
        let began = std::time::Instant::now();
        while !left.is_empty() && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(100));
            left = processes_in(&launcher);
        }
        wrong.extend(left.iter().map(|process| format!("a process outlived its cloud: {process}")));
        wrong
    }

    /// An output of the stack.
    #[must_use]
    pub fn output(&self, name: &str) -> &str {
        self.stack[name].as_str().unwrap_or_else(|| panic!("output {name} in {}", self.stack))
    }

    /// The AWS name of the function in this folder.
    #[must_use]
    pub fn function(&self, folder: &str) -> &str {
        self.stack["functions"][folder].as_str().unwrap_or_else(|| panic!("function {folder}"))
    }

    /// A request to the API, with the key of client `local`.
    pub fn api(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}/api/v1{path}", self.url)).header("x-api-key", &self.api_key)
    }

    /// Posts an image job with the fields of `body` over the defaults, and returns the response body.
    pub async fn generate(&self, body: Value) -> Value {
        let mut whole = json!({"userId": Uuid::new_v4(), "prompt": "a kite", "size": "256x256"});
        whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        let answer = self.api(reqwest::Method::POST, "/images/generate").json(&whole).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        answer.json().await.unwrap()
    }

    /// The state of a job, from the API.
    pub async fn status(&self, job: &str) -> Value {
        // A busy machine's tables may not answer in time; then the same question may be asked again.
        let answer = eventually("the state of a job", async || {
            let answer =
                self.api(reqwest::Method::GET, &format!("/images/status/{job}")).send().await.unwrap();
            (answer.status() != 503).then_some(answer)
        });
        let answer = answer.await;
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    /// Waits until the job has ended, and returns its state.
    pub async fn ended(&self, job: &str) -> Value {
        self.ended_with(job, false).await
    }

    /// Waits until the job has ended, running the sweeper all the time, and returns its state.
    pub async fn ended_by_sweeps(&self, job: &str) -> Value {
        self.ended_with(job, true).await
    }

    async fn ended_with(&self, job: &str, sweeping: bool) -> Value {
        eventually(&format!("job {job} ends"), async || {
            if sweeping {
                self.sweep().await;
            }
            let state = self.status(job).await;
            ["completed", "failed", "cancelled"].contains(&state["status"].as_str().unwrap()).then_some(state)
        })
        .await
    }

    /// Runs the sweeper once and returns its report.
    pub async fn sweep(&self) -> Value {
        let answer = self.lambda.invoke().function_name(self.function("sweeper")).send().await.unwrap();
        assert_eq!(answer.function_error(), None);
        serde_json::from_slice(answer.payload().unwrap().as_ref()).unwrap()
    }

    /// The jobs table, with all permissions.
    #[must_use]
    pub fn jobs(&self) -> JobsTable {
        JobsTable::new(self.dynamodb.clone(), self.output("JobsTable").to_owned())
    }

    /// The stored row of a job, which must exist.
    pub async fn job(&self, id: &str) -> Job {
        let id: JobId = id.parse().unwrap();
        self.jobs().load(id).await.unwrap().unwrap()
    }

    /// Sends the job's message again, to the normal-priority queue.
    pub async fn send_message(&self, job: &Job) {
        let body = serde_json::to_string(&JobMessage::about(job)).unwrap();
        let url = self.output("NormalQueueUrl");
        self.sqs.send_message().queue_url(url).message_body(body).send().await.unwrap();
    }

    /// The keys of all objects below `prefix`.
    pub async fn objects(&self, prefix: &str) -> Vec<String> {
        let bucket = self.output("ImagesBucket");
        let mut pages = self.s3.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            keys.extend(page.unwrap().contents().iter().map(|object| object.key().unwrap().to_owned()));
        }
        keys
    }

    /// The process ids of a function.
    async fn pids(&self, folder: &str) -> Vec<String> {
        let status = self.http.get(format!("{}/_semantest/status", self.url)).send().await.unwrap();
        let status: Value = status.json().await.unwrap();
        let pids = status["functions"].as_array().unwrap().iter().filter(|one| one["function"] == folder);
        pids.map(|one| one["pid"].to_string()).collect()
    }

    /// Kills every process of a function with SIGKILL, and returns how many there were.
    pub async fn kill(&self, folder: &str) -> usize {
        let pids = self.pids(folder).await;
        for pid in &pids {
            Command::new("kill").args(["-9", pid]).status().unwrap();
        }
        pids.len()
    }

    /// The peak memory of each process of a function, in MiB.
    pub async fn peaks(&self, folder: &str) -> Vec<u64> {
        let pids = self.pids(folder).await;
        let statuses =
            pids.iter().filter_map(|pid| std::fs::read_to_string(format!("/proc/{pid}/status")).ok());
        statuses
            .map(|status| {
                let (_, peak) = status.split_once("VmHWM:").expect("a peak");
                peak.split_whitespace().next().unwrap().parse::<u64>().unwrap().div_ceil(1024)
            })
            .collect()
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command lines of all processes that run from `folder`.
fn processes_in(folder: &Path) -> Vec<String> {
    let folder = folder.to_string_lossy().into_owned();
    let Ok(all) = std::fs::read_dir("/proc") else { return Vec::new() };
    all.flatten()
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(&folder))
        .collect()
}

/// Waits until `condition` returns a value, and returns that.
///
/// # Panics
///
/// If it returns none within [`PATIENCE`].
pub async fn eventually<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let started = std::time::Instant::now();
    while started.elapsed() < PATIENCE {
        if let Some(value) = condition().await {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("waited {PATIENCE:?} in vain: {what}");
}
