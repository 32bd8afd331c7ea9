//! Admission: which lineages are in time, which of them wins, and which are adopted.

use alloc::vec::Vec;

use crate::jar::{Jar, Opened};
use crate::lineage::{Group, Lineages};
use crate::parcel::{Lineage, Root};
use crate::policy::{GRACE_MS, Lifetime};
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
    /// Its head was refused; `long` if so long ago that no response under way can tell otherwise.
    Refused {
        /// Why.
        why: Rejection,
        /// For longer than three graces.
        long: bool,
    },
}

/// Lineages that were judged. The proof that no head escaped the clock.
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
    pub(crate) fn judge(
        lineages: Lineages,
        jar: &Jar,
        lifetime: &Lifetime,
        now: Timestamp,
    ) -> Self {
        let mut judged = Self {
            lineages: lineages.groups.into_iter().map(|group| (group, Standing::Losing)).collect(),
            head: None,
            kept_head: jar.has_kept_head(),
            ahead: false,
        };
        judged.close();
        judged.seek_signed_in(jar, lifetime, now);
        judged.seek_anonymous(jar, lifetime, now);
        judged.adopt(jar, lifetime, now);
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

    fn seek_signed_in(&mut self, jar: &Jar, lifetime: &Lifetime, now: Timestamp) {
        let highest = self
            .lineages
            .iter_mut()
            .filter(|(group, _)| !group.closed)
            .filter_map(|candidate| Some((head(jar, &candidate.0)?, candidate)))
            .filter(|(root, _)| root.subject.is_some())
            .max_by_key(|(root, _)| (root.renewed, root.lineage));
        if let Some((root, (group, standing))) = highest {
            *standing = match judge(root, lifetime, now) {
                Ok(ahead) => {
                    self.ahead |= ahead;
                    self.head = Some(group.head);
                    Standing::Winner
                }
                Err(standing) => standing,
            };
        }
    }

    fn seek_anonymous(&mut self, jar: &Jar, lifetime: &Lifetime, now: Timestamp) {
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
            match judge(root, lifetime, now) {
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
    fn adopt(&mut self, jar: &Jar, lifetime: &Lifetime, now: Timestamp) {
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
                *standing = judge_adopted(root, &winner.frame, lifetime, now);
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

/// Whether the head is in time; `Ok(true)` if one of its times lay ahead of our clock.
fn judge(root: &Root, lifetime: &Lifetime, now: Timestamp) -> Result<bool, Standing> {
    let (now, ahead) = advance(root, now)?;
    within(root.auth, lifetime.absolute.as_secs(), lifetime, now, Rejection::AbsoluteExpired)?;
    if let Some(idle) = lifetime.idle_secs() {
        within(root.seen, idle, lifetime, now, Rejection::IdleExpired)?;
    }
    Ok(ahead)
}

fn judge_adopted(root: &Root, winner: &Root, lifetime: &Lifetime, now: Timestamp) -> Standing {
    let judged = || {
        let (now, _) = advance(root, now)?;
        within(root.auth, lifetime.absolute.as_secs(), lifetime, now, Rejection::AbsoluteExpired)?;
        if let Some(idle) = lifetime.idle_secs() {
            let born = Timestamp::from_secs(u64::from(winner.born));
            if within(root.seen, idle, lifetime, born, Rejection::IdleExpired).is_err() {
                // It was over before the winner began, so no page has shown both.
                within(root.seen, idle, lifetime, now.max(born), Rejection::IdleExpired)?;
            }
            let limit = idle + 3 * GRACE_MS / 1000;
            within(
                root.seen,
                limit,
                lifetime,
                Timestamp::from_secs(winner.seen),
                Rejection::IdleExpired,
            )?;
        }
        Ok(())
    };
    judged().map_or_else(|refused| refused, |()| Standing::Adopted)
}

/// An authentic time up to a grace ahead is accepted by taking now as that time.
fn advance(root: &Root, now: Timestamp) -> Result<(Timestamp, bool), Standing> {
    let latest = Timestamp::from_secs(u64::from(root.born).max(root.auth).max(root.seen));
    if latest > now.plus_millis(GRACE_MS) {
        return Err(Standing::Refused { why: Rejection::NotYetValid, long: false });
    }
    Ok((now.max(latest), latest > now))
}

fn within(
    from: u64,
    limit: u64,
    lifetime: &Lifetime,
    now: Timestamp,
    why: Rejection,
) -> Result<(), Standing> {
    let end =
        Timestamp::from_secs(from.saturating_add(limit).saturating_add(lifetime.leeway.as_secs()));
    if now <= end {
        return Ok(());
    }
    Err(Standing::Refused { why, long: now > end.plus_millis(3 * GRACE_MS) })
}
