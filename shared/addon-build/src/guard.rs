//! Keeps a fault of a parser from ending the process.

use std::any::Any;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::Diagnostic;

/// The stack of a build. What [`nesting`](crate::nesting) lets pass needs 10 MiB in release, and less than half of
/// this without optimization, as its tests show. Pages that are never touched cost no memory.
pub(crate) const STACK: usize = if cfg!(debug_assertions) { 512 << 20 } else { 128 << 20 };

/// The longest that a build takes. Real content takes a tenth of a second; some that nobody writes, such as a name
/// declared a hundred thousand times, takes the square of its size.
const LONGEST: Duration = Duration::from_secs(15);

/// Runs a build on a thread with a large stack. A panic becomes a diagnostic, and so does a build without end, whose
/// thread is left to itself.
pub(crate) fn run<T: Send + 'static>(
    build: impl FnOnce() -> Result<T, Vec<Diagnostic>> + Send + 'static,
) -> Result<T, Vec<Diagnostic>> {
    run_within(LONGEST, build)
}

fn run_within<T: Send + 'static>(
    longest: Duration,
    build: impl FnOnce() -> Result<T, Vec<Diagnostic>> + Send + 'static,
) -> Result<T, Vec<Diagnostic>> {
    let at_start = |message: String| Err(vec![Diagnostic { line: 1, column: 1, message }]);
    let (sender, receiver) = mpsc::sync_channel(1);
    let thread = thread::Builder::new().name("addon-build".to_owned()).stack_size(STACK);
    let started = thread.spawn(move || sender.send(build()));
    let thread = match started {
        Ok(thread) => thread,
        Err(error) => return at_start(format!("the content cannot be read now: {error}")),
    };
    match receiver.recv_timeout(longest) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => {
            at_start(format!("reading the content takes longer than {} seconds", longest.as_secs()))
        }
        Err(RecvTimeoutError::Disconnected) => {
            let panic = thread.join().err();
            at_start(format!("the content cannot be read: {}", panic.as_deref().map_or("", text_of)))
        }
    }
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a fault in the parser")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panic_becomes_a_diagnostic() {
        let result: Result<(), _> = run(|| panic!("index out of bounds"));
        let diagnostics = result.err().unwrap_or_default();
        assert_eq!(diagnostics.len(), 1);
        assert_eq!(
            diagnostics[0].to_string(),
            "line 1 column 1: the content cannot be read: index out of bounds"
        );
    }

    #[test]
    fn build_without_end_becomes_a_diagnostic() {
        let result = run_within(Duration::from_millis(1), || {
            thread::sleep(Duration::from_secs(1));
            Ok(())
        });
        assert_eq!(result.err().unwrap_or_default().len(), 1);
    }

    #[test]
    fn result_comes_back() {
        assert_eq!(run(|| Ok(1)), Ok(1));
    }
}
