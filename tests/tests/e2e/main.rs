//! End-to-end tests on a local cloud that is deployed from `template.yaml`, and on a second one for the
//! provider tests.
//!
//! They run in three rounds. In the first, tests share the clouds. In the second, a test is alone in its
//! cloud, because it breaks the cloud or counts what happens in it. In the third, tests run one by one:
//! those that need the whole machine, and those that check everything that happened.

// A test that cannot continue panics.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access;
mod addons;
mod automatic;
mod bad_input;
mod batch;
mod cancel;
mod chat;
mod client_verbs;
mod command_habits;
mod command_line;
mod docs;
mod edges;
mod faults;
mod generate;
mod keys;
mod killed_cloud;
mod limits;
mod list;
mod looking_back;
mod providers;
mod providers_answers;
mod providers_chat;
mod providers_midjourney;
mod providers_openai;
mod providers_stable_diffusion;
mod tenant;
mod waiting;
mod webhooks;
mod webhooks_api;
mod webhooks_listen;
mod webhooks_many;
mod webhooks_neighbors;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Arc;

use futures_util::FutureExt as _;
use libtest_mimic::{Arguments, Trial};
use semantest_tests::cloud::Cloud;
use semantest_tests::stand_ins::StandIns;
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, OnceCell};

/// What several tests share, started for the first of them. `None` if the start failed, so that the others
/// fail at once.
type Shared<T> = OnceCell<Option<T>>;

struct Clouds {
    runtime: Runtime,
    main: Shared<Arc<Cloud>>,
    /// Its providers are stand-ins.
    with_providers: Shared<(Arc<Cloud>, Arc<StandIns>)>,
}

impl Clouds {
    fn new() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        Self { runtime, main: Shared::new(), with_providers: Shared::new() }
    }

    async fn main(&self) -> Arc<Cloud> {
        get(&self.main, async { Arc::new(Cloud::start().await) }).await
    }

    async fn with_providers(&self) -> (Arc<Cloud>, Arc<StandIns>) {
        let start = async {
            let stand_ins = StandIns::start().await;
            let cloud = Cloud::start_with(Some(&stand_ins.document())).await;
            (Arc::new(cloud), Arc::new(stand_ins))
        };
        get(&self.with_providers, start).await
    }

    /// Stops the clouds that were started, and returns whether anything was wrong. Keeps their data if
    /// tests have failed.
    fn stop(self, failed: bool) -> bool {
        let main = self.main.into_inner().flatten();
        let second = self.with_providers.into_inner().flatten().map(|(cloud, _)| cloud);
        let mut wrong = false;
        for cloud in main.into_iter().chain(second) {
            wrong |= !end(&self.runtime, cloud, failed || wrong);
        }
        wrong
    }
}

async fn get<T: Clone>(shared: &Shared<T>, start: impl Future<Output = T>) -> T {
    let started = shared.get_or_init(|| async { AssertUnwindSafe(start).catch_unwind().await.ok() });
    started.await.clone().expect("the start of the cloud that this test shares has failed")
}

/// Locks for a round of [`Beside::AnotherCloud`]: one for the tests on the main cloud, one for all others.
#[derive(Default)]
struct Turns {
    main: Mutex<()>,
    others: Mutex<()>,
}

/// What runs at the same time as a test of a round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    /// Seven other tests.
    Everything,
    /// One test on another cloud.
    AnotherCloud,
    Nothing,
}

/// What a round's trials are made with.
pub(crate) struct Round<'a> {
    clouds: &'a Arc<Clouds>,
    turns: Arc<Turns>,
    beside: Beside,
    trials: Vec<Trial>,
}

