use super::{
    diagnostic::{Diagnostic, Severity},
    fields::Fields,
    notes::Notes,
};

/// The settings of one layer: a table that `[defaults]` may have, and every route.
pub(super) trait Settings {
    /// What the table is called.
    const TABLE: &'static str;

    /// Overwrites what the table has.
    fn read(&mut self, fields: &mut Fields<'_>);

    /// What is right in itself, and makes no sense together.
    fn contradictions(&self) -> Vec<Contradiction>;
}

/// Two or more settings that make no sense together.
#[derive(Debug)]
pub(super) struct Contradiction {
    severity: Severity,
    /// Fields that could be to blame. Of these, the ones that were left to their default are not.
    fields: Vec<&'static str>,
    message: String,
    help: String,
}

impl Contradiction {
    pub(super) fn error(fields: &[&'static str]) -> Self {
        Self {
            severity: Severity::Error,
            fields: fields.to_vec(),
            message: String::new(),
            help: String::new(),
        }
    }

    pub(super) fn warning(fields: &[&'static str]) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(fields)
        }
    }

    pub(super) fn message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}

/// Notes the contradictions in what a route has and inherits, at the field that made them.
pub(super) fn check<S: Settings>(settings: &S, route: &str, notes: &mut Notes) {
    for found in settings.contradictions() {
        let paths = [route, "defaults"].into_iter().flat_map(|owner| {
            let path = move |field| format!("{owner}.{}.{field}", S::TABLE);
            found.fields.iter().map(path)
        });
        let paths: Vec<_> = paths.collect();
        // A field that can't be read has its message already.
        if paths.iter().any(|path| notes.is_wrong(path)) {
            continue;
        }
        if let Some(path) = notes.first(&paths) {
            let mut diagnostic = Diagnostic::error(path, found.message).help(found.help);
            diagnostic.severity = found.severity;
            let place = notes.place(path);
            notes.push(diagnostic.at(place));
        }
    }
}
