//! The contents of the book.

use super::pages::{self, Page};
use std::collections::BTreeMap;

#[test]
fn the_contents_have_every_page_once() {
    let summary = Page::read(&pages::root().join("docs/SUMMARY.md"));
    let mut listed: BTreeMap<String, usize> = BTreeMap::new();
    for link in summary.links {
        *listed.entry(format!("docs/{link}")).or_default() += 1;
    }
    let mut expected: BTreeMap<String, usize> = BTreeMap::new();
    for path in pages::book().into_keys() {
        expected.insert(path, 1);
    }
    expected.remove("docs/SUMMARY.md");
    assert_eq!(listed, expected);
}

#[test]
fn the_book_is_found_where_mdbook_looks_for_it() {
    let book = std::fs::read_to_string(pages::root().join("docs/book.toml")).unwrap();
    let book = toml::de::DeTable::parse(&book).unwrap();
    let of_book = book.get_ref()["book"].get_ref();
    let source = of_book.as_table().unwrap()["src"].get_ref().as_str();
    assert_eq!(source, Some("."));
}
