//! The fields that a file may have: the one list of them, made by reading.

use super::{Options, fields::Fields, kind::Kind, notes::Notes, read};
use serde_json::Value;
use std::collections::BTreeMap;
use toml::de::DeTable;

/// A field that a file may have.
#[derive(Clone, Debug)]
pub(super) struct Key {
    /// What it takes.
    pub(super) kind: Kind,
    /// What holds where it is left out. `None` where that depends on others, or where it is
    /// nothing.
    pub(super) default: Option<Value>,
    /// What it is for.
    pub(super) about: String,
}

impl Key {
    /// A field, with the lines of its documentation.
    pub(super) fn new(kind: Kind, about: &[&str]) -> Self {
        let about = told(&kind, about);
        Self {
            kind,
            default: None,
            about,
        }
    }

    pub(super) fn default(mut self, default: Value) -> Self {
        self.default = Some(default);
        self
    }
}

/// Documentation in the words of a file, in which there is no `None`.
fn told(kind: &Kind, lines: &[&str]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| line.trim()).collect();
    let text = lines.join(" ");
    let text = match text.split_once("]`: ") {
        // The name of a table is told beside.
        Some((name, rest)) if name.starts_with("`[") => rest.to_owned(),
        _ => text,
    };
    let none = match kind {
        Kind::Table | Kind::Tables => "`\"off\"`",
        kind if kind.can_be_off() => "`\"off\"`",
        _ => "left out",
    };
    let text = text.replace("`None`", none);
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// The fields that there can be, such as `routes[].retry.base`. Names that the file chooses are
/// `NAME`.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    keys: BTreeMap<String, (usize, Key)>,
    asked: usize,
}

/// A file that has one of everything whose name it chooses: only these are not asked for unasked.
const SPECIMEN: &str = "providers.NAME.headers.NAME = 'x'\nroutes = [{}]\nmodels.NAME = ['x']";

impl Known {
    /// All that there are.
    pub(super) fn all() -> Self {
        let nothing = |_: &str| None;
        let mut notes = Notes::default();
        // What is wrong with it does not matter.
        let (table, _) = DeTable::parse_recoverable(SPECIMEN);
        Fields::document(table.get_ref(), &mut notes, |fields| {
            read::config(fields, &Options::new(&nothing))
        });
        notes.into_known()
    }

    /// Adds a field. Asked for once more, as those of routes are, it stays what it was.
    pub(super) fn insert(&mut self, path: String, key: Key) {
        self.asked += 1;
        self.keys.entry(path).or_insert((self.asked, key));
    }

    /// Says what a table is for.
    pub(super) fn describe(&mut self, path: &str, lines: &[&str]) {
        if let Some((_, key)) = self.keys.get_mut(path.trim_end_matches("[]")) {
            key.about = told(&key.kind, lines);
        }
    }

    /// Takes a field away.
    pub(super) fn remove(&mut self, path: &str) {
        self.keys.remove(path);
    }

    /// Their paths, by the alphabet.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// One of them.
    pub(super) fn get(&self, path: &str) -> Option<&Key> {
        self.keys.get(path).map(|(_, key)| key)
    }

    /// All of them, in the order in which they are read.
    pub(super) fn in_order(&self) -> Vec<(&str, &Key)> {
        let mut keys: Vec<_> = self.keys.iter().collect();
        keys.sort_by_key(|(_, (asked, _))| *asked);
        let keys = keys.into_iter();
        keys.map(|(path, (_, key))| (path.as_str(), key)).collect()
    }
}
