//! Variables of the environment in the values of a file: `"${NAME}"` and `"${NAME:-default}"`.
//!
//! They stand in texts, and whatever a key takes can be written as one: what becomes of the text is
//! then read as if it stood there without its quotes. `$$` is a `$`. Names of keys are left alone,
//! and keys of providers do not come this way: those have variables that are named.

use super::{
    Lookup, Severity,
    kind::Kind,
    provider::is_variable,
    value::{Read, Wrong, quoted},
};
use std::ops::Range;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A text with variables in it.
#[derive(Debug)]
pub(super) struct Interpolated {
    /// Where it stands.
    span: Range<usize>,
    /// As it stands in the file.
    written: String,
    /// What the variables hold.
    held: Vec<String>,
    /// Why nothing became of it.
    wrong: Option<(Severity, Wrong)>,
}

const HELP: &str = "write ${NAME} or ${NAME:-default}; $$ stands for a $";

/// Puts what the variables hold into the texts of a table. One that is not set is as wrong as this.
pub(super) fn fill(table: &mut DeTable<'_>, env: Lookup<'_>, unset: Severity) -> Vec<Interpolated> {
    let mut found = Vec::new();
    for (_, value) in table.iter_mut() {
        fill_value(value, env, unset, &mut found);
    }
    found
}

fn fill_value(
    value: &mut Spanned<DeValue<'_>>,
    env: Lookup<'_>,
    unset: Severity,
    found: &mut Vec<Interpolated>,
) {
    let span = value.span();
    match value.get_mut() {
        DeValue::Table(table) => found.extend(fill(table, env, unset)),
        DeValue::Array(items) => {
            for item in items.iter_mut() {
                fill_value(item, env, unset, found);
            }
        }
        DeValue::String(text) if text.contains('$') => {
            let mut held = Vec::new();
            let filled = filled(text, env, unset, &mut held);
            let wrong = match filled {
                // A text like any other.
                Ok(filled) if held.is_empty() => {
                    *text = filled.into();
                    return;
                }
                Ok(filled) => {
                    let written = std::mem::replace(text, filled.into());
                    found.push(Interpolated {
                        span,
                        written: written.into_owned(),
                        held,
                        wrong: None,
                    });
                    return;
                }
                Err(wrong) => wrong,
            };
            found.push(Interpolated {
                span,
                written: text.to_string(),
                held,
                wrong: Some(wrong),
            });
        }
        _ => {}
    }
}

fn filled(
    text: &str,
    env: Lookup<'_>,
    unset: Severity,
    held: &mut Vec<String>,
) -> Result<String, (Severity, Wrong)> {
    let wrong = |message: &str| (Severity::Error, Wrong::new(message, HELP));
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('$') {
        filled.push_str(before);
        if let Some(behind) = behind.strip_prefix('$') {
            filled.push('$');
            rest = behind;
        } else if let Some(behind) = behind.strip_prefix('{') {
            let closed = behind.split_once('}');
            let (inner, behind) = closed.ok_or_else(|| wrong("a `${` without its `}`"))?;
            let (name, default) = match inner.split_once(":-") {
                Some((name, default)) => (name, Some(default)),
                None => (inner, None),
            };
            if !is_variable(name) {
                return Err(wrong("no name of a variable stands in a `${…}`"));
            }
            if default.is_some_and(|default| default.contains("${")) {
                return Err(wrong("a default has no variables in it"));
            }
            let value = match (env(name), default) {
                (Some(value), None) => value,
                (Some(value), Some(_)) if !value.is_empty() => value,
                (_, Some(default)) => default.to_owned(),
                (None, None) => {
                    let message = format!("{name} is not set");
                    let help = format!(
                        "set it where buttress is started, or write a default: ${{{name}:-…}}"
                    );
                    return Err((unset, Wrong::new(message, help)));
                }
            };
            filled.push_str(&value);
            held.push(value);
            rest = behind;
        } else {
            filled.push('$');
            rest = behind;
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

impl Interpolated {
    /// Whether it stands in there, as the whole of it or as a part.
    pub(super) fn is_within(&self, place: &Range<usize>) -> bool {
        place.start <= self.span.start && self.span.end <= place.end
    }

    /// Why nothing became of it.
    pub(super) const fn wrong(&self) -> Option<&(Severity, Wrong)> {
        self.wrong.as_ref()
    }

    /// Reads a value that it is, or a part of.
    pub(super) fn read<T>(&self, value: &DeValue<'_>, read: &impl Read<T>) -> Result<T, Wrong> {
        if !read.kind().may_be_variable() {
            let help = "write its name, such as \"OPENAI_API_KEY\", without ${…}";
            return Err(Wrong::new(
                "expected the name of an environment variable",
                help,
            ));
        }
        let wrong = match read.read(value) {
            Ok(read) => return Ok(read),
            Err(wrong) => wrong,
        };
        let Some(text) = value.as_str() else {
            return Err(self.hide(wrong, None, &read.kind()));
        };
        let wrong = match unquoted(text).map(|plain| read.read(plain.get_ref())) {
            Some(Ok(read)) => return Ok(read),
            Some(Err(wrong)) => wrong,
            None => wrong,
        };
        Err(self.hide(wrong, Some(text), &read.kind()))
    }

    /// The same said of what stands in the file. What variables hold is not shown: a message goes
    /// further than they do.
    fn hide(&self, wrong: Wrong, text: Option<&str>, kind: &Kind) -> Wrong {
        /// That much of a longer text is too much.
        const MOST: usize = 12;
        let written = quoted(&self.written);
        let hide = |said: String| match text {
            Some(text) => said.replace(&quoted(text), &written),
            None => said,
        };
        let message = hide(wrong.message);
        let hidden = Wrong {
            message: match text {
                Some(text) => replace_word(&message, text.trim(), &written),
                None => message,
            },
            help: wrong.help.map(hide),
        };
        let shows = |said: &str| {
            // Where the file says itself what it shows, nothing is given away.
            let said = said.replace(&self.written, "");
            self.held.iter().any(|held| {
                let start: String = held.chars().take(MOST).collect();
                start.chars().count() >= 4 && said.contains(&start)
            })
        };
        match shows(&hidden.message) || hidden.help.as_deref().is_some_and(shows) {
            true => Wrong::new(
                format!("{} stands for something else", quoted(&self.written)),
                format!("it takes {kind}"),
            ),
            false => hidden,
        }
    }
}

/// What the text is where it stands without quotes: a number, or yes or no.
fn unquoted(text: &str) -> Option<Spanned<DeValue<'_>>> {
    let plain = DeValue::parse(text.trim()).ok()?;
    let is_plain = matches!(
        plain.get_ref(),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_)
    );
    is_plain.then_some(plain)
}

/// Replaces what stands for itself in a text: numbers have no quotes.
fn replace_word(said: &str, word: &str, by: &str) -> String {
    let words = said.split(' ');
    let words = words.map(|said| if said == word { by } else { said });
    words.collect::<Vec<_>>().join(" ")
}
