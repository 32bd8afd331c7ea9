//! Sessions that end for their age: all of somebody, or of everybody, from before a moment.

use haversack::{Revocation, encode_field};

use super::World;
use crate::app::{LIFETIME, USERS};
use crate::plan::pick;
use crate::tally::Happening;

impl World {
    /// An application ends all sessions of somebody, or of everybody, as of now.
    pub(super) fn end_by_time(&mut self) {
        self.tally.add(Happening::EndedByTime);
        let server = self.log.any(&mut self.dice);
        let clock = self.log.clock(server, self.now_ms);
        let (not_before, until) = (clock.next_second(), clock.plus(LIFETIME.tail()).next_second());
        let user = *pick(&mut self.dice, &[Some(USERS[0]), Some(USERS[1]), None]);
        let record = match user {
            Some(user) => {
                let field = encode_field(user).expect("a text can be encoded");
                let id = self.snapshot.view().ring.subject_id("", "session", &field);
                Revocation::Subject { id: id.expect("short names"), not_before, until }
            }
            None => Revocation::All { not_before, until },
        };
        let appended = self.log.publish(&mut self.dice, server, record, self.now_ms);
        self.judge.ended_by_time(user, not_before, appended, &self.log);
    }
}
