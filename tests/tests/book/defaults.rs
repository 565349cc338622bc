//! The defaults that the pages of the layers tell are those of the program.

use super::pages;
use buttress_gateway::config;
use serde_json::Value;
use std::fs;

/// A key of `[defaults]`, or of the whole file, in the schema.
fn key<'s>(schema: &'s Value, path: &str) -> Option<&'s Value> {
    let below = |start: &'s Value| {
        let mut parts = path.split('.');
        parts.try_fold(start, |schema, name| schema["properties"].get(name))
    };
    below(&schema["properties"]["defaults"]).or_else(|| below(schema))
}

#[test]
fn tables_tell_the_defaults() {
    let schema = config::schema();
    let mut count = 0;
    let layers = fs::read_dir(pages::root().join("docs/layers")).unwrap();
    for page in layers {
        let page = page.unwrap().path();
        let text = fs::read_to_string(&page).unwrap();
        let mut in_table = false;
        for line in text.lines() {
            in_table = match line {
                line if line.starts_with("| key | default |") => true,
                line => in_table && line.starts_with('|'),
            };
            let cells: Vec<_> = line
                .split('|')
                .map(|cell| cell.trim().trim_matches('`'))
                .collect();
            if !in_table || !line.starts_with("| `") {
                continue;
            }
            let [_, path, default, ..] = cells[..] else {
                panic!("{line}");
            };
            let key = key(&schema, path).unwrap_or_else(|| panic!("{}: {path}", page.display()));
            assert_eq!(
                key["default"].to_string(),
                default,
                "{}: {path}",
                page.display()
            );
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}
