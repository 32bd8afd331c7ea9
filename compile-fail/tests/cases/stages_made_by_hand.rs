//! Who has a stage knows that the stages before it have passed, so none can be made by hand.

use haversack::{Exchange, Mark, Snapshot};

fn skip<T>() {
    let _ = Mark(0);
    let _ = Snapshot::<T> {};
    let _ = Exchange::<T> {};
}

fn inner_stages() {
    use haversack::admit::Admitted;
    use haversack::lineage::Lineages;
}

fn main() {}
