//! Tasks without which a process is of no use: when one of them ends, so does the process.

use std::sync::OnceLock;

use tokio::task::JoinHandle;

type OnEnd = Box<dyn Fn(&'static str) + Send + Sync>;

static ON_END: OnceLock<OnEnd> = OnceLock::new();

/// Has `end` called with the name of a critical task that has ended. Only the first call of a
/// process counts.
pub fn on_critical_end(end: impl Fn(&'static str) + Send + Sync + 'static) {
    ON_END.set(Box::new(end)).ok();
}

/// Tells that a critical task has ended before its time.
pub fn critical_task_ended(name: &'static str) {
    if let Some(end) = ON_END.get() {
        end(name);
    }
}

/// Spawns a task that runs for as long as the process does. A panic in it is told.
pub fn spawn_critical<T: Send + 'static>(
    name: &'static str,
    work: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    tokio::spawn(async move {
        let _watch = Watch(name);
        work.await
    })
}

/// The watch on a task, which is dropped with it.
struct Watch(&'static str);

impl Drop for Watch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            critical_task_ended(self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_and_an_orderly_end_is_not() {
        let (sender, told) = mpsc::channel();
        on_critical_end(move |name| sender.send(name).expect("it is received"));
        let ended = spawn_critical("one that ends", async { 7 });
        assert_eq!(ended.await.expect("no panic"), 7);
        let aborted = spawn_critical("one that is aborted", std::future::pending::<()>());
        aborted.abort();
        assert!(aborted.await.is_err());
        let panicked = spawn_critical("one that panics", async { panic!("as a test wants it") });
        assert!(panicked.await.expect_err("a panic").is_panic());
        assert_eq!(told.try_iter().collect::<Vec<_>>(), ["one that panics"]);
    }
}
