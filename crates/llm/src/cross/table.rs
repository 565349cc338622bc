//! The table of all that a dialect can't express, in the book, against the code: what is in one
//! has to be in the other.

use crate::Feature;
use std::{collections::BTreeSet, fs, path::Path};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The words between backquotes in the last column of the tables below these headings, or in the
/// second one.
fn column(headings: &[&str], column: impl Fn(usize) -> usize) -> BTreeSet<String> {
    let book = fs::read_to_string(root().join("../../docs/dialects.md")).unwrap();
    let sections = book.split("\n## ").skip(1);
    let sections = sections.filter(|it| headings.iter().any(|heading| it.starts_with(heading)));
    let rows = sections.flat_map(str::lines);
    let rows = rows.filter(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let cell = cells[column(cells.len())];
        let cell = cell.strip_prefix('`')?.strip_suffix('`')?;
        Some(cell.to_owned())
    });
    cells.collect()
}

/// The sources, without their tests.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "tests" && name != "classify" {
            sources(&path, found);
        } else if name.ends_with(".rs") && !["tests.rs", "table.rs"].contains(&name) {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let lines = code.lines();
            let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
            found.push(lines.collect::<Vec<_>>().join("\n"));
        }
    }
}

/// How the words of a note begin: with what was done.
const DONE: [&str; 10] = [
    "added ",
    "asked for ",
    "changed ",
    "clamped ",
    "dropped ",
    "left out ",
    "lowered ",
    "moved ",
    "simplified ",
    "wrote ",
];

fn notes() -> BTreeSet<String> {
    let mut found = Vec::new();
    sources(&root().join("src"), &mut found);
    let mut notes = BTreeSet::new();
    for code in &found {
        let mut before = "";
        // What stands between two quotes may be code as well, which does not begin like a note.
        for piece in code.split('"') {
            let noted = before.trim_end().ends_with("note(");
            if noted || DONE.iter().any(|done| piece.starts_with(done)) {
                notes.insert(piece.to_owned());
            }
            before = piece;
        }
    }
    notes
}

#[test]
fn every_note_is_in_the_table_and_every_one_of_the_table_in_the_code() {
    let tables = ["Requests: changed", "Requests: dropped", "Answers"];
    let told = column(&tables, |columns| columns - 1);
    let notes = notes();
    assert!(notes.len() > 40, "{notes:?}");
    let missing: Vec<_> = notes.difference(&told).collect();
    assert!(missing.is_empty(), "not in docs/dialects.md: {missing:?}");
    let gone: Vec<_> = told.difference(&notes).collect();
    assert!(gone.is_empty(), "no longer in the code: {gone:?}");
}

#[test]
fn every_feature_that_is_refused_is_in_the_table() {
    let all = [
        Feature::ServerTools,
        Feature::CustomTools,
        Feature::LegacyFunctions,
        Feature::Threads,
        Feature::StoredState,
        Feature::UploadedFiles,
        Feature::Images,
        Feature::Documents,
        Feature::Audio,
        Feature::JsonSchema,
        Feature::ManyAnswers,
        Feature::UnknownContent,
    ];
    // One that is added has to be added above as well.
    let known = |feature: Feature| match feature {
        Feature::ServerTools
        | Feature::CustomTools
        | Feature::LegacyFunctions
        | Feature::Threads
        | Feature::StoredState
        | Feature::UploadedFiles
        | Feature::Images
        | Feature::Documents
        | Feature::Audio
        | Feature::JsonSchema
        | Feature::ManyAnswers
        | Feature::UnknownContent => feature.as_str().to_owned(),
    };
    let all: BTreeSet<_> = all.into_iter().map(known).collect();
    assert_eq!(column(&["Requests: refused"], |_| 1), all);
}
