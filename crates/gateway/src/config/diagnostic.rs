use super::mask;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::{error, fmt, ops::Range};

/// One thing that is wrong with a configuration, or looks wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// Whether it can be used at all.
    pub severity: Severity,
    /// The field it is about, such as `routes[0].retry.base`; empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    pub(super) span: Option<Range<usize>>,
    pub(super) related: Option<(Range<usize>, String)>,
}

/// Whether a configuration can be used in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// It can where all is set that it names; here, something is not. That is nothing about the
    /// configuration: it is a note only to those who check, and to serve it is an error.
    Note,
    /// It can, and will probably not do what was meant.
    Warning,
    /// It can't.
    Error,
}

/// Everything that was found in one file, in the order of the file.
///
/// `Display` is plain text, with the lines in question; [`styled`](Self::styled) is the same for
/// a terminal. Keys that stand in the file are masked in both.
#[derive(Clone, Debug)]
pub struct Report {
    origin: String,
    source: String,
    diagnostics: Vec<Diagnostic>,
}

impl Diagnostic {
    pub(super) fn error(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            path: path.into(),
            message: message.into(),
            help: None,
            span: None,
            related: None,
        }
    }

    pub(super) fn warning(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(path, message)
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn at(mut self, span: Option<Range<usize>>) -> Self {
        self.span = span;
        self
    }

    /// Another place that has to do with it.
    pub(super) fn related(mut self, span: Option<Range<usize>>, label: &str) -> Self {
        self.related = span.map(|span| (span, label.to_owned()));
        self
    }

    fn title(&self) -> String {
        match self.path.as_str() {
            "" => self.message.clone(),
            path => format!("{path}: {}", self.message),
        }
    }
}

impl Severity {
    /// A stable lower-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Report {
    /// What was found in `source`, which came from `origin`.
    pub(super) fn new(origin: &str, source: &str, mut diagnostics: Vec<Diagnostic>) -> Self {
        for diagnostic in &mut diagnostics {
            let spans = [
                diagnostic.span.as_mut(),
                diagnostic.related.as_mut().map(|(span, _)| span),
            ];
            for span in spans.into_iter().flatten() {
                *span = within(source, span);
            }
        }
        diagnostics.sort_by_key(|found| found.span.as_ref().map(|span| span.start));
        Self {
            origin: origin.to_owned(),
            source: mask::file(source),
            diagnostics,
        }
    }

    /// Where the configuration came from: the name of a file, or what was read instead.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What was found.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// How many were found of this severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        let same = |found: &&Diagnostic| found.severity == severity;
        self.diagnostics.iter().filter(same).count()
    }

    /// Line and column of a diagnostic, both from 1, the column in characters.
    #[must_use]
    pub fn place(&self, diagnostic: &Diagnostic) -> Option<(usize, usize)> {
        let before = &self.source[..diagnostic.span.as_ref()?.start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        Some((line, before[line_start..].chars().count() + 1))
    }

    /// As text with colours, for a terminal.
    #[must_use]
    pub fn styled(&self) -> String {
        self.render(&Renderer::styled())
    }

    fn render(&self, renderer: &Renderer) -> String {
        let mut text = String::new();
        for diagnostic in &self.diagnostics {
            text += &renderer.render(&[self.group(diagnostic)]);
            text += "\n\n";
        }
        text + &self.summary()
    }

    fn group<'a>(&'a self, diagnostic: &'a Diagnostic) -> Group<'a> {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let mut snippet = Snippet::source(self.source.as_str()).path(self.origin.as_str());
        if let Some(span) = &diagnostic.span {
            snippet = snippet.annotation(AnnotationKind::Primary.span(span.clone()));
        }
        if let Some((span, label)) = &diagnostic.related {
            let note = AnnotationKind::Context.span(span.clone());
            snippet = snippet.annotation(note.label(label.as_str()));
        }
        let mut group = Group::with_title(level.primary_title(diagnostic.title()));
        if diagnostic.span.is_some() {
            group = group.element(snippet);
        }
        match &diagnostic.help {
            Some(help) => group.element(Level::HELP.message(help.as_str())),
            None => group,
        }
    }

    /// Such as `buttress.toml: 2 errors, 1 warning`.
    fn summary(&self) -> String {
        let counted = [Severity::Error, Severity::Warning, Severity::Note].map(|severity| {
            match (self.count(severity), severity.as_str()) {
                (0, _) => None,
                (1, name) => Some(format!("1 {name}")),
                (count, name) => Some(format!("{count} {name}s")),
            }
        });
        let counted: Vec<_> = counted.into_iter().flatten().collect();
        let counted = match counted.is_empty() {
            true => "no errors".to_owned(),
            false => counted.join(", "),
        };
        format!("{}: {counted}", self.origin)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

impl error::Error for Report {}

/// The span moved into the text and onto its character boundaries. A parser may point behind
/// the end, or between the bytes of a character.
fn within(source: &str, span: &Range<usize>) -> Range<usize> {
    let start = source.floor_char_boundary(span.start.min(source.len()));
    let end = source.ceil_char_boundary(span.end.clamp(start, source.len()));
    start..end
}
