use super::{
    Config, Diagnostic, Mode, Options, Report, Severity, checks, fields::Fields, interpolate,
    notes::Notes, read,
};
use std::{
    env, fs,
    path::{Path, PathBuf},
};
use toml::de::DeTable;

/// The file that is read when none is named, if it is there.
pub const DEFAULT_FILE: &str = "buttress.toml";

/// Names the file to read, when the command line does not.
const FILE_VARIABLE: &str = "BUTTRESS_CONFIG";

impl Config {
    /// Finds the configuration: the file that is named here, or in `BUTTRESS_CONFIG`, or
    /// `buttress.toml` in the working directory; without one the providers whose keys are in the
    /// environment; without keys the sandbox.
    ///
    /// What it can be used in spite of comes with it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, when it can't be used.
    pub fn load(file: Option<&Path>, options: &Options<'_>) -> Result<(Self, Report), Report> {
        let named = || (options.env)(FILE_VARIABLE).filter(|name| !name.is_empty());
        let named = file
            .map(Path::to_owned)
            .or_else(|| named().map(PathBuf::from));
        let present = || Some(PathBuf::from(DEFAULT_FILE)).filter(|file| file.exists());
        match named.or_else(present) {
            Some(file) => Self::from_file(&file, options),
            None => match Self::from_env(options)? {
                Some(config) => Ok(config.without_file("environment")),
                None => Ok(Self::sandbox(options)?.without_file("sandbox")),
            },
        }
    }

    /// Finds the configuration for whoever looks into the stores and asks no provider. What it can
    /// be used in spite of is not told.
    pub(crate) fn load_stores(file: Option<&Path>, options: &Options<'_>) -> Result<Self, Report> {
        let (config, _) = Self::load(file, options)?;
        config.with_stores(options.env)
    }

    fn without_file(self, origin: &str) -> (Self, Report) {
        let mut notes = Notes::default();
        checks::without_file(&self, &mut notes);
        (self, Report::new(origin, "", notes.into_found()))
    }

    fn from_file(file: &Path, options: &Options<'_>) -> Result<(Self, Report), Report> {
        Self::from_bytes(file, &Self::bytes_of(file)?, options)
    }

    /// What stands in a file.
    pub(crate) fn bytes_of(file: &Path) -> Result<Vec<u8>, Report> {
        fs::read(file).map_err(|error| {
            let origin = file.display().to_string();
            let help = match (file.is_relative(), env::current_dir()) {
                (true, Ok(directory)) => format!("it was looked for in {}", directory.display()),
                _ => "name the file with --config FILE".to_owned(),
            };
            let found = Diagnostic::error("", format!("can't read {origin}: {error}")).help(help);
            Report::new(&origin, "", vec![found])
        })
    }

    /// Reads what stood in a file.
    pub(crate) fn from_bytes(
        file: &Path,
        bytes: &[u8],
        options: &Options<'_>,
    ) -> Result<(Self, Report), Report> {
        let origin = file.display().to_string();
        let (mut config, report) = Self::parse_bytes(&origin, bytes, options)?;
        config.mode = Mode::File(file.to_owned());
        Ok((config, report))
    }

    pub(super) fn parse_bytes(
        origin: &str,
        bytes: &[u8],
        options: &Options<'_>,
    ) -> Result<(Self, Report), Report> {
        let source = str::from_utf8(bytes).map_err(|error| {
            let shown = String::from_utf8_lossy(bytes);
            let start = error.valid_up_to();
            let found = Diagnostic::error("", "not UTF-8 text").at(Some(start..start + 1));
            let found = found.help("save the file as UTF-8");
            Report::new(origin, &shown, vec![found])
        })?;
        Self::parse(origin, source, options)
    }

    /// Reads the text of a file that is called `origin`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, when it can't be used.
    pub fn parse(
        origin: &str,
        source: &str,
        options: &Options<'_>,
    ) -> Result<(Self, Report), Report> {
        let (mut table, errors) = DeTable::parse_recoverable(source);
        if !errors.is_empty() {
            let errors = errors.iter().map(|error| syntax(error, source)).collect();
            return Err(Report::new(origin, source, errors));
        }
        let unset = match options.need_keys {
            true => Severity::Error,
            false => Severity::Note,
        };
        let interpolated = interpolate::fill(table.get_mut(), options.env, unset);
        let mut notes = Notes::of_interpolated(interpolated);
        let mut config = Fields::document(table.get_ref(), &mut notes, |fields| {
            read::config(fields, options)
        });
        notes.unknown_fields();
        checks::run(&config, options, &mut notes);
        let report = Report::new(origin, source, notes.into_found());
        config.mode = Mode::File(origin.into());
        match report.count(Severity::Error) {
            0 => Ok((config, report)),
            _ => Err(report),
        }
    }
}

/// What the parser says about text that is no TOML.
fn syntax(error: &toml::de::Error, source: &str) -> Diagnostic {
    let message = error.message();
    let span = error.span();
    let help = match message {
        _ if message.contains("duplicate") => {
            "write it once; several routes are several [[routes]]"
        }
        _ if span
            .as_ref()
            .is_some_and(|span| is_bare(source, span.start)) =>
        {
            "put quotes around a text, as in model = \"gpt-4.1\""
        }
        _ if message.contains("string") => "close the quotes on the same line",
        _ if message.contains("unclosed") => "close the bracket",
        _ => "a line is `name = value`, `[table]`, or `# comment`",
    };
    Diagnostic::error("", format!("not valid TOML: {message}"))
        .help(help)
        .at(span)
}

/// Whether what is wrong is in a value without quotes.
fn is_bare(source: &str, at: usize) -> bool {
    let before = source.get(..at).unwrap_or_default();
    let line = &before[before.rfind('\n').map_or(0, |newline| newline + 1)..];
    let rest = source
        .get(at..)
        .unwrap_or_default()
        .lines()
        .next()
        .unwrap_or_default();
    let line = format!("{line}{rest}");
    let value = line
        .split_once('=')
        .map_or("", |(_, value)| value.trim_start());
    value.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '/' | ':'))
}
