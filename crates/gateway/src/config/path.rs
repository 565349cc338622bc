//! The names of fields: where each stands, and what it is.

use super::{mask, value::quoted};

/// Where a table is: `routes[2].retry`, and what it is: `routes[].retry`.
#[derive(Clone, Debug, Default)]
pub(super) struct Path {
    pub(super) here: String,
    pub(super) pattern: String,
}

impl Path {
    /// A field with a name that this program chose.
    pub(super) fn field(&self, key: &str) -> Self {
        let join = |base: &str| match base {
            "" => key.to_owned(),
            base => format!("{base}.{key}"),
        };
        Self {
            here: join(&self.here),
            pattern: join(&self.pattern),
        }
    }

    /// A field with a name that the file chose.
    pub(super) fn named(&self, name: &str) -> Self {
        let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let masked = mask::text(name);
        let shown = match !masked.is_empty() && masked.len() <= 60 && masked.chars().all(bare) {
            true => self.field(name),
            false => self.field(&quoted(name)),
        };
        Self {
            here: shown.here,
            pattern: self.field("NAME").pattern,
        }
    }

    pub(super) fn item(&self, index: usize) -> Self {
        Self {
            here: format!("{}[{index}]", self.here),
            pattern: format!("{}[]", self.pattern),
        }
    }
}

/// The path of a field whose name the file chose.
pub(super) fn named(table: &str, name: &str) -> String {
    Path::default().field(table).named(name).here
}
