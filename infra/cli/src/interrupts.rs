//! Ctrl-C, and the signals that a service manager or a closed terminal sends.

use std::fmt;
use std::pin::pin;

use anyhow::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::output;

/// The exit status of a command that Ctrl-C has ended, as shells report it.
pub(crate) const EXIT_STATUS: u8 = 130;

/// The error of a command that was interrupted. It says what goes on without the command.
#[derive(Debug)]
pub(crate) struct Interrupted(pub(crate) String);

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Interrupted {}

/// Receives interrupts. From its creation on they no longer end the process by themselves.
pub(crate) struct Interrupts {
    signals: [Signal; 3],
    /// Whether one came that was not acted on.
    pending: bool,
}

impl Interrupts {
    pub(crate) fn listen() -> Result<Self> {
        let signals = [
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ];
        Ok(Self { signals, pending: false })
    }

    /// Whether an interrupt came that the next wait will act on.
    pub(crate) const fn is_pending(&self) -> bool {
        self.pending
    }

    /// Returns at the next interrupt.
    pub(crate) async fn next(&mut self) {
        if std::mem::take(&mut self.pending) {
            return;
        }
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }

    /// Waits for the answer to a request that makes something, so that its id can be shown. An interrupt
    /// counts after the answer; a second one ends the wait.
    pub(crate) async fn after_answer<T>(&mut self, request: impl Future<Output = Result<T>>) -> Result<T> {
        let mut request = pin!(request);
        tokio::select! {
            answer = &mut request => return answer,
            () = self.next() => {}
        }
        output::note("waiting for the server's answer, to show what was started; Ctrl-C again ends at once");
        tokio::select! {
            answer = request => {
                self.pending = true;
                answer
            }
            () = self.next() => {
                let unknown = "no answer yet: `semantest jobs` shows what was started".to_owned();
                Err(Interrupted(unknown).into())
            }
        }
    }

    /// Does `work` until an interrupt; `goes_on` says what goes on without it.
    pub(crate) async fn unless<T>(
        &mut self,
        work: impl Future<Output = Result<T>>,
        goes_on: impl FnOnce() -> String,
    ) -> Result<T> {
        tokio::select! {
            biased;
            () = self.next() => Err(Interrupted(goes_on()).into()),
            done = work => done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn interrupt_during_a_request_counts_after_its_answer() {
        let mut interrupts = Interrupts::listen().unwrap();
        let answered = interrupts
            .after_answer(async {
                let mut kill = std::process::Command::new("kill");
                kill.args(["-HUP", &std::process::id().to_string()]);
                assert!(kill.status().unwrap().success());
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                Ok(7)
            })
            .await;
        assert_eq!(answered.unwrap(), 7);
        let ended = interrupts.unless(std::future::pending::<Result<()>>(), || "goes on".to_owned()).await;
        assert_eq!(ended.unwrap_err().downcast::<Interrupted>().unwrap().0, "goes on");
    }
}
