use super::value::{Wrong, closest, quoted};

/// The routes that serve a model, in the order in which they are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Chain {
    /// The model that callers ask for. A `*` stands for any text.
    pub model: String,
    /// Indices into [`Config::routes`](super::Config::routes); at least one.
    pub routes: Vec<usize>,
}

impl Chain {
    /// The model `*`, served by all of so many routes.
    pub(crate) fn everything(routes: usize) -> Self {
        Self {
            model: "*".to_owned(),
            routes: (0..routes).collect(),
        }
    }

    /// Whether this is one model and not a pattern.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.model.contains('*')
    }

    /// How closely a model is described by this chain; `None` when it is not. A name in full is
    /// closer than any pattern, and of two patterns the one that says more.
    pub(super) fn closeness(&self, model: &str) -> Option<usize> {
        let literal = self.model.len() - self.model.matches('*').count();
        match self.is_exact() {
            true => (self.model == model).then_some(usize::MAX),
            false => matches(&self.model, model).then_some(literal),
        }
    }
}

/// The indices of the routes with these names.
pub(super) fn indices(names: &[String], routes: &[&str]) -> Result<Vec<usize>, Wrong> {
    if names.is_empty() {
        return Err(Wrong::new("has no routes", "name at least one route"));
    }
    let mut indices = Vec::with_capacity(names.len());
    for name in names {
        let Some(index) = routes.iter().position(|route| route == name) else {
            // A route whose provider is not known has no proper name either.
            let proper = |name: &&str| !name.is_empty() && !name.starts_with('/');
            let known: Vec<_> = routes.iter().copied().filter(proper).collect();
            let help = match closest(name, known.iter().copied()) {
                Some(close) => format!("did you mean {}?", quoted(close)),
                None if known.is_empty() => "a route is named PROVIDER/MODEL".to_owned(),
                None => format!("there are {}", known.join(", ")),
            };
            return Err(Wrong::new(
                format!("there is no route {}", quoted(name)),
                help,
            ));
        };
        if indices.contains(&index) {
            let message = format!("names {} twice", quoted(name));
            return Err(Wrong::new(
                message,
                "a route is tried once: its retries are its own",
            ));
        }
        indices.push(index);
    }
    Ok(indices)
}

/// Whether a text has the parts of a pattern, which `*` separates, in their order.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    // The first fit of each part leaves the most for those behind it.
    for part in middle.split('*') {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "gpt-5", true),
            ("gpt-*", "gpt-5", true),
            ("gpt-*", "gpt", false),
            ("*/*", "meta/llama", true),
            ("*/*", "llama", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("**", "x", true),
            ("*é*", "café au lait", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn what_says_more_is_closer() {
        let chain = |model: &str| Chain {
            model: model.to_owned(),
            routes: vec![0],
        };
        let closeness = |pattern: &str| chain(pattern).closeness("gpt-5-mini");
        assert!(closeness("gpt-5-mini") > closeness("gpt-5-*"));
        assert!(closeness("gpt-5-*") > closeness("gpt-*"));
        assert!(closeness("gpt-*") > closeness("*"));
        assert_eq!(closeness("claude-*"), None);
    }
}
