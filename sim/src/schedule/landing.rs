//! A response has arrived, or has not: what the client was told, and whether it could be told that.

use haversack_testkit::Page;
use haversack_testkit::fleet::{Fate, Landed};
use http::StatusCode;

use crate::app::{Act, USERS, View};
use crate::oracle::Landing;
use crate::tally::Happening;

use super::Schedule;
use super::send::Sent;

const GRACE_MS: u64 = 300_000;
/// Above so many characters of cookies writes may be refused.
const BUSY_CHARS: usize = 5_000;
/// Of more cookies than this some are not opened.
const OPENED: usize = 64;
/// Items with more characters than this may not fit.
const LARGE: usize = 700;

impl Schedule {
    pub(super) async fn landed(&mut self, landed: Landed<Sent>, look: bool) -> Result<(), String> {
        let lines = landed.lines();
        let Landed { tag: sent, fate } = landed;
        let (page, torn) = match fate {
            Fate::Whole(page) => (page, false),
            Fate::Torn { page, .. } => (page, true),
            Fate::Lost(page) => {
                self.say(|| format!("#{} is lost", sent.number));
                self.count(Happening::Lost);
                let crashed = page.and_then(|page| page.server());
                if crashed.is_some_and(|server| !self.fleet.servers.is_up(server)) {
                    self.count(Happening::Crashed);
                }
                return Ok(());
            }
            _ => return Err("an unknown fate".into()),
        };
        self.arrived(&sent, &page, torn.then_some(lines))?;
        if self.refused || lines == 0 && self.roll(4) > 0 {
            return Ok(());
        }
        if look { self.look().await } else { Ok(()) }
    }

    /// `torn`: after so many lines.
    pub(super) fn arrived(
        &mut self,
        sent: &Sent,
        page: &Page,
        torn: Option<usize>,
    ) -> Result<(), String> {
        let lines = torn.unwrap_or(page.set_cookies.len());
        self.say(|| {
            let how = match torn {
                Some(lines) => format!("torn after {lines} of {}", page.set_cookies.len()),
                None => "whole".into(),
            };
            format!("#{} arrives {how}: {}; {}", sent.number, page.status.as_u16(), self.jar().1)
        });
        match torn {
            Some(lines) => {
                self.count(Happening::Torn);
                if lines > 0 && lines < page.set_cookies.len() {
                    self.count(Happening::TornAmid);
                }
            }
            None => self.count(Happening::Whole),
        }
        let Some(view) = self.view_of(page)? else { return Ok(()) };
        let server = page.server().ok_or("nobody answered")?;
        let behind = self.fleet.is_behind(view.ring);
        let late = view.answered_ms - view.at_ms > GRACE_MS;
        self.may_answer(sent, page.status, &view, behind, late)?;
        if behind {
            self.count(Happening::RingLate);
        }
        if view.old {
            self.count(Happening::OldProgram);
        }
        let did = page.status == StatusCode::OK;
        if did && sent.act == Act::Look && torn.is_none() && !behind {
            self.count(Happening::PageChecked);
            self.oracle.check_page(&sent.known, &view)?;
        }
        if lines == 0 {
            let puts_in = matches!(sent.act, Act::Add(..) | Act::Wish(..));
            return match torn {
                None if did && puts_in => Err("acknowledged, and nothing was set".into()),
                _ => Ok(()),
            };
        }
        if did && behind && sent.act.is_identity() {
            self.count(Happening::BesideKeptHead);
        }
        if did && late && sent.act != Act::Look {
            self.count(Happening::LateWrite);
        }
        let user = view.user.as_deref();
        self.oracle.land(&Landing {
            act: &sent.act,
            known: &sent.known,
            did,
            torn: torn.is_some(),
            behind,
            late,
            answered_ms: self.fleet.true_ms(server, view.answered_ms),
            user: USERS.into_iter().find(|name| user == Some(*name)),
        });
        Ok(())
    }

    /// Whether the client could be told this.
    fn may_answer(
        &self,
        sent: &Sent,
        status: StatusCode,
        view: &View,
        behind: bool,
        late: bool,
    ) -> Result<(), String> {
        let left = &sent.known.worlds[0];
        let sees_all = !behind && sent.known.worlds.len() == 1 && sent.cookies <= OPENED;
        let has_cookies = !sent.known.jarless;
        let expected = match status {
            StatusCode::OK => true,
            StatusCode::SERVICE_UNAVAILABLE => {
                let identity_or_new = sent.act.is_identity() || sent.known.begins();
                let writes = sent.act != Act::Look;
                let unread = behind || sent.cookies > OPENED;
                // A session that nobody signed in to may be gone into another when a late one lands.
                let anonymous = sent.known.worlds.iter().any(|world| world.user.is_none());
                let too_late = late && (identity_or_new || anonymous);
                writes && (sent.chars > BUSY_CHARS || unread || too_late)
            }
            StatusCode::FORBIDDEN => {
                let signed_in = left.user.is_some() && has_cookies;
                matches!(sent.act, Act::Promote(_)) && !(sees_all && signed_in)
            }
            StatusCode::NOT_FOUND => match sent.act {
                Act::Remove(id) => {
                    let there = has_cookies && left.items.get(&id) == Some(&true);
                    !(sees_all && there) || view.old
                }
                Act::Wish(..) | Act::Coupon(_) => view.old,
                _ => false,
            },
            StatusCode::PAYLOAD_TOO_LARGE => {
                let chars = left.items.keys().map(|id| self.oracle.len_of(*id) + 10);
                chars.sum::<usize>() > LARGE
            }
            _ => false,
        };
        if expected { Ok(()) } else { Err(format!("#{} is answered {status}", sent.number)) }
    }
}
