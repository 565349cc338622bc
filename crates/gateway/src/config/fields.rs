use super::{
    diagnostic::{Diagnostic, Severity},
    documented::{Documented, FieldDocs},
    kind::Kind,
    known::Key,
    notes::{Notes, Unknown},
    path::Path,
    value::{Read, Wrong, describe},
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// One table of a file, read field by field.
///
/// Every field that a table may have is asked for exactly once, whether the file has it or not.
/// So what has been asked for *is* the list of known fields, and what is left over is unknown.
/// A wrong field is noted and skipped: reading goes on, to find everything at once.
pub(super) struct Fields<'f> {
    table: Option<&'f DeTable<'f>>,
    path: Path,
    notes: &'f mut Notes,
    asked: Vec<&'static str>,
    docs: FieldDocs,
}

impl<'f> Fields<'f> {
    /// Reads the table at the top of a file.
    pub(super) fn document<T>(
        table: &DeTable<'_>,
        notes: &mut Notes,
        read: impl FnOnce(&mut Fields<'_>) -> T,
    ) -> T {
        let mut fields = Fields {
            table: Some(table),
            path: Path::default(),
            notes,
            asked: Vec::new(),
            docs: &[],
        };
        let value = read(&mut fields);
        fields.leftovers();
        value
    }

    /// Says what this table is read into, whose documentation tells what its fields are for.
    pub(super) fn of<S: Documented>(&mut self) {
        self.docs = S::FIELDS;
        self.about(S::ABOUT);
    }

    /// Says what this table is for.
    pub(super) fn about(&mut self, lines: &[&'static str]) {
        self.notes.describe(&self.path.pattern, lines);
    }

    /// The value of a field, if it is there and right.
    pub(super) fn get<T>(&mut self, key: &'static str, read: impl Read<T>) -> Option<T> {
        let known = Key::new(read.kind(), self.docs_of(key));
        self.read(key, known, &read)
    }

    /// Overwrites `target` when the field is there. What it holds before is the default.
    pub(super) fn set<T>(&mut self, key: &'static str, target: &mut T, read: impl Read<T>) {
        self.set_for(key, key, target, read);
    }

    /// The same, where what it fills has another name.
    pub(super) fn set_for<T>(
        &mut self,
        key: &'static str,
        filled: &str,
        target: &mut T,
        read: impl Read<T>,
    ) {
        let known = Key::new(read.kind(), self.docs_of(filled)).default(read.write(target));
        if let Some(value) = self.read(key, known, &read) {
            *target = value;
        }
    }

    fn read<T>(&mut self, key: &'static str, known: Key, read: &impl Read<T>) -> Option<T> {
        let value = self.ask(key, known)?;
        match self.notes.read(value, read) {
            Ok(value) => Some(value),
            Err((severity, wrong)) => {
                self.push(key, severity, wrong);
                None
            }
        }
    }

    fn docs_of(&self, field: &str) -> &'static [&'static str] {
        let mut docs = self.docs.iter();
        docs.find(|(name, _)| *name == field)
            .map_or(&[], |(_, lines)| lines)
    }

    /// Fields that must not be there, with what to do instead.
    pub(super) fn refuse(&mut self, keys: &[&'static str], message: &str, help: &str) {
        for key in keys {
            if self.has(key) {
                self.ask(key, Key::new(Kind::Text, &[]));
                self.notes.hide(&self.path.field(key).pattern);
                self.wrong(key, Wrong::new(message, help));
            }
        }
    }

    /// A table in this one. It is read as an empty one where it is absent, so that its fields
    /// are known.
    pub(super) fn section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Fields<'_>) -> T,
    ) -> T {
        let value = self.ask(key, Key::new(Kind::Table, &[]));
        let path = self.path.field(key);
        if let Some(value) = value
            && !value.get_ref().is_table()
        {
            let message = format!("expected a table, found {}", describe(value.get_ref()));
            let header = path.pattern.replace("[]", "");
            self.wrong(
                key,
                Wrong::new(message, format!("write its fields below [{header}]")),
            );
        }
        let table = value.and_then(|value| value.get_ref().as_table());
        self.child(path, table, read)
    }

    /// The tables of a list, `[[key]]`, in their order.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Fields<'_>) -> T,
    ) -> Vec<T> {
        let Some(value) = self.ask(key, Key::new(Kind::Tables, &[])) else {
            return Vec::new();
        };
        let tables = value.get_ref().as_array();
        let tables = tables.filter(|items| items.iter().all(|item| item.get_ref().is_table()));
        let Some(tables) = tables else {
            let help = format!("begin each of them with [[{key}]]");
            self.wrong(key, Wrong::new("expected a list of tables", help));
            return Vec::new();
        };
        let mut values = Vec::with_capacity(tables.len());
        for (index, item) in tables.iter().enumerate() {
            let path = self.path.field(key).item(index);
            self.notes.put(path.here.clone(), item.span());
            values.push(self.child(path, item.get_ref().as_table(), &mut read));
        }
        values
    }

