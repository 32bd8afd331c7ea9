//! What the page says about the last thing done, carried in the address of the page after it.

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Signed out everywhere.
    Everywhere,
    /// What was written does not fit.
    Full,
    /// Other sessions ended, this one stays.
    Password,
    /// Refused: nobody here knows well enough who was signed out.
    Stale,
    /// Other sessions ended, but the fleet does not know yet.
    Unheard,
    /// Signed out, but the fleet does not know yet.
    Untold,
}

impl Said {
    const ALL: [Self; 6] =
        [Self::Everywhere, Self::Full, Self::Password, Self::Stale, Self::Unheard, Self::Untold];

    /// The page that says it.
    pub(super) fn page(self) -> &'static str {
        match self {
            Self::Everywhere => "/?said=everywhere",
            Self::Full => "/?said=full",
            Self::Password => "/?said=password",
            Self::Stale => "/?said=stale",
            Self::Unheard => "/?said=unheard",
            Self::Untold => "/?said=untold",
        }
    }

    /// What the page's parameter stands for.
    pub(super) fn parse(said: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.page().strip_prefix("/?said=") == Some(said))
    }

    /// Whether it is no success.
    pub(super) fn warns(self) -> bool {
        matches!(self, Self::Full | Self::Stale | Self::Unheard | Self::Untold)
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Everywhere => {
                "Signed out everywhere: whatever browser was signed in by that name is not any more, \
                 on every server."
            }
            Self::Full => {
                "That does not fit: a session holds 2,700 characters. It was refused whole, and \
                 nothing else was touched. Remove something first."
            }
            Self::Password => {
                "Every other session of yours is over, on every server, and so is every older copy of \
                 this one. This browser stays signed in."
            }
            Self::Stale => {
                "Refused, and nothing was changed: this server has not heard from the fleet for more \
                 than five seconds, so it cannot know whether you were signed out meanwhile. Other \
                 buttons work; this one is marked as sensitive."
            }
            Self::Unheard => {
                "This browser stays signed in. Your other sessions are over on the server that you \
                 asked; the other servers will be told: the fleet did not answer within a second."
            }
            Self::Untold => {
                "Signed out in this browser; the other servers will be told. The fleet did not answer \
                 within a second, so until it does they would take a copy of the old cookies. The \
                 server that you asked goes on telling them for as long as it lives."
            }
        }
    }
}
