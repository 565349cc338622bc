use super::{InvalidSchema, Schema};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// Schemas that were compiled, by their text: those used last.
///
/// One that could not be compiled is kept as well, so that whoever sends it again and again does
/// not have it compiled each time. Clones share what is kept.
#[derive(Clone)]
pub struct Schemas(Arc<Mutex<Kept>>);

struct Kept {
    most: usize,
    now: u64,
    by_text: HashMap<Arc<str>, Entry>,
}

struct Entry {
    used: u64,
    schema: Result<Schema, InvalidSchema>,
}

impl Schemas {
    /// How many are kept.
    pub const MOST: usize = 128;

    /// Room for [`MOST`](Self::MOST).
    #[must_use]
    pub fn new() -> Self {
        Self::of(Self::MOST)
    }

    fn of(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Kept {
            most,
            now: 0,
            by_text: HashMap::new(),
        })))
    }

    /// The schema of this text, compiled at most once while it is in use.
    ///
    /// # Errors
    /// Those of [`Schema::compile`].
    pub fn get(&self, text: &str) -> Result<Schema, InvalidSchema> {
        if let Some(schema) = self.kept().find(text) {
            return schema;
        }
        // Without the lock: it takes a while.
        let schema = Schema::compile(text);
        // What is too large is told at once, and too large to be kept.
        if text.len() <= Schema::MOST {
            self.kept().put(text, schema.clone());
        }
        schema
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        // Nothing in there is half done when something panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn find(&mut self, text: &str) -> Option<Result<Schema, InvalidSchema>> {
        let entry = self.by_text.get_mut(text)?;
        self.now += 1;
        entry.used = self.now;
        Some(entry.schema.clone())
    }

    fn put(&mut self, text: &str, schema: Result<Schema, InvalidSchema>) {
        if self.by_text.len() >= self.most {
            let oldest = self.by_text.iter().min_by_key(|(_, entry)| entry.used);
            let oldest = oldest.map(|(text, _)| Arc::clone(text));
            oldest.and_then(|text| self.by_text.remove(&text));
        }
        self.now += 1;
        let used = self.now;
        self.by_text.insert(text.into(), Entry { used, schema });
    }
}

impl Default for Schemas {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Schemas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schemas")
            .field("kept", &self.kept().by_text.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_used_last_are_kept() {
        let schemas = Schemas::of(2);
        let at = |text| schemas.get(text).unwrap().text().as_ptr();
        assert_eq!(at("true"), at("true"), "compiled once");
        schemas.get("false").unwrap();
        schemas.get("true").unwrap();
        assert!(schemas.get("{").is_err(), "in the place of the second");
        let kept = schemas.kept();
        assert!(kept.by_text.contains_key("true") && kept.by_text.contains_key("{"));
        assert_eq!(kept.by_text.len(), 2);
    }
}
