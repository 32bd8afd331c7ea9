//! The session that the modelled program keeps, and what its requests do to it.
//!
//! Every value that a request writes is the request's own number, so that whoever reads a value
//! knows who wrote it.

use serde::{Deserialize, Serialize};

/// Who can sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum User {
    Ada,
    Bob,
}

/// Numbers requests, and thereby what they write.
pub(crate) type Number = u8;

/// Two fields that requests race for, and four that are only there to be folded and not lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Field {
    A,
    B,
    C,
    D,
    E,
    F,
}

pub(crate) const FIELDS: [Field; 6] = [Field::A, Field::B, Field::C, Field::D, Field::E, Field::F];

/// The session type. `user` is the subject, `role` an identity field that belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Session {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<User>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    a: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    b: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    c: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    d: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    f: Option<Number>,
}

impl Session {
    pub(crate) fn get(&self, field: Field) -> Option<Number> {
        match field {
            Field::A => self.a,
            Field::B => self.b,
            Field::C => self.c,
            Field::D => self.d,
            Field::E => self.e,
            Field::F => self.f,
        }
    }

    pub(crate) fn brief(&self) -> String {
        let mut brief = match self.user {
            Some(user) => format!("{user:?}'s session"),
            None => "an anonymous session".to_owned(),
        };
        for field in FIELDS {
            if let Some(value) = self.get(field) {
                brief.push_str(&format!(", {field:?}={value}").to_lowercase());
            }
        }
        brief
    }

    fn set(&mut self, field: Field, value: Option<Number>) {
        let place = match field {
            Field::A => &mut self.a,
            Field::B => &mut self.b,
            Field::C => &mut self.c,
            Field::D => &mut self.d,
            Field::E => &mut self.e,
            Field::F => &mut self.f,
        };
        *place = value;
    }
}

/// What the handler of a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Act {
    /// Looks only; the response carries whatever maintenance is due.
    Read,
    Write(Field),
    /// Writes `a` and `b` at once.
    WriteBoth,
    Remove(Field),
    /// Writes `a` on a request that carries no cookies, as a form on another site does
    /// (`SameSite=Lax`): so one client comes to hold several sessions.
    Visit,
    /// Signs in, with the request's number as role. With somebody else signed in: a switch.
    Login(User),
    /// Signs in and writes `a`.
    LoginAndWrite(User),
    /// A new session id.
    Renew,
    /// Nobody is signed in any more, without `end()`: a switch to none.
    Leave,
    End,
}

impl Act {
    /// The fields that are written, or removed.
    pub(crate) fn fields(self) -> Vec<Field> {
        match self {
            Self::Write(field) | Self::Remove(field) => vec![field],
            Self::WriteBoth => vec![Field::A, Field::B],
            Self::LoginAndWrite(_) | Self::Visit => vec![Field::A],
            Self::Read | Self::Login(_) | Self::Renew | Self::Leave | Self::End => Vec::new(),
        }
    }

    /// The route is marked `identity`: it changes who is signed in.
    pub(crate) fn is_identity(self) -> bool {
        matches!(self, Self::Login(_) | Self::LoginAndWrite(_) | Self::Leave | Self::End)
    }

    /// What the handler makes of the session that it was given.
    pub(crate) fn change(self, number: Number, session: &mut Session) {
        let value = if matches!(self, Self::Remove(_)) { None } else { Some(number) };
        for field in self.fields() {
            session.set(field, value);
        }
        match self {
            Self::Login(user) | Self::LoginAndWrite(user) => {
                session.user = Some(user);
                session.role = Some(number);
            }
            Self::Leave => {
                session.user = None;
                session.role = None;
            }
            _ => {}
        }
    }

    pub(crate) fn brief(self) -> String {
        match self {
            Self::Read => "read".to_owned(),
            Self::Write(field) => format!("write {field:?}").to_lowercase(),
            Self::WriteBoth => "write a and b".to_owned(),
            Self::Remove(field) => format!("remove {field:?}").to_lowercase(),
            Self::Visit => "write a, without cookies".to_owned(),
            Self::Login(user) => format!("login as {user:?}"),
            Self::LoginAndWrite(user) => format!("login as {user:?}, write a"),
            Self::Renew => "renew".to_owned(),
            Self::Leave => "switch to nobody".to_owned(),
            Self::End => "end".to_owned(),
        }
    }
}
