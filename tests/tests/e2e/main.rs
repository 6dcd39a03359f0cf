//! End-to-end tests, all on one local cloud that is deployed from `template.yaml`.
//!
//! They run in three rounds: side by side what only needs a cloud; one after the other what hurts
//! the cloud or must be alone in it; and last what looks back at everything that happened.

// A test that cannot go on has nothing better to do than to panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access;
mod bad_input;
mod batch;
mod cancel;
mod chat;
mod client_verbs;
mod command_line;
mod docs;
mod edges;
mod faults;
mod generate;
mod keys;
mod limits;
mod list;
mod looking_back;
mod tenant;
mod waiting;
mod webhooks;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use semantest_tests::cloud::Cloud;
use tokio::runtime::Runtime;

/// What a round's trials are made with.
pub(crate) struct Round<'a> {
    runtime: &'a Arc<Runtime>,
    cloud: &'a Arc<Cloud>,
    trials: Vec<Trial>,
}

impl Round<'_> {
    /// Adds a test.
    pub(crate) fn test<F>(&mut self, name: &str, body: impl FnOnce(Arc<Cloud>) -> F + Send + 'static)
    where
        F: Future<Output = ()>,
    {
        let (runtime, cloud) = (Arc::clone(self.runtime), Arc::clone(self.cloud));
        self.trials.push(Trial::test(name, move || {
            runtime.block_on(body(cloud));
            Ok(())
        }));
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let runtime = Arc::new(Runtime::new().expect("a runtime"));
    let cloud = Arc::new(runtime.block_on(Cloud::start()));

    type Rounds = [(usize, fn(&mut Round<'_>)); 3];
    let rounds: Rounds = [
        (8, |round| {
            limits::tests(round);
            waiting::tests(round);
            generate::tests(round);
            batch::tests(round);
            list::tests(round);
            cancel::tests(round);
            edges::tests(round);
            webhooks::tests(round);
            chat::tests(round);
            client_verbs::tests(round);
            command_line::tests(round);
            docs::tests(round);
            access::tests(round);
            keys::tests(round);
        }),
        (1, |round| {
            bad_input::tests(round);
            chat::alone(round);
            faults::tests(round);
            limits::alone(round);
            batch::alone(round);
            list::alone(round);
            cancel::alone(round);
        }),
        (1, looking_back::tests),
    ];
    let mut failed = false;
    for (threads, add) in rounds {
        let mut round = Round { runtime: &runtime, cloud: &cloud, trials: Vec::new() };
        add(&mut round);
        let arguments = Arguments { test_threads: Some(threads), ..arguments.clone() };
        failed |= libtest_mimic::run(&arguments, round.trials).has_failed();
    }

    let data = cloud.data.clone();
    let left = Arc::into_inner(cloud).expect("every test has ended").stop();
    if !left.is_empty() {
        eprintln!("processes that outlived their cloud: {left:#?}");
        failed = true;
    }
    if failed {
        eprintln!("the cloud's logs are in {}", data.display());
        return ExitCode::FAILURE;
    }
    let _ = std::fs::remove_dir_all(data);
    ExitCode::SUCCESS
}
