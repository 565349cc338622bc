//! What a field may hold: small readers that say what was expected when it holds something else.

use super::{kind::Kind, mask, units};
use serde_json::Value;
use std::{ops::RangeInclusive, time::Duration};
use toml::de::DeValue;

/// Why a value can't be used.
#[derive(Clone, Debug)]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: Some(help.into()),
        }
    }

    fn expected(what: &str, found: &DeValue<'_>, help: impl Into<String>) -> Self {
        Self::new(format!("expected {what}, found {}", describe(found)), help)
    }
}

/// Reads one value, and knows what it takes.
pub(super) trait Read<T> {
    /// The value, or why it can't be used.
    fn read(&self, value: &DeValue<'_>) -> Result<T, Wrong>;

    /// What it takes.
    fn kind(&self) -> Kind;

    /// How a file has this value.
    fn write(&self, value: &T) -> Value;
}

/// A reader made of its parts.
pub(super) const fn reader<T, R, W>(kind: Kind, read: R, write: W) -> impl Read<T>
where
    R: Fn(&DeValue<'_>) -> Result<T, Wrong>,
    W: Fn(&T) -> Value,
{
    Reader { kind, read, write }
}

struct Reader<R, W> {
    kind: Kind,
    read: R,
    write: W,
}

impl<T, R, W> Read<T> for Reader<R, W>
where
    R: Fn(&DeValue<'_>) -> Result<T, Wrong>,
    W: Fn(&T) -> Value,
{
    fn read(&self, value: &DeValue<'_>) -> Result<T, Wrong> {
        (self.read)(value)
    }

    fn kind(&self) -> Kind {
        self.kind.clone()
    }

    fn write(&self, value: &T) -> Value {
        (self.write)(value)
    }
}

pub(super) fn flag() -> impl Read<bool> {
    let read = |value: &DeValue<'_>| {
        let wrong = || {
            Wrong::expected(
                "true or false",
                value,
                "write true or false, without quotes",
            )
        };
        value.as_bool().ok_or_else(wrong)
    };
    reader(Kind::Flag, read, |flag| Value::Bool(*flag))
}

/// A text that is not empty.
pub(super) fn text() -> impl Read<String> {
    reader(Kind::Text, filled, |text| Value::from(text.as_str()))
}

/// A text that is not empty, and of a form of its own.
pub(super) fn form<T>(
    what: &'static str,
    pattern: &'static str,
    read: impl Fn(&DeValue<'_>) -> Result<T, Wrong>,
    write: impl Fn(&T) -> String,
) -> impl Read<T> {
    let kind = Kind::Form { what, pattern };
    reader(kind, read, move |value| Value::from(write(value)))
}

/// What stands in a text that is not empty.
pub(super) fn filled(value: &DeValue<'_>) -> Result<String, Wrong> {
    match value.as_str() {
        Some(text) if !text.trim().is_empty() => Ok(text.to_owned()),
        Some(_) => Err(Wrong::new("is empty", "fill it in, or leave the field out")),
        None => Err(Wrong::expected("a string", value, "write it in quotes")),
    }
}

/// A list of texts.
pub(super) fn texts(value: &DeValue<'_>) -> Result<Vec<String>, Wrong> {
    let help = "write a list of strings, such as [\"a\", \"b\"]";
    let wrong = |found: &DeValue<'_>| Wrong::expected("a list of strings", found, help);
    let items = value.as_array().ok_or_else(|| wrong(value))?;
    let text = |item: &toml::Spanned<DeValue<'_>>| {
        let text = item.get_ref().as_str().map(str::to_owned);
        text.ok_or_else(|| wrong(item.get_ref()))
    };
    items.iter().map(text).collect()
}

pub(super) fn integer<T>(range: RangeInclusive<T>) -> impl Read<T>
where
    T: TryFrom<u64> + Copy + PartialOrd + ToString,
{
    let written = |number: &T| number.to_string().parse::<u64>().unwrap_or(u64::MAX);
    let kind = Kind::Number(written(range.start()), written(range.end()));
    let read = move |value: &DeValue<'_>| {
        let limits = || {
            let (least, most) = (range.start().to_string(), range.end().to_string());
            format!("write a whole number from {least} to {most}")
        };
        let Some(integer) = value.as_integer() else {
            return Err(Wrong::expected("a whole number", value, limits()));
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix());
        let number = number.ok().and_then(|number| T::try_from(number).ok());
        let number = number.filter(|number| range.contains(number));
        number.ok_or_else(|| Wrong::new(format!("{integer} is out of range"), limits()))
    };
    reader(kind, read, move |number| Value::from(written(number)))
}

/// An amount of money.
pub(super) fn dollars() -> impl Read<f64> {
    let read = |value: &DeValue<'_>| {
        let help = "write US dollars, such as 2.5";
        let number = match value {
            DeValue::Integer(integer) => integer.as_str().parse().ok(),
            DeValue::Float(float) => float.as_str().parse().ok(),
            _ => return Err(Wrong::expected("a number", value, help)),
        };
        let usable = number.filter(|number: &f64| number.is_finite() && *number >= 0.0);
        usable.ok_or_else(|| Wrong::new(format!("{} is no price", plain(value)), help))
    };
    reader(Kind::Dollars, read, |dollars| Value::from(*dollars))
}

