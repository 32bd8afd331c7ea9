//! Form tokens of an exchange: for the session after its response, and against the one that arrived.

use alloc::string::String;

use serde::{Serialize, de::DeserializeOwned};

use super::{Exchange, Mark};
use crate::admit::Standing;
use crate::codec::Changes;
use crate::csrf::Tag;
use crate::parcel::{Lineage, Root, Subject};
use crate::{CsrfRejection, Entropy, NoEntropy, SealError};

impl<T: Default + Serialize + DeserializeOwned> Exchange<T> {
    /// A token for the forms of the page that the response carries: 43 characters of base64url,
    /// others on each call.
    ///
    /// It is for the session as it will be after the response, by what was handed back and asked
    /// until now: ask last. A fresh session is created for it, with nothing but its root; so is the
    /// session that follows an [`end`](Self::end). It holds for as long as the session does and the
    /// same user is signed in; a renewal, a change of rights and a rotation of keys do not touch it.
    ///
    /// What is asked *after* this call can make the token worthless: a login makes it one of
    /// [`CsrfRejection::BeforeLogin`], an `end()` or a change of user one of another session, which
    /// is [`CsrfRejection::Wrong`], or [`CsrfRejection::NoSession`] if none follows.
    ///
    /// The response is for this client alone, which [`Report::token`](crate::Report) says: no cache
    /// that others read may keep it.
    ///
    /// The creation keeps the rules of any other ([`SealError`] of
    /// [`respond`](Self::respond)), except that it is never [`Busy`](SealError::Busy), since it
    /// writes no field.
    ///
    /// # Errors
    ///
    /// [`SealError::NoEntropy`] if the source of randomness fails.
    pub fn csrf(&mut self, entropy: &mut impl Entropy) -> Result<String, SealError> {
        self.issue(None, entropy)
    }

    /// The same as if `value`, read at `since`, were handed back before.
    ///
    /// # Errors
    ///
    /// As [`csrf`](Self::csrf).
    pub fn csrf_with(
        &mut self,
        value: &T,
        since: Mark,
        entropy: &mut impl Entropy,
    ) -> Result<String, SealError> {
        // What cannot be encoded will be said when it is handed back, and replaces the response.
        let changes = self.snapshot.rules.schema.changes(value, &self.state(since)).ok();
        self.issue(changes.as_ref(), entropy)
    }

    fn issue(
        &mut self,
        more: Option<&Changes>,
        entropy: &mut impl Entropy,
    ) -> Result<String, SealError> {
        let (goes_on, subject) = self.addressee(more);
        let mask = draw(entropy)?;
        let lineage = match goes_on.or(self.promised) {
            Some(lineage) => lineage,
            None => *self.promised.insert(Lineage(draw(entropy)?)),
        };
        self.token = true;
        let subject = subject.map(|subject| subject.0);
        Ok(self.snapshot.keys.csrf_tag(&lineage.0, subject.as_ref()).masked(mask))
    }

    /// The session after the response: its lineage, unless that is a new one, and its subject.
    fn addressee(&self, more: Option<&Changes>) -> (Option<Lineage>, Option<Subject>) {
        let intent = self.intent(more);
        let head = self.head();
        let subject = intent.subject.unwrap_or_else(|| head.and_then(|head| head.subject));
        if intent.end || self.leaves(intent.subject) {
            return (None, subject);
        }
        let goes_on = head.or_else(|| {
            // Beside a head that cannot be judged a new session would begin with each page.
            let unjudged = self.admitted.kept_head && subject.is_none();
            let anonymous = self.admissible().filter(|root| unjudged && root.subject.is_none());
            anonymous.min_by_key(|root| (root.born, root.lineage))
        });
        (goes_on.map(|root| root.lineage), subject)
    }

    /// Whether a token is of the session that arrived.
    ///
    /// Ask before anything that the request is to change is changed, on every request that changes
    /// something and can come from a form. While nobody is signed in the tokens of all sessions
    /// that are read as one are right, since first visits race. Beside a cookie that this server
    /// cannot judge, where only routes marked `identity` get as far as to ask, the token of any
    /// session on the request is right that this server would admit: no other site knows one.
    ///
    /// # Errors
    ///
    /// Why it is not.
    pub fn verify_csrf(&self, token: &str) -> Result<(), CsrfRejection> {
        let tag = Tag::unmasked(token).ok_or(CsrfRejection::Malformed)?;
        let is_of = |root: &Root, subject: Option<Subject>| {
            let subject = subject.map(|subject| subject.0);
            self.snapshot.keys.is_csrf_tag(tag, &root.lineage.0, subject.as_ref())
        };
        let Some(head) = self.head() else {
            if !self.admitted.kept_head {
                return Err(CsrfRejection::NoSession);
            }
            let known = self.admissible().any(|root| is_of(root, root.subject));
            return if known { Ok(()) } else { Err(CsrfRejection::Unavailable) };
        };
        if is_of(head, head.subject) {
            return Ok(());
        }
        if !self.admissible().any(|root| is_of(root, None)) {
            return Err(CsrfRejection::Wrong);
        }
        if head.subject.is_some() { Err(CsrfRejection::BeforeLogin) } else { Ok(()) }
    }

    /// The heads of the winner and of what is read with it; beside a head that cannot be judged, of
    /// what would be.
    fn admissible(&self) -> impl Iterator<Item = &Root> {
        let standing =
            |standing: &Standing| matches!(standing, Standing::Winner | Standing::Adopted);
        let lineages = self.admitted.lineages.iter().filter(move |(_, of)| standing(of));
        lineages.filter_map(|(group, _)| self.jar.roots.get(group.head)).map(|root| &root.frame)
    }
}

fn draw(entropy: &mut impl Entropy) -> Result<[u8; 16], SealError> {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes).map_err(|NoEntropy| SealError::NoEntropy)?;
    Ok(bytes)
}
