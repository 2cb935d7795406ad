//! The layouts of the manual are what the doctor wants to see.

use crate::site::{Site, available};

fn is_fine(site: &Site, wanted: &[&str]) {
    assert_eq!(site.findings(), Vec::<serde_json::Value>::new());
    let output = site.look(&[]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.ends_with("\nfine\n"), "{said}");
    for wanted in wanted {
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn layout_a_is_fine() {
    if available() {
        is_fine(&Site::a(), &["what leaves passes the milter"]);
    }
}

#[test]
fn layout_b_is_fine() {
    if available() {
        is_fine(&Site::b(), &["what leaves passes the milter", "has the milter, and sends on"]);
    }
}

#[test]
fn layout_c_is_fine() {
    if available() {
        is_fine(&Site::c(), &["has the milter, and sends on"]);
    }
}