pub(super) fn duration(range: RangeInclusive<Duration>) -> impl Read<Duration> {
    let kind = Kind::Time(*range.start(), *range.end());
    let read = move |value: &DeValue<'_>| {
        let limits = || {
            let (least, most) = (
                units::duration(*range.start()),
                units::duration(*range.end()),
            );
            format!("write a duration from \"{least}\" to \"{most}\"")
        };
        let Some(text) = value.as_str() else {
            let help = match value.as_integer() {
                Some(number) => format!("write its unit: \"{number}s\" or \"{number}ms\""),
                None => limits(),
            };
            return Err(Wrong::expected("a duration", value, help));
        };
        let Some(duration) = units::parse_duration(text) else {
            let help = "write a number and a unit, such as \"500ms\", \"1.5s\", \"2m\"";
            return Err(Wrong::expected("a duration", value, help));
        };
        let message = || Wrong::new(format!("{} is out of range", quoted(text)), limits());
        Some(duration)
            .filter(|duration| range.contains(duration))
            .ok_or_else(message)
    };
    reader(kind, read, |time| Value::from(units::duration(*time)))
}

pub(super) fn size(range: RangeInclusive<usize>) -> impl Read<usize> {
    let kind = Kind::Size(*range.start(), *range.end());
    let read = move |value: &DeValue<'_>| {
        let (least, most) = (units::size(*range.start()), units::size(*range.end()));
        let help = || format!("write a size from \"{least}\" to \"{most}\"");
        let size = match value {
            DeValue::String(text) => units::parse_size(text),
            DeValue::Integer(integer) => integer.as_str().parse().ok(),
            _ => None,
        };
        let Some(size) = size else {
            return Err(Wrong::expected("a size", value, help()));
        };
        let wrong = || Wrong::new(format!("{} is out of range", plain(value)), help());
        Some(size)
            .filter(|size| range.contains(size))
            .ok_or_else(wrong)
    };
    reader(kind, read, |bytes| Value::from(units::size(*bytes)))
}

/// A share, above nothing and up to all.
pub(super) fn rate() -> impl Read<f64> {
    reader(Kind::Share, share, |rate| Value::from(units::rate(*rate)))
}

fn share(value: &DeValue<'_>) -> Result<f64, Wrong> {
    let rate = match value {
        DeValue::String(text) => units::parse_rate(text),
        DeValue::Float(float) => units::parse_rate(float.as_str()),
        DeValue::Integer(integer) => units::parse_rate(integer.as_str()),
        _ => None,
    };
    let help = "write a share above 0% and up to 100%, such as \"55%\" or 0.55";
    match rate {
        Some(rate) if rate > 0.0 && rate <= 1.0 => Ok(rate),
        Some(_) => Err(Wrong::new(
            format!("{} is out of range", plain(value)),
            help,
        )),
        None => Err(Wrong::expected("a share", value, help)),
    }
}

