//! The fleet's thread: one, with a runtime of its own, whatever the program runs on.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use crate::run;
use crate::shared::Shared;

/// Starts the thread. It ends when what `alive` receives from is dropped.
pub(crate) fn start(
    shared: Arc<Shared>,
    alive: oneshot::Receiver<()>,
    up: oneshot::Sender<io::Result<Handle>>,
) -> io::Result<()> {
    let thread = thread::Builder::new().name("haversack-fleet".to_owned());
    thread.spawn(move || match run::runtime() {
        Ok(runtime) => {
            let _ = up.send(Ok(runtime.handle().clone())); // who no longer waits drops `alive` too
            let _stopped = Stopped(Arc::clone(&shared));
            runtime.block_on(work(shared, alive));
        }
        Err(error) => {
            let _ = up.send(Err(error));
        }
    })?;
    Ok(())
}

/// Everything at once, until the last handle is gone.
async fn work(shared: Arc<Shared>, mut alive: oneshot::Receiver<()>) {
    loop {
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&shared).follow());
        tasks.spawn(Arc::clone(&shared).keep());
        tasks.spawn(Arc::clone(&shared).answer_requests());
        tasks.spawn(Arc::clone(&shared).append());
        tasks.spawn(Arc::clone(&shared).list());
        tasks.spawn(Arc::clone(&shared).rotate());
        tasks.spawn(Arc::clone(&shared).tick());
        tasks.spawn(Arc::clone(&shared).tell());
        tokio::select! {
            _ = &mut alive => break,
            ended = tasks.join_next() => {
                let why = ended.and_then(Result::err).filter(JoinError::is_panic);
                tracing::error!(
                    engine = shared.name,
                    panicked = why.is_some(),
                    "a task of the fleet ended, which is a bug of the engine or of this program; all \
                     of them begin again"
                );
            }
        }
        tasks.shutdown().await;
        shared.keeper.restart();
        sleep(AGAIN).await;
    }
    // Whoever published last may have been the one that ended this program.
    let _ = timeout(LAST, shared.append_last()).await;
    let _ = timeout(LAST, shared.list_last()).await;
}

/// However the thread ends, nobody waits for it afterwards.
struct Stopped(Arc<Shared>);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.measured.stopped.store(true, Ordering::Relaxed);
        self.0.signal.stop();
    }
}

/// Before tasks that ended begin again.
const AGAIN: Duration = Duration::from_secs(1);

/// For publications when the program ends.
const LAST: Duration = Duration::from_secs(1);