    /// The fields of this table, whose names are the file's own choice, in the file's order.
    pub(super) fn entries(&mut self) -> Vec<(String, &'f Spanned<DeValue<'f>>)> {
        let mut entries: Vec<_> = self.table.into_iter().flatten().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut named = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let path = self.path.named(key.get_ref());
            self.notes.put(path.here, key.span());
            named.push((key.get_ref().clone().into_owned(), value));
        }
        // All of them are known.
        self.table = None;
        named
    }

    /// The table that an entry holds.
    pub(super) fn entry<T>(
        &mut self,
        name: &str,
        value: &'f Spanned<DeValue<'f>>,
        read: impl FnOnce(&mut Fields<'_>) -> T,
    ) -> T {
        let path = self.path.named(name);
        self.notes
            .ask(path.pattern.clone(), Key::new(Kind::Table, &[]));
        if !value.get_ref().is_table() {
            let message = format!("expected a table, found {}", describe(value.get_ref()));
            let help = format!("write its fields below [{}]", path.here);
            let found = Diagnostic::error(&path.here, message).help(help);
            self.notes.push(found.at(Some(value.span())));
        }
        self.child(path, value.get_ref().as_table(), read)
    }

    /// The value that an entry holds.
    pub(super) fn entry_value<T>(
        &mut self,
        name: &str,
        value: &'f Spanned<DeValue<'f>>,
        about: &[&str],
        read: impl Read<T>,
    ) -> Option<T> {
        let pattern = self.path.named(name).pattern;
        self.notes.ask(pattern, Key::new(read.kind(), about));
        let read = self.notes.read(value, &read);
        let found = |(severity, wrong): (Severity, Wrong)| {
            let mut found = Diagnostic::error(self.path.named(name).here, wrong.message);
            found.severity = severity;
            found.help = wrong.help;
            self.notes.push(found.at(Some(value.span())));
        };
        read.map_err(found).ok()
    }

    /// Whether the file has this field, be it right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        let mut keys = self.table.into_iter().flat_map(|table| table.keys());
        keys.any(|present| present.get_ref() == key)
    }

    /// Notes that a field is wrong for a reason that its type alone does not show.
    pub(super) fn wrong(&mut self, key: &str, wrong: Wrong) {
        self.push(key, Severity::Error, wrong);
    }

    fn push(&mut self, key: &str, severity: Severity, wrong: Wrong) {
        let mut found = Diagnostic::error(self.path.field(key).here, wrong.message);
        found.severity = severity;
        found.help = wrong.help;
        // A field that is missing is missing in its table, or in the file.
        let paths = [found.path.as_str(), &self.path.here];
        let place = paths
            .iter()
            .find_map(|path| self.notes.place(path))
            .or(Some(0..0));
        self.notes.push(found.at(place));
    }

    fn ask(&mut self, key: &'static str, known: Key) -> Option<&'f Spanned<DeValue<'f>>> {
        let path = self.path.field(key);
        self.asked.push(key);
        self.notes.ask(path.pattern, known);
        let mut fields = self.table?.iter();
        let (_, value) = fields.find(|(present, _)| present.get_ref() == key)?;
        self.notes.put(path.here, value.span());
        Some(value)
    }

    fn child<T>(
        &mut self,
        path: Path,
        table: Option<&DeTable<'_>>,
        read: impl FnOnce(&mut Fields<'_>) -> T,
    ) -> T {
        let mut fields = Fields {
            table,
            path,
            notes: self.notes,
            asked: Vec::new(),
            docs: &[],
        };
        let value = read(&mut fields);
        fields.leftovers();
        value
    }

    fn leftovers(self) {
        for key in self.table.into_iter().flat_map(|table| table.keys()) {
            if !self.asked.contains(&key.get_ref().as_ref()) {
                self.notes.leave(Unknown {
                    table: self.path.clone(),
                    key: key.get_ref().clone().into_owned(),
                    span: key.span(),
                    siblings: self.asked.clone(),
                });
            }
        }
    }
}