/// A share of calls in whole percent.
pub(super) fn percent() -> impl Read<u32> {
    let read = |value: &DeValue<'_>| {
        let rate = share(value)?;
        // From 1 to 100.
        let whole = (1..=100).find(|percent| (rate * 100.0 - f64::from(*percent)).abs() < 1e-6);
        whole.ok_or_else(|| {
            let message = format!("{} is not a whole number of percent", plain(value));
            Wrong::new(message, "write a share such as \"20%\" or 0.2")
        })
    };
    reader(Kind::Percent, read, |percent| {
        Value::from(format!("{percent}%"))
    })
}

/// One of a few names.
pub(super) fn one_of<T: Copy + PartialEq>(names: &'static [(&'static str, T)]) -> impl Read<T> {
    let kind = Kind::Names(names.iter().map(|(name, _)| *name).collect());
    let read = move |value: &DeValue<'_>| {
        let known = || names.iter().map(|(name, _)| *name);
        let text = value.as_str();
        if let Some((_, found)) = names.iter().find(|(name, _)| text == Some(*name)) {
            return Ok(*found);
        }
        let list = known()
            .map(|name| format!("\"{name}\""))
            .collect::<Vec<_>>()
            .join(", ");
        let help = match text.and_then(|text| closest(text, known())) {
            Some(close) => format!("did you mean \"{close}\"? there are {list}"),
            None => format!("write one of {list}"),
        };
        Err(match text {
            Some(text) => Wrong::new(format!("{} is not known", quoted(text)), help),
            None => Wrong::expected("a string", value, help),
        })
    };
    reader(kind, read, |value| {
        let named = names.iter().find(|(_, named)| named == value);
        named.map_or(Value::Null, |(name, _)| Value::from(*name))
    })
}

/// What can be switched off by writing `"off"`.
pub(super) fn or_off<T>(inner: impl Read<T>) -> impl Read<Option<T>> {
    OrOff(inner)
}

struct OrOff<R>(R);

impl<T, R: Read<T>> Read<Option<T>> for OrOff<R> {
    fn read(&self, value: &DeValue<'_>) -> Result<Option<T>, Wrong> {
        if value.as_str() == Some("off") {
            return Ok(None);
        }
        self.0.read(value).map(Some).map_err(|mut wrong| {
            let help = wrong.help.unwrap_or_default();
            wrong.help = Some(format!("{help}; \"off\" switches it off"));
            wrong
        })
    }

    fn kind(&self) -> Kind {
        self.0.kind().or_off()
    }

    fn write(&self, value: &Option<T>) -> Value {
        match value {
            Some(value) => self.0.write(value),
            None => Value::from("off"),
        }
    }
}

/// The most similar of some names, if one is similar enough to have been meant.
pub(super) fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let scored = known.into_iter().map(|known| {
        let score = strsim::jaro_winkler(&name, &known.to_lowercase());
        (score, known)
    });
    let close = scored.filter(|(score, _)| *score > 0.8);
    close
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

/// A piece of the file to show in a message: short, on one line, without a key.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 60;
    let masked = mask::text(text);
    let cut: String = masked.chars().take(MOST).collect();
    match cut.len() < masked.len() {
        true => format!("{cut:?}…"),
        false => format!("{cut:?}"),
    }
}

/// A value as it was written.
fn plain(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(integer) => integer.to_string(),
        DeValue::Float(float) => float.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// What a value is, to follow "found".
pub(super) fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(_) => format!("the string {}", plain(value)),
        DeValue::Integer(_) => format!("the integer {}", plain(value)),
        DeValue::Float(_) => format!("the number {}", plain(value)),
        DeValue::Datetime(_) => format!("the date {}", plain(value)),
        DeValue::Boolean(_) | DeValue::Array(_) | DeValue::Table(_) => plain(value),
    }
}
