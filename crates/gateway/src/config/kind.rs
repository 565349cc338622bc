//! What a field takes, as the reader that checks it says: for people, and for editors.

use super::units;
use serde_json::{Value, json};
use std::{fmt, time::Duration};

/// What a field takes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number from the first to the second.
    Number(u64, u64),
    /// One of a few numbers.
    Numbers(&'static [u64]),
    /// A time from the first to the second, with its unit.
    Time(Duration, Duration),
    /// A number of bytes from the first to the second, with its unit.
    Size(usize, usize),
    /// A part of all.
    Share,
    /// A part of all, in whole percent.
    Percent,
    /// An amount of money.
    Dollars,
    /// One of a few texts.
    Names(Vec<&'static str>),
    /// A text that is not empty.
    Text,
    /// A text of a form of its own.
    Form {
        /// What it is.
        what: &'static str,
        /// What every such text matches.
        pattern: &'static str,
    },
    /// A list of texts.
    Texts,
    /// What one or the other takes.
    Either(Box<[Kind; 2]>),
    /// Fields of its own.
    Table,
    /// Any number of tables.
    Tables,
}

/// What the name of a variable is called.
pub(super) const VARIABLE: &str = "a variable's name";

/// Begins with a digit, and has a unit: what only looks like it is told apart by the program.
const TIME: &str = r"^\s*[0-9][0-9.,]*\s*[a-zA-Zµμ]";
const SIZE: &str = r"^\s*[0-9_]+\s*([kKmMgG][iI]?)?[bB]?\s*$";
const SHARE: &str = r"^\s*\+?[0-9.][0-9.eE+-]*\s*%?\s*$";

impl Kind {
    /// The same, or `"off"`.
    pub(super) fn or_off(self) -> Self {
        Self::Either(Box::new([self, Self::Names(vec!["off"])]))
    }

    /// Whether it takes `"off"`.
    pub(super) fn can_be_off(&self) -> bool {
        match self {
            Self::Names(names) => names.contains(&"off"),
            Self::Either(kinds) => kinds.iter().any(Self::can_be_off),
            _ => false,
        }
    }

    /// Whether it may stand in a variable. The name of one may not: who writes `${KEY}` where the
    /// name belongs would have the key shown as a name.
    pub(super) fn may_be_variable(&self) -> bool {
        match self {
            Self::Form { what, .. } => *what != VARIABLE,
            Self::Either(kinds) => kinds.iter().all(Self::may_be_variable),
            _ => true,
        }
    }

    /// As JSON Schema has it. It takes all that the program takes, and some things more: JSON
    /// Schema knows no times and no sizes.
    pub(super) fn schema(&self) -> Value {
        match self {
            Self::Flag => json!({ "type": "boolean" }),
            Self::Number(least, most) => {
                json!({ "type": "integer", "minimum": least, "maximum": most })
            }
            Self::Numbers(numbers) => json!({ "enum": numbers }),
            Self::Time(..) => json!({ "type": "string", "pattern": TIME }),
            Self::Size(least, most) => json!({ "anyOf": [
                { "type": "string", "pattern": SIZE },
                { "type": "integer", "minimum": least, "maximum": most },
            ]}),
            Self::Share | Self::Percent => json!({ "anyOf": [
                { "type": "string", "pattern": SHARE },
                { "type": "number", "exclusiveMinimum": 0, "maximum": 1 },
            ]}),
            Self::Dollars => json!({ "type": "number", "minimum": 0 }),
            Self::Names(names) => json!({ "enum": names }),
            Self::Text => json!({ "type": "string", "minLength": 1 }),
            Self::Form { pattern, .. } => json!({ "type": "string", "pattern": pattern }),
            Self::Texts => json!({ "type": "array", "items": { "type": "string" } }),
            Self::Either(kinds) => json!({ "anyOf": kinds.each_ref().map(Self::schema) }),
            Self::Table => json!({ "type": "object" }),
            Self::Tables => json!({ "type": "array", "items": { "type": "object" } }),
        }
    }
}

/// For people.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("`true` or `false`"),
            Self::Number(least, most) => write!(f, "{least} to {most}"),
            Self::Numbers(numbers) => {
                let numbers: Vec<_> = numbers.iter().map(|n| format!("`{n}`")).collect();
                f.write_str(&numbers.join(" or "))
            }
            Self::Time(least, most) => {
                let (least, most) = (units::duration(*least), units::duration(*most));
                write!(f, "a time, `{least}` to `{most}`")
            }
            Self::Size(least, most) => {
                let (least, most) = (units::size(*least), units::size(*most));
                write!(f, "a size, `{least}` to `{most}`")
            }
            Self::Share => f.write_str("a share, above `0%` to `100%`"),
            Self::Percent => f.write_str("a share, `1%` to `100%`, whole"),
            Self::Dollars => f.write_str("US dollars"),
            Self::Names(names) => {
                let names: Vec<_> = names.iter().map(|name| format!("`\"{name}\"`")).collect();
                f.write_str(&names.join(", "))
            }
            Self::Text => f.write_str("a text"),
            Self::Form { what, .. } => f.write_str(what),
            Self::Texts => f.write_str("a list of texts"),
            Self::Either(kinds) => {
                let [one, other] = &**kinds;
                write!(f, "{one}; or {other}")
            }
            Self::Table => f.write_str("a table"),
            Self::Tables => f.write_str("tables"),
        }
    }
}
