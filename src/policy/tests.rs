//! What the policy says of records, list by list.

use super::*;

#[test]
fn the_lists_can_be_read() {
    let policy = Policy::new(Settings::default(), &[], None).unwrap();
    assert!(policy.entries().count() > 50);
}
