//! Waiting for a future where there is no runtime, and where there may be one.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::{future::Future, io};

/// Runs a future that talks to an engine on this thread, in a tokio runtime of its own: for programs
/// that have none, such as a command line. Not from within a runtime.
///
/// # Errors
///
/// When the runtime cannot be started.
pub fn run<F: Future>(future: F) -> io::Result<F::Output> {
    Ok(runtime()?.block_on(future))
}

/// A runtime on the thread that drives it, with all that the built-in engines need.
pub(crate) fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Waits for a future that others make ready. Unlike a runtime's own it may be called anywhere, though
/// it holds up the thread.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
