//! Tools: what there are, which may be called, the calls, and what came of them.

use super::Block;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A function of the caller's that the model may call.
#[derive(Clone, Debug)]
pub(crate) struct Tool<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) description: Option<Cow<'a, str>>,
    /// The JSON schema of its arguments; none where it takes none.
    pub(crate) parameters: Option<Cow<'a, RawValue>>,
    /// Whether the arguments have to follow the schema to the letter, where that is said.
    pub(crate) strict: Option<bool>,
}

/// What the model is to do with the tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ToolChoice<'a> {
    /// As it likes.
    Auto,
    /// Not to call any.
    None,
    /// To call one at least.
    Required,
    /// To call this one.
    One(Cow<'a, str>),
}

impl ToolChoice<'_> {
    /// Whether it leaves the model no choice but to call one.
    pub(crate) const fn is_forced(&self) -> bool {
        matches!(self, Self::Required | Self::One(_))
    }
}

/// A tool that the model wants called.
#[derive(Clone, Debug)]
pub(crate) struct ToolCall<'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) name: Cow<'a, str>,
    /// As text: a JSON object, if the model did as it should.
    pub(crate) arguments: Cow<'a, str>,
}

/// What came of a call.
#[derive(Clone, Debug)]
pub(crate) struct ToolResult<'a> {
    /// The id of the call.
    pub(crate) id: Cow<'a, str>,
    /// The tool's name, where the result itself says it.
    pub(crate) name: Option<Cow<'a, str>>,
    /// Texts, images and documents.
    pub(crate) content: Vec<Block<'a>>,
    pub(crate) is_error: bool,
}

/// The arguments of a call as an object; none at all are an empty one. `None` where they are
/// anything else: what a model got wrong must not be handed on as if it had said nothing.
pub(crate) fn object(arguments: &str) -> Option<&RawValue> {
    let arguments = arguments.trim();
    let arguments = if arguments.is_empty() {
        "{}"
    } else {
        arguments
    };
    let object: &RawValue = serde_json::from_str(arguments).ok()?;
    object.get().starts_with('{').then_some(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_an_object_or_none() {
        let read = |arguments| object(arguments).map(RawValue::get);
        assert_eq!(read(r#" {"x": 1} "#), Some(r#"{"x": 1}"#));
        assert_eq!(read(""), Some("{}"));
        assert_eq!(read("  "), Some("{}"));
        for other in ["{x:1}", "1", "null", "[]", "{} {}", "{"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
