//! `haversack keys revoke`: what leaked opens nothing any more, on no server.

mod second;

use haversack::{KeyId, KeyRing, Revocation, ShortKeyId, Timestamp};
use haversack_fleet::{Report, RingStore};

use self::second::Second;
use super::Os;
use crate::output::{Failure, confirm, say};
use crate::place::{PlaceArgs, wait};
use crate::servers::{self, Moment, Reach, reach};
use crate::{revoke, time};

/// Revoke a key that leaked, or the whole ring; everybody is signed out
///
/// The key opens nothing from now on, on every server, and if it was the one that seals there is a new
/// one. Who had the key may have had sessions sealed anew by servers, so all sessions from before are
/// ended as well.
///
/// Clocks may differ by five minutes, so such a session may begin up to five minutes from now: this
/// command stays for as long, and then ends sessions once more. Ctrl-C says what is left to do.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The key, as `haversack keys list` shows it
    #[arg(value_name = "KEY-ID", required_unless_present = "leak", allow_hyphen_values = true)]
    key: Option<String>,
    #[command(flatten)]
    place: PlaceArgs,
    /// The whole ring has leaked: all keys are revoked, and the index key is replaced
    ///
    /// Running servers do not take such a ring: restart all of them.
    #[arg(long)]
    leak: bool,
    /// With `--leak`: a tenant whose cookies there are; may be repeated
    ///
    /// A ring knows neither tenants nor purposes. Cookies of those that are not named are refused too,
    /// but stay in the jar, beside new ones, until the client drops them. Each tenant counts with each
    /// purpose, and with those of who has none; 64 such pairs fit.
    #[arg(long, value_name = "NAME", requires = "leak")]
    tenant: Vec<String>,
    /// With `--leak`: a purpose other than `session` that there are cookies for; may be repeated
    #[arg(long, value_name = "NAME", requires = "leak")]
    purpose: Vec<String>,
    /// Do not stay for five minutes to end sessions once more, but print the command that does it
    #[arg(long, conflicts_with = "leak")]
    once: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// How long to wait for the servers to say that they have it
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = time::parse)]
    wait: u64,
}

impl Args {
    pub(super) fn run(self) -> Result<(), Failure> {
        match (self.leak, self.key.as_deref()) {
            (false, Some(key)) => self.revoke(key_id(key)?),
            (true, None) => self.replace(),
            (true, Some(_)) => Err(Failure::new("`--leak` revokes all keys, and one was named")
                .hint("name the file with `--fleet file:PATH`")),
            (false, None) => Err(Failure::new("no key was named")),
        }
    }

    fn revoke(&self, id: ShortKeyId) -> Result<(), Failure> {
        let fleet = self.place.fleet()?;
        wait(async {
            let store = fleet.open_as_it_is().await?;
            let held = store.ring().await?;
            let place = store.engine().name();
            held.revoke(id, time::now(), Os)?;
            self.ask(&format!("key {id} of {} in {place} is revoked", held.app()))?;

            let ring = store.update(|ring| ring.revoke(id, time::now(), Os)).await?;
            say(&format!("{place}: key {id} opens nothing any more, revision {}", ring.revision()));
            let sealing = ring.sealing(time::now()).map(|key| key.id);
            if sealing != held.sealing(time::now()).map(|key| key.id)
                && let Some(new) = sealing
            {
                say(&format!("key {new} seals from now on"));
            }
            end_all(&store).await.map_err(|error| {
                error.hint(
                    "once that is put right: `haversack revoke all-before now`, and again 5 minutes \
                     later",
                )
            })?;
            // Whoever asks in vain has still to finish what was begun.
            match self.known(&store, ring.revision()).await {
                Ok(reach) => say(&reach.to_string()),
                Err(error) => eprintln!(
                    "warning: it is published, but nothing tells which servers have it: {error}"
                ),
            }
            let second = Second::of(&store, self.place.again()).await;
            if self.once {
                second.announce();
                return Ok(());
            }
            drop(store);
            let open = || Ok(self.place.fleet()?.open()?);
            second.stay(open, second.pause()).await
        })
    }

    async fn known(&self, store: &RingStore, revision: u64) -> Result<Reach, Failure> {
        let moment = Moment::now(store.engine().as_ref()).await?;
        let knows =
            |report: &Report| report.ring_revision >= revision && moment.is_known_to(report);
        Ok(reach(store, self.wait, knows).await?)
    }

    fn replace(&self) -> Result<(), Failure> {
        let fleet = self.place.fleet()?;
        wait(async {
            let store = fleet.open_as_it_is().await?;
            let app = store.ring().await?.app().to_owned();
            let place = store.engine().name();
            self.ask(&format!("the key ring of {app} in {place} is replaced"))?;

            // Running servers still read these with the old ring, whose sessions they end.
            end_all(&store).await?;
            let scopes = self.scopes();
            let next = |ring: &KeyRing| ring.replaced_index(&scopes, time::now(), Os);
            let ring = store.replace(next).await?;
            say(&format!("{place}: all keys are replaced, revision {}", ring.revision()));
            say("restart every server now: until then it goes on with the ring that leaked");
            Ok(())
        })
    }

    /// Each tenant with each purpose.
    fn scopes(&self) -> Vec<(&str, &str)> {
        let tenants = std::iter::once("").chain(self.tenant.iter().map(String::as_str));
        let purposes = || std::iter::once("session").chain(self.purpose.iter().map(String::as_str));
        tenants.flat_map(|tenant| purposes().map(move |purpose| (tenant, purpose))).collect()
    }

    fn ask(&self, what: &str) -> Result<(), Failure> {
        if self.yes { Ok(()) } else { confirm(&format!("{what}, and everybody is signed out")) }
    }
}

/// Ends all sessions that there are.
async fn end_all(store: &RingStore) -> Result<(), Failure> {
    let now = time::now();
    let until = servers::until(store, None).await.map_err(unfinished)?;
    // The present second is over as well.
    let not_before = Timestamp::from_secs(now.as_secs() + 1);
    revoke::publish(store, Revocation::All { not_before, until }).await.map_err(unfinished)?;
    say(&format!("all sessions from before {} are over", time::rfc3339(not_before)));
    Ok(())
}

fn unfinished(error: impl Into<Failure>) -> Failure {
    Failure::new(format!("sessions were not ended: {}", error.into()))
        .hint("once that is put right: `haversack revoke all-before now`")
}

/// As a list of keys shows it, or as a cookie names it.
pub(super) fn key_id(text: &str) -> Result<ShortKeyId, Failure> {
    let id = text.parse().ok().or_else(|| text.parse().ok().map(KeyId::short));
    id.ok_or_else(|| {
        Failure::new(format!("`{text}` is no key id: it has 8 characters, or 12 in a cookie"))
            .hint("`haversack keys list` shows them")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_as_lists_and_cookies_name_it() {
        let id = ShortKeyId::from_bytes([1, 2, 3, 4, 5, 6]);
        assert_eq!(key_id(&id.to_string()).unwrap(), id);
        assert_eq!(key_id(&format!("{id}AAAA")).unwrap(), id);
        for bad in ["", "short", "AAAAAAAAA", "AAAA AAA", "AAAAAAAAAAAAA"] {
            assert!(key_id(bad).is_err(), "{bad}");
        }
    }
}
