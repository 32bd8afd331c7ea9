//! What may happen once: a nonce, an idempotency key, a one-time code.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::time::timeout;

use crate::error::{EngineError, EngineErrorKind};
use crate::shared::Shared;

impl Shared {
    pub(crate) async fn once(&self, key: &str, ttl: Duration) -> Result<bool, EngineError> {
        let error = |kind| EngineError::new(self.name.clone(), kind);
        let invalid = |why: &str| error(EngineErrorKind::Invalid(why.to_owned()));
        if key.is_empty() || key.len() > LONGEST_KEY {
            return Err(invalid("the key of a `once` has 1 to 1,024 bytes"));
        }
        if !(SHORTEST..=LONGEST).contains(&ttl) {
            return Err(invalid("the time of a `once` is 1 second to 400 days"));
        }
        let Some(held) = self.held.ring() else {
            return Err(error(EngineErrorKind::Unusable("there is no key ring".to_owned())));
        };
        let mark = URL_SAFE_NO_PAD.encode(held.ring.once_mark(key.as_bytes()));
        timeout(PATIENCE, self.engine.once(&mark, ttl)).await.unwrap_or_else(|_| {
            let why = "no answer within 5 seconds".to_owned();
            Err(error(EngineErrorKind::Unreachable(why)))
        })
    }
}

const LONGEST_KEY: usize = 1024;
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(400 * 24 * 3600);
const PATIENCE: Duration = Duration::from_secs(5);
