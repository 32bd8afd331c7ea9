//! Admission: which lineages are in time, which of them wins, and which are adopted.

use alloc::vec::Vec;

use crate::jar::{Jar, Opened};
use crate::lifetime::Lifetime;
use crate::lineage::{Group, Lineages};
use crate::parcel::{Lineage, Root};
use crate::policy::GRACE_MS;
use crate::revocation::Revoked;
use crate::{Rejection, Timestamp};

/// What a lineage is to this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// The session.
    Winner,
    /// Another anonymous session of the same client, begun by a race: its fragments join.
    Adopted,
    /// Signed in, and not the winner.
    Losing,
    /// An end marker closes it.
    Closed,
    /// Its head was refused; `long` if no response under way can tell otherwise.
    Refused {
        /// Why.
        why: Rejection,
        /// For longer than three graces, or for good.
        long: bool,
    },
}

/// Lineages that were judged. The proof that no head escaped the clock, nor a revocation.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) lineages: Vec<(Group, Standing)>,
    /// The winner's head, as a position in the jar.
    pub(crate) head: Option<usize>,
    /// A root or an end marker on the request could not be judged here.
    pub(crate) kept_head: bool,
    /// An authentic time lay ahead of our clock and was taken as now.
    pub(crate) ahead: bool,
}

impl Admitted {
    /// Judges the heads: of the open lineages with a subject only the highest, then those without.
    pub(crate) fn judge(lineages: Lineages, jar: &Jar, law: Law<'_>) -> Self {
        let mut judged = Self {
            lineages: lineages.groups.into_iter().map(|group| (group, Standing::Losing)).collect(),
            head: None,
            kept_head: jar.has_kept_head(),
            ahead: false,
        };
        judged.close();
        judged.seek_signed_in(jar, law);
        judged.seek_anonymous(jar, law);
        judged.adopt(jar, law);
        judged.kept_head |= judged.lineages.iter().any(|(_, standing)| {
            matches!(standing, Standing::Refused { why: Rejection::NotYetValid, .. })
        });
        if judged.kept_head {
            // What could not be judged may be the head, or the end, of any of them.
            judged.head = None;
        }
        judged
    }

    fn close(&mut self) {
        for (group, standing) in &mut self.lineages {
            if group.closed {
                *standing = Standing::Closed;
            }
        }
    }

    fn seek_signed_in(&mut self, jar: &Jar, law: Law<'_>) {
        let highest = self
            .lineages
            .iter_mut()
            .filter(|(group, _)| !group.closed)
            .filter_map(|candidate| Some((head(jar, &candidate.0)?, candidate)))
            .filter(|(root, _)| root.subject.is_some())
            .max_by_key(|(root, _)| (root.renewed, root.lineage));
        if let Some((root, (group, standing))) = highest {
            *standing = match law.judge(root) {
                Ok(ahead) => {
                    self.ahead |= ahead;
                    self.head = Some(group.head);
                    Standing::Winner
                }
                Err(standing) => standing,
            };
        }
    }

    fn seek_anonymous(&mut self, jar: &Jar, law: Law<'_>) {
        let mut earliest: Option<(u32, Lineage)> = None;
        for (group, standing) in &mut self.lineages {
            let Some(root) =
                head(jar, group).filter(|root| root.subject.is_none() && !group.closed)
            else {
                continue;
            };
            if self
                .head
                .is_some_and(|at| jar.roots.get(at).is_some_and(|r| r.frame.subject.is_some()))
            {
                *standing = Standing::Adopted; // asked about below, at the winner's `seen`
                continue;
            }
            match law.judge(root) {
                Ok(ahead) => {
                    self.ahead |= ahead;
                    *standing = Standing::Adopted;
                    if earliest.is_none_or(|best| (root.born, root.lineage) < best) {
                        earliest = Some((root.born, root.lineage));
                        self.head = Some(group.head);
                    }
                }
                Err(refused) => *standing = refused,
            }
        }
        if let Some((_, lineage)) = earliest {
            let winner = self.lineages.iter_mut().find(|(group, _)| group.lineage == lineage);
            if let Some((_, standing)) = winner {
                *standing = Standing::Winner;
            }
        }
    }

