//! Keeps a fault of a parser from ending the process.

use std::any::Any;
use std::thread;

use crate::Diagnostic;

/// The stack of a build: what [`nesting`](crate::nesting) lets pass needs at most half of it (see its tests). Pages
/// that are never touched cost no memory.
const STACK: usize = if cfg!(debug_assertions) { 512 << 20 } else { 192 << 20 };

/// Runs a build on a thread with a large stack. A panic becomes a diagnostic.
pub(crate) fn run<T: Send>(
    build: impl FnOnce() -> Result<T, Vec<Diagnostic>> + Send,
) -> Result<T, Vec<Diagnostic>> {
    let at_start = |message: String| Err(vec![Diagnostic { line: 1, column: 1, message }]);
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("addon-build".to_owned()).stack_size(STACK);
        match thread.spawn_scoped(scope, build).map(thread::ScopedJoinHandle::join) {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => at_start(format!("the content cannot be read: {}", text_of(&*panic))),
            Err(error) => at_start(format!("the content cannot be read now: {error}")),
        }
    })
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
    fn result_comes_back() {
        assert_eq!(run(|| Ok(1)), Ok(1));
    }
}
