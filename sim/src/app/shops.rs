//! The session types of two versions of the program, and what each request does to them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use haversack::{Each, Policy, Rules};
use http::StatusCode;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Act, LIFETIME, MEMBER, View, text};

/// The program as it was: it knows neither wishes nor coupons, and carries both.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Old {
    user: Option<String>,
    role: u32,
    cart: Each<BTreeMap<u32, String>>,
    note: u32,
    theme: u32,
}

/// The program as it is deployed while the old one still runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct New {
    user: Option<String>,
    role: u32,
    cart: Each<BTreeMap<u32, String>>,
    note: u32,
    theme: u32,
    wishes: Each<BTreeMap<u32, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coupon: Option<u32>,
}

/// What both versions have in common.
pub(crate) trait Program:
    Default + Serialize + DeserializeOwned + Send + Sync + 'static
{
    fn rules() -> Arc<Rules<Self>>;
    fn show(&self) -> View;
    /// Does what is asked but logout and renewal, which are no fields.
    fn act(&mut self, act: &Act) -> StatusCode;
}

fn rules<T: Program>() -> Arc<Rules<T>> {
    let policy = Policy {
        lifetime: LIFETIME,
        subject: Some("user".into()),
        identity: vec!["role".into()],
        keep: vec!["theme".into()],
        ..Policy::default()
    };
    Arc::new(Rules::new(policy).expect("settings that fit"))
}

impl Program for Old {
    fn rules() -> Arc<Rules<Self>> {
        static RULES: LazyLock<Arc<Rules<Old>>> = LazyLock::new(rules);
        Arc::clone(&RULES)
    }

    fn show(&self) -> View {
        View {
            user: self.user.clone(),
            role: self.role,
            cart: self.cart.0.clone(),
            note: self.note,
            theme: self.theme,
            old: true,
            ..View::default()
        }
    }

    fn act(&mut self, act: &Act) -> StatusCode {
        let Self { user, role, cart, note, theme } = self;
        match *act {
            Act::Wish(..) | Act::Coupon(_) => StatusCode::NOT_FOUND,
            _ => common(&mut Common { user, role, cart: &mut cart.0, note, theme }, act),
        }
    }
}

impl Program for New {
    fn rules() -> Arc<Rules<Self>> {
        static RULES: LazyLock<Arc<Rules<New>>> = LazyLock::new(rules);
        Arc::clone(&RULES)
    }

    fn show(&self) -> View {
        View {
            user: self.user.clone(),
            role: self.role,
            cart: self.cart.0.clone(),
            wishes: self.wishes.0.clone(),
            coupon: self.coupon.unwrap_or_default(),
            note: self.note,
            theme: self.theme,
            ..View::default()
        }
    }

    fn act(&mut self, act: &Act) -> StatusCode {
        let Self { user, role, cart, note, theme, wishes, coupon } = self;
        match *act {
            Act::Coupon(n) => *coupon = (n > 0).then_some(n),
            Act::Remove(id) if wishes.contains_key(&id) => {
                wishes.remove(&id);
            }
            Act::Wish(id, len) => {
                wishes.insert(id, text(id, len));
            }
            _ => return common(&mut Common { user, role, cart: &mut cart.0, note, theme }, act),
        }
        StatusCode::OK
    }
}

/// The fields that both versions know.
struct Common<'a> {
    user: &'a mut Option<String>,
    role: &'a mut u32,
    cart: &'a mut BTreeMap<u32, String>,
    note: &'a mut u32,
    theme: &'a mut u32,
}

fn common(shop: &mut Common<'_>, act: &Act) -> StatusCode {
    match *act {
        Act::Add(id, len) => {
            shop.cart.insert(id, text(id, len));
        }
        Act::Login(name) => {
            *shop.user = Some(name.into());
            *shop.role = MEMBER;
        }
        Act::Note(n) => *shop.note = n,
        Act::Promote(_) if shop.user.is_none() => return StatusCode::FORBIDDEN,
        Act::Promote(role) => *shop.role = role,
        Act::Remove(id) if shop.cart.contains_key(&id) => {
            shop.cart.remove(&id);
        }
        Act::Remove(_) => return StatusCode::NOT_FOUND,
        Act::Theme(n) => *shop.theme = n,
        Act::Coupon(_) | Act::Logout | Act::Look | Act::Renew | Act::Wish(..) => {}
    }
    StatusCode::OK
}
