//! A connection that is replaced when it ends, shared by all tasks.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;

use super::connect::Connection;
use super::target::Target;
use crate::{EngineError, EngineErrorKind};

/// How long to wait for a connection that others are opening, and then for one's own.
const TURN: Duration = Duration::from_secs(3);

pub(super) struct Link {
    target: Arc<Target>,
    current: Mutex<Option<Arc<Connection>>>,
}

impl Link {
    pub(super) fn new(target: &Arc<Target>) -> Self {
        Self { target: Arc::clone(target), current: Mutex::new(None) }
    }

    /// The connection; a new one, if the last one is over.
    pub(super) async fn get(&self) -> Result<Arc<Connection>, EngineError> {
        let turn = timeout(TURN, async {
            let mut current = self.current.lock().await;
            if let Some(connection) = current.as_ref().filter(|it| !it.is_over()) {
                return Ok(Arc::clone(connection));
            }
            *current = None;
            let connection = Arc::new(Connection::open(&self.target).await?);
            *current = Some(Arc::clone(&connection));
            Ok(connection)
        });
        let late = || EngineErrorKind::Unreachable("no connection within 3 seconds".to_owned());
        turn.await.unwrap_or_else(|_| Err(self.target.error(late())))
    }
}
