//! The demo's fleet: where its keys and what it has revoked are kept. Made at the start unless it is
//! there, rotated at the press of a button.

use std::time::Duration;

use haversack::{Feed as _, KeyInfo, KeyRing, Timestamp};
use haversack_fleet::wrap::Wraps;
use haversack_fleet::{FleetErrorKind, RingStore, address};
use haversack_tower::fleet::{Fleet, FleetError};
use haversack_tower::{Clock as _, SystemClock};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::keys::Os;
use crate::output::Failure;

/// From publishing a key to sealing with it. Operators take ten minutes; here every server hears of
/// it within a second, and a person waits.
pub(super) const LEAD_MS: u64 = 3_000;
/// How long a key opens after that: as long as other servers of a named app may need it, if their
/// sessions have the default lifetime.
const OVERLAP_MS: u64 = KeyRing::overlap_ms(24 * 3600 * 1000);
/// The app whose ring this is, unless the address names another.
const APP: &str = "haversack demo";
/// Longest wait for the engine.
const PATIENCE: Duration = Duration::from_secs(5);

/// The fleet's address, and what the demo itself knows of it: it joins as an operator's tool would.
pub(super) struct Keys {
    pub(super) place: Place,
    fleet: Fleet,
    /// The folder of the file engine, which goes with the demo.
    _folder: Option<TempDir>,
}

/// A fleet's address with the name of its app.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) address: String,
    pub(super) app: Option<String>,
}

impl Place {
    /// Names the demo's own app unless the address names one.
    pub(super) fn parse(address: &str) -> Self {
        let (place, query) = address.split_once('?').unwrap_or((address, ""));
        let named = query.split('&').find_map(|setting| setting.strip_prefix("app="));
        if !place.contains("://") {
            // A path is one app's, so its engine has no use for the name.
            let named = named.map(|name| name.replace("%20", " ").replace('+', " "));
            let app = Some(named.unwrap_or_else(|| APP.to_owned()));
            return Self { address: place.to_owned(), app };
        }
        let address = match (named, query) {
            (Some(_), _) => address.to_owned(),
            (None, "") => format!("{place}?app={}", APP.replace(' ', "%20")),
            (None, _) => format!("{address}&app={}", APP.replace(' ', "%20")),
        };
        Self { address, app: None } // its engine knows
    }

    /// Joins, as the server of that name.
    pub(super) async fn join(&self, server: &str) -> Result<Fleet, FleetError> {
        let mut builder = Fleet::builder(&self.address).server(server).rotation(None);
        if let Some(app) = &self.app {
            builder = builder.app(app);
        }
        builder.connect().await
    }
}

impl Keys {
    /// Joins the fleet at `address`, or one in a folder of its own. Makes a ring if there is none;
    /// another app's is left alone.
    pub(super) async fn open(address: Option<&str>) -> Result<Self, Failure> {
        let (place, folder) = if let Some(address) = address {
            (Place::parse(address), None)
        } else {
            let folder =
                tempfile::Builder::new().prefix("haversack-demo-").tempdir().map_err(|error| {
                    Failure::new(format!("cannot make a temporary folder: {error}"))
                })?;
            let address = folder.path().join("demo.keys").display().to_string();
            (Place { address, app: Some(APP.to_owned()) }, Some(folder))
        };
        create(&place).await?;
        let fleet = place.join("demo").await.map_err(|error| told(&error))?;
        Ok(Self { place, fleet, _folder: folder })
    }

    /// The engine, without credentials.
    pub(super) fn engine(&self) -> String {
        self.fleet.status().engine
    }

    /// The keys and what each does now.
    pub(super) fn keys(&self) -> Vec<KeyInfo> {
        self.fleet.view().ring.keys(now()).collect()
    }

    /// Publishes a new key that seals after `lead_ms`. Tells its id.
    pub(super) async fn rotate(&self, lead_ms: u64) -> Result<String, Failure> {
        let rings = self.fleet.rings();
        let update = rings.update(|ring| ring.rotate(now(), Os, lead_ms, OVERLAP_MS));
        let ring = timeout(PATIENCE, update)
            .await
            .map_err(|_| Failure::new(format!("{} does not answer", self.engine())))?
            .map_err(|error| told(&error))?;
        let newest = ring.keys(now()).last().map(|key| key.id.to_string());
        Ok(newest.unwrap_or_default())
    }
}

/// Makes the ring, unless there is one.
async fn create(place: &Place) -> Result<(), Failure> {
    let engine = address::engine(&place.address).map_err(|error| told(&error))?;
    let app = place.app.clone().or_else(|| engine.app()).unwrap_or_else(|| APP.to_owned());
    let ring = KeyRing::generate(app.as_str(), SystemClock.now(), Os)
        .map_err(|error| Failure::new(format!("cannot make keys: {error}")))?;
    let rings = RingStore::new(engine, Wraps::none());
    let created = timeout(PATIENCE, rings.create(&ring)).await;
    match created.unwrap_or(Ok(())) {
        Err(error) => match error.kind() {
            FleetErrorKind::Exists { app: Some(found) } if *found != app => Err(Failure::new(
                format!("the key ring at {} is of the app {found}, not the demo's", error.engine()),
            )
            .hint(format!(
                "the demo makes keys and ends sessions; if that is meant, add `?app={found}`"
            ))),
            // The ring is there; whether it can be used shows when it is joined.
            FleetErrorKind::Exists { .. } => Ok(()),
            _ => Err(told(&error)),
        },
        // What did not answer in time says why when it is joined.
        Ok(()) => Ok(()),
    }
}

fn told(error: &FleetError) -> Failure {
    Failure::new(error.to_string())
}

pub(super) fn now() -> Timestamp {
    SystemClock.now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_an_app_is_the_demos() {
        for (address, full, app) in [
            ("redis://127.0.0.1", "redis://127.0.0.1?app=haversack%20demo", None),
            ("nats://h:4222?replicas=3", "nats://h:4222?replicas=3&app=haversack%20demo", None),
            ("redis://h/0?app=shop", "redis://h/0?app=shop", None),
            ("file:/var/lib/x.keys", "file:/var/lib/x.keys", Some("haversack demo")),
            ("x.keys?app=my%20shop", "x.keys", Some("my shop")),
        ] {
            let place = Place::parse(address);
            assert_eq!((place.address.as_str(), place.app.as_deref()), (full, app));
        }
    }

    #[tokio::test]
    async fn the_ring_of_another_app_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.keys");
        let ring = KeyRing::generate("shop", now(), Os).unwrap();
        haversack_fleet::file::create(&path, &ring).unwrap();
        let before = std::fs::read(&path).unwrap();
        let address = format!("file:{}", path.display());
        let failure = Keys::open(Some(&address)).await.err().unwrap();
        assert!(failure.to_string().contains("shop"), "{failure}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
        // Unless it was named.
        let keys = Keys::open(Some(&format!("{address}?app=shop"))).await.unwrap();
        assert_eq!(keys.keys().len(), 1);
        keys.rotate(LEAD_MS).await.unwrap();
        assert_ne!(std::fs::read(&path).unwrap(), before);
    }
}