impl Round<'_> {
    /// Adds a test on the cloud that most tests share.
    pub(crate) fn test<F>(&mut self, name: &str, body: impl FnOnce(Arc<Cloud>) -> F + Send + 'static)
    where
        F: Future<Output = ()>,
    {
        self.add(name, |turns| &turns.main, async move |clouds| body(clouds.main().await).await);
    }

    /// Adds a test that starts a cloud of its own.
    pub(crate) fn with_own_cloud<F>(&mut self, name: &str, body: impl FnOnce() -> F + Send + 'static)
    where
        F: Future<Output = ()>,
    {
        self.add(name, |turns| &turns.others, async move |_| body().await);
    }

    /// Adds a test that checks all shared clouds. The first is the one of [`Self::test`].
    pub(crate) fn of_all<F>(&mut self, name: &str, body: impl FnOnce(Vec<Arc<Cloud>>) -> F + Send + 'static)
    where
        F: Future<Output = ()>,
    {
        self.add(
            name,
            |turns| &turns.main,
            async move |clouds| {
                let second = clouds
                    .with_providers
                    .get()
                    .and_then(Option::as_ref)
                    .map(|(second, _)| Arc::clone(second));
                body(std::iter::once(clouds.main().await).chain(second).collect()).await;
            },
        );
    }

    /// Adds a test on the cloud whose providers are stand-ins. A change to a stand-in affects every test of
    /// the round; `Cloud::start_with` starts a separate cloud.
    pub(crate) fn with_providers<F>(
        &mut self,
        name: &str,
        body: impl FnOnce(Arc<Cloud>, Arc<StandIns>) -> F + Send + 'static,
    ) where
        F: Future<Output = ()>,
    {
        self.add(
            name,
            |turns| &turns.others,
            async move |clouds| {
                let (cloud, stand_ins) = clouds.with_providers().await;
                body(cloud, stand_ins).await;
            },
        );
    }

    fn add(
        &mut self,
        name: &str,
        turns: fn(&Turns) -> &Mutex<()>,
        body: impl AsyncFnOnce(&Clouds) + Send + 'static,
    ) {
        let (clouds, all) = (Arc::clone(self.clouds), Arc::clone(&self.turns));
        let alone = self.beside == Beside::AnotherCloud;
        self.trials.push(Trial::test(name, move || {
            clouds.runtime.block_on(async {
                let _turn = if alone { Some(turns(&all).lock().await) } else { None };
                body(&clouds).await;
            });
            Ok(())
        }));
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let clouds = Arc::new(Clouds::new());

    type Rounds = [(Beside, fn(&mut Round<'_>)); 3];
    let rounds: Rounds = [
        (Beside::Everything, |round| {
            limits::tests(round);
            waiting::tests(round);
            generate::tests(round);
            batch::tests(round);
            list::tests(round);
            cancel::tests(round);
            edges::tests(round);
            webhooks::tests(round);
            webhooks_api::tests(round);
            webhooks_neighbors::tests(round);
            webhooks_listen::tests(round);
            webhooks_listen::forwarding(round);
            chat::tests(round);
            client_verbs::tests(round);
            command_line::tests(round);
            command_habits::tests(round);
            killed_cloud::tests(round);
            docs::tests(round);
            access::tests(round);
            addons::tests(round);
            keys::tests(round);
            providers::tests(round);
            providers_chat::tests(round);
            providers_openai::tests(round);
            providers_stable_diffusion::tests(round);
            providers_midjourney::tests(round);
        }),
        (Beside::AnotherCloud, |round| {
            addons::alone(round);
            automatic::alone(round);
            bad_input::tests(round);
            chat::alone(round);
            faults::tests(round);
            limits::alone(round);
            batch::alone(round);
            list::alone(round);
            cancel::alone(round);
            webhooks_listen::alone(round);
            providers_answers::alone(round);
            providers_openai::alone(round);
            providers_stable_diffusion::alone(round);
            providers_midjourney::alone(round);
        }),
        (Beside::Nothing, |round| {
            automatic::with_many_jobs(round);
            webhooks_many::alone(round);
            webhooks_neighbors::alone(round);
            looking_back::tests(round);
        }),
    ];
    let mut failed = false;
    for (beside, add) in rounds {
        let mut round = Round { clouds: &clouds, turns: Arc::default(), beside, trials: Vec::new() };
        add(&mut round);
        let threads = match beside {
            Beside::Everything => 8,
            // Most of them wait for their turn.
            Beside::AnotherCloud => round.trials.len(),
            Beside::Nothing => 1,
        };
        let arguments = Arguments { test_threads: Some(threads), ..arguments.clone() };
        failed |= libtest_mimic::run(&arguments, round.trials).has_failed();
    }
    failed |= Arc::into_inner(clouds).expect("every test has ended").stop(failed);
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Stops a cloud, and returns whether nothing was wrong. Keeps its data if tests have failed.
fn end(runtime: &Runtime, cloud: Arc<Cloud>, failed: bool) -> bool {
    let data = cloud.data.clone();
    let wrong = runtime.block_on(Arc::into_inner(cloud).expect("every test has ended").stop());
    if !wrong.is_empty() {
        eprintln!("at the end of a cloud: {wrong:#?}");
    }
    if failed || !wrong.is_empty() {
        eprintln!("the cloud's logs are in {}", data.display());
    } else {
        let _ = std::fs::remove_dir_all(data);
    }
    wrong.is_empty()
}