    /// The other lineages without subject join if they are in time, their idle limit asked at the
    /// winner's `seen`, since nobody touches them. What was over when the winner began stays over.
    fn adopt(&mut self, jar: &Jar, law: Law<'_>) {
        let Some(winner) = self.head.and_then(|at| jar.roots.get(at)) else {
            return;
        };
        for (group, standing) in &mut self.lineages {
            let Some(root) =
                head(jar, group).filter(|root| root.subject.is_none() && !group.closed)
            else {
                continue;
            };
            let idle = matches!(standing, Standing::Refused { why: Rejection::IdleExpired, .. });
            if *standing == Standing::Adopted || idle {
                *standing = law.judge_adopted(root, &winner.frame);
            }
        }
    }

    /// The winner's head.
    pub(crate) fn winner<'j>(&self, jar: &'j Jar) -> Option<&'j Opened<Root>> {
        jar.roots.get(self.head?)
    }

    pub(crate) fn standing(&self, lineage: Lineage) -> Option<Standing> {
        self.lineages
            .iter()
            .find(|(group, _)| group.lineage == lineage)
            .map(|(_, standing)| *standing)
    }
}

fn head<'j>(jar: &'j Jar, group: &Group) -> Option<&'j Root> {
    jar.roots.get(group.head).map(|root| &root.frame)
}

/// What heads are judged by.
#[derive(Clone, Copy)]
pub(crate) struct Law<'a> {
    pub(crate) lifetime: &'a Lifetime,
    /// Also says when the request arrived.
    pub(crate) revoked: Revoked<'a>,
}

impl Law<'_> {
    /// Whether the head is in time and not revoked; `Ok(true)` if one of its times lay ahead of our
    /// clock.
    fn judge(&self, root: &Root) -> Result<bool, Standing> {
        let (now, ahead) = advance(root, self.revoked.received)?;
        self.within_absolute(root, now)?;
        if let Some(idle) = self.lifetime.idle_secs() {
            self.within(root.seen, idle, now, Rejection::IdleExpired)?;
        }
        self.unrevoked(root)?;
        Ok(ahead)
    }

    fn judge_adopted(&self, root: &Root, winner: &Root) -> Standing {
        let judged = || {
            let (now, _) = advance(root, self.revoked.received)?;
            self.within_absolute(root, now)?;
            if let Some(idle) = self.lifetime.idle_secs() {
                let born = Timestamp::from_secs(u64::from(winner.born));
                if self.within(root.seen, idle, born, Rejection::IdleExpired).is_err() {
                    // It was over before the winner began, so no page has shown both.
                    self.within(root.seen, idle, now.max(born), Rejection::IdleExpired)?;
                }
                let limit = idle + 3 * GRACE_MS / 1000;
                let seen = Timestamp::from_secs(winner.seen);
                self.within(root.seen, limit, seen, Rejection::IdleExpired)?;
            }
            self.unrevoked(root)
        };
        judged().map_or_else(|refused| refused, |()| Standing::Adopted)
    }

    fn within_absolute(&self, root: &Root, now: Timestamp) -> Result<(), Standing> {
        let absolute = self.lifetime.absolute.as_secs();
        self.within(root.auth, absolute, now, Rejection::AbsoluteExpired)
    }

    fn within(
        &self,
        from: u64,
        limit: u64,
        now: Timestamp,
        why: Rejection,
    ) -> Result<(), Standing> {
        let leeway = self.lifetime.leeway.as_secs();
        let end = Timestamp::from_secs(from.saturating_add(limit).saturating_add(leeway));
        if now <= end {
            return Ok(());
        }
        Err(Standing::Refused { why, long: now > end.plus_millis(3 * GRACE_MS) })
    }

    /// No clock can be wrong about it, so what is revoked goes at once.
    fn unrevoked(&self, root: &Root) -> Result<(), Standing> {
        if self.revoked.refuses(root) {
            return Err(Standing::Refused { why: Rejection::Revoked, long: true });
        }
        Ok(())
    }
}

/// An authentic time up to a grace ahead is accepted by taking now as that time.
fn advance(root: &Root, now: Timestamp) -> Result<(Timestamp, bool), Standing> {
    let latest = Timestamp::from_secs(u64::from(root.born).max(root.auth).max(root.seen));
    if latest > now.plus_millis(GRACE_MS) {
        return Err(Standing::Refused { why: Rejection::NotYetValid, long: false });
    }
    Ok((now.max(latest), latest > now))
}
