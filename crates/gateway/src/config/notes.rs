use super::{
    diagnostic::{Diagnostic, Severity},
    interpolate::Interpolated,
    known::{Key, Known},
    path::Path,
    value::{Read, Wrong, closest},
};
use std::{collections::HashMap, ops::Range};
use toml::{Spanned, de::DeValue};

/// What reading leaves behind beside the values.
#[derive(Debug, Default)]
pub(super) struct Notes {
    found: Vec<Diagnostic>,
    /// Where each field of the file is.
    places: HashMap<String, Range<usize>>,
    /// Every field that there could be, in every table.
    known: Known,
    unknown: Vec<Unknown>,
    interpolated: Vec<Interpolated>,
}

/// A field that nobody asked for.
#[derive(Debug)]
pub(super) struct Unknown {
    pub(super) table: Path,
    pub(super) key: String,
    pub(super) span: Range<usize>,
    /// What its table was asked for.
    pub(super) siblings: Vec<&'static str>,
}

impl Notes {
    /// Of a file in whose texts these variables stand.
    pub(super) fn of_interpolated(interpolated: Vec<Interpolated>) -> Self {
        Self {
            interpolated,
            ..Self::default()
        }
    }

    /// Reads a value, which may have variables in it.
    pub(super) fn read<T>(
        &self,
        value: &Spanned<DeValue<'_>>,
        read: &impl Read<T>,
    ) -> Result<T, (Severity, Wrong)> {
        let place = value.span();
        let within = |text: &&Interpolated| text.is_within(&place);
        let mut texts = self.interpolated.iter().filter(within);
        let wrong = texts.clone().find_map(Interpolated::wrong);
        if let Some((severity, wrong)) = wrong {
            return Err((*severity, wrong.clone()));
        }
        let read = match texts.next() {
            Some(text) => text.read(value.get_ref(), read),
            None => read.read(value.get_ref()),
        };
        read.map_err(|wrong| (Severity::Error, wrong))
    }

    /// Adds what was found, unless it is known: settings that several routes inherit are checked
    /// once for each.
    pub(super) fn push(&mut self, found: Diagnostic) {
        if !self.found.contains(&found) {
            self.found.push(found);
        }
    }

    /// A field was asked for. Its path is that of the table's kind.
    pub(super) fn ask(&mut self, pattern: String, key: Key) {
        self.known.insert(pattern, key);
    }

    /// What a table is for.
    pub(super) fn describe(&mut self, pattern: &str, lines: &[&'static str]) {
        self.known.describe(pattern, lines);
    }

    /// A field is not one to be suggested.
    pub(super) fn hide(&mut self, pattern: &str) {
        self.known.remove(pattern);
    }

    /// A field stands in the file.
    pub(super) fn put(&mut self, path: String, span: Range<usize>) {
        self.places.insert(path, span);
    }

    pub(super) fn leave(&mut self, unknown: Unknown) {
        self.unknown.push(unknown);
    }

    /// Where a field is, if it stands in the file.
    pub(super) fn place(&self, path: &str) -> Option<Range<usize>> {
        self.places.get(path).cloned()
    }

    /// The first of these fields that stands in the file.
    pub(super) fn first<'p>(&self, paths: &'p [String]) -> Option<&'p str> {
        let mut paths = paths.iter().map(String::as_str);
        paths.find(|path| self.places.contains_key(*path))
    }

    /// The first field in the file that stands in this table, or in one below it.
    pub(super) fn first_below(&self, table: &str) -> Option<(String, Range<usize>)> {
        let below = format!("{table}.");
        let places = self.places.iter();
        let places = places.filter(|(path, _)| path.starts_with(&below));
        // A table begins where its first field does.
        let fields = places.filter(|(path, _)| {
            let inner = format!("{path}.");
            !self.places.keys().any(|other| other.starts_with(&inner))
        });
        let first = fields.min_by_key(|(_, place)| place.start);
        first.map(|(path, place)| (path.clone(), place.clone()))
    }

    /// Every field that was asked for, such as `routes[].retry.base`.
    pub(super) fn into_known(self) -> Known {
        self.known
    }

    /// Whether this very field has an error.
    pub(super) fn is_wrong(&self, path: &str) -> bool {
        let wrong = |found: &Diagnostic| found.severity == Severity::Error && found.path == path;
        self.found.iter().any(wrong)
    }

    /// Notes the fields that nobody asked for, once everything has been read.
    pub(super) fn unknown_fields(&mut self) {
        for unknown in std::mem::take(&mut self.unknown) {
            let path = unknown.table.named(&unknown.key);
            let found = Diagnostic::error(path.here, "unknown field");
            let found = found.help(self.suggest(&unknown));
            self.push(found.at(Some(unknown.span)));
        }
    }

    /// Whether anything is an error.
    pub(super) fn has_errors(&self) -> bool {
        let error = |found: &Diagnostic| found.severity == Severity::Error;
        self.found.iter().any(error)
    }

    /// Everything that was found.
    pub(super) fn into_found(self) -> Vec<Diagnostic> {
        self.found
    }

    /// What may have been meant: a field of another table, or one of this table's with a
    /// similar name.
    fn suggest(&self, unknown: &Unknown) -> String {
        let Unknown {
            table,
            key,
            siblings,
            ..
        } = unknown;
        let suffix = format!(".{key}");
        let elsewhere = self.known.paths().filter(|known| known.ends_with(&suffix));
        // The table nearest to this one: what the names have in common from the left.
        let common = |known: &&str| {
            let pairs = known.bytes().zip(table.pattern.bytes());
            pairs.take_while(|(a, b)| a == b).count()
        };
        let home = elsewhere
            .max_by_key(common)
            .and_then(|known| known.strip_suffix(&suffix));
        if let Some(home) = home {
            let header = home.replace("[]", "");
            return match home.ends_with("[]") {
                true => format!("`{key}` belongs in [[{header}]]"),
                false => format!("`{key}` belongs in [{header}]"),
            };
        }
        match closest(key, siblings.iter().copied()) {
            Some(close) => format!("did you mean `{close}`?"),
            None => format!("known here: {}", siblings.join(", ")),
        }
    }
}
