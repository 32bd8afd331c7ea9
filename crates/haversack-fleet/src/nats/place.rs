//! A place in the log: which stream, how far, and what the message there was.

use super::state::Info;
use crate::engine::Cursor;

/// Just after a message. Times are nanoseconds, by the server's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// When the stream was made. Another stream of the same name was made at another time.
    pub(super) generation: u64,
    pub(super) sequence: u64,
    /// When the message was stored. Where a server was put back to an earlier state, and written to
    /// since, another one has this number.
    pub(super) stored: u64,
}

impl Place {
    pub(super) fn cursor(self) -> Cursor {
        let Self { generation, sequence, stored } = self;
        Cursor(format!("nats1 {generation} {sequence} {stored}"))
    }

    /// `None` if the cursor is not of this engine.
    pub(super) fn read(cursor: &Cursor) -> Option<Self> {
        let mut parts = cursor.0.strip_prefix("nats1 ")?.split(' ');
        let mut next = || parts.next()?.parse().ok();
        let place = Self { generation: next()?, sequence: next()?, stored: next()? };
        (place.cursor() == *cursor).then_some(place)
    }

    /// Whether a stream can be the one that this place is in.
    pub(super) fn may_be_in(&self, info: &Info) -> bool {
        self.generation == info.generation() && self.sequence <= info.state.last_seq
    }
}

#[cfg(test)]
mod tests {
    use super::Place;
    use crate::engine::Cursor;

    #[test]
    fn comes_back() {
        let place = Place { generation: 1, sequence: 0, stored: u64::MAX };
        assert_eq!(Place::read(&place.cursor()), Some(place));
        for text in ["", "nats1", "nats1 1 2", "nats1 1 2 3 4", "nats1 +1 2 3", "nats1 1 2 03"] {
            assert_eq!(Place::read(&Cursor(text.to_owned())), None, "{text}");
        }
    }
}
