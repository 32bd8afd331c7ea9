//! The session that both sides carry, in three sizes.

use serde::{Deserialize, Serialize};

/// What a shop keeps of a client.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Shop {
    pub(crate) user: Option<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) visits: u64,
    pub(crate) theme: String,
    pub(crate) cart: Vec<Item>,
    pub(crate) recent: Vec<String>,
}

/// A line of the cart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Item {
    sku: String,
    count: u32,
    cents: u64,
}

/// The size of the session's JSON, in bytes, at least.
pub(crate) const SIZES: [usize; 3] = [100, 500, 2_000];

/// A session whose JSON has `size` bytes or a few more.
pub(crate) fn shop(size: usize) -> Shop {
    let mut shop = Shop {
        user: Some("ada".into()),
        roles: vec!["buyer".into()],
        visits: 1_000,
        theme: "dark".into(),
        ..Shop::default()
    };
    let json = |shop: &Shop| serde_json::to_string(shop).expect("JSON").len();
    for number in 1_000_u32.. {
        if json(&shop) + 60 > size {
            break;
        }
        let sku = format!("sku-{number:05}");
        if number % 2 == 0 {
            shop.cart.push(Item { sku, count: 2, cents: 1_995 });
        } else {
            shop.recent.push(sku);
        }
    }
    while json(&shop) < size {
        shop.theme.push('k');
    }
    shop
}
