use crate::Dialect;
use std::{error, fmt};

/// A request that can't be read, or can't be sent where it should go.
///
/// Each says which field it is and what to change. None of them holds anything of the
/// conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// Not JSON.
    Json {
        /// Where, and what was expected there.
        problem: String,
    },
    /// JSON, and not an object.
    NotAnObject {
        /// What it is instead.
        found: &'static str,
    },
    /// Objects and arrays stand more than 128 deep in each other, where they had to be read.
    TooDeep,
    /// A field that must be there is not.
    Missing {
        /// Its name.
        field: &'static str,
    },
    /// A field is there more than once, so that readers could disagree on what it says.
    Repeated {
        /// Its name.
        field: String,
    },
    /// A field says something else than it can.
    Field {
        /// Its name, or path.
        field: String,
        /// What it should be.
        problem: String,
    },
    /// The arguments of a call that the model made are not a JSON object, as the other dialect
    /// demands. To send an empty one instead would change what was said.
    Arguments {
        /// The id of the call.
        call: String,
    },
    /// An image of a kind that the other side does not take.
    MediaType {
        /// The kind.
        found: String,
        /// What it takes.
        allowed: &'static str,
    },
    /// The other dialect has no word for something that can't be left out.
    CannotCross {
        /// What.
        what: Feature,
        /// The dialect of the request.
        from: Dialect,
        /// The dialect of the place it should go to.
        to: Dialect,
    },
    /// What has to be understood to be carried over to another dialect can't be. Where the
    /// request's own is spoken it goes through as it is, and what is wrong with it is for the
    /// provider to say.
    CannotRead {
        /// What is wrong.
        why: Box<Self>,
        /// The dialect of the request.
        from: Dialect,
        /// The dialect of the place it should go to.
        to: Dialect,
    },
}

/// Something that a request asks for and that not every dialect can express.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Feature {
    /// Tools that the provider itself runs, such as its web search, and what came of them.
    ServerTools,
    /// Tools that take text instead of arguments.
    CustomTools,
    /// The functions that there were before there were tools.
    LegacyFunctions,
    /// A conversation of which the provider keeps what came before.
    Threads,
    /// A file that was uploaded to one provider, where no other one finds it.
    UploadedFiles,
    /// Images, as a file or by address.
    Images,
    /// Documents and other files.
    Documents,
    /// Sound, in or out.
    Audio,
    /// An answer that follows a JSON schema.
    JsonSchema,
    /// More than one answer.
    ManyAnswers,
    /// Something that one provider has stored: an earlier answer to go on from, for example.
    StoredState,
    /// A kind of content that is not known here.
    UnknownContent,
}

impl Feature {
    /// A stable lower-case name, for logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServerTools => "server_tools",
            Self::CustomTools => "custom_tools",
            Self::LegacyFunctions => "legacy_functions",
            Self::Threads => "threads",
            Self::UploadedFiles => "uploaded_files",
            Self::Images => "images",
            Self::Documents => "documents",
            Self::Audio => "audio",
            Self::JsonSchema => "json_schema",
            Self::ManyAnswers => "many_answers",
            Self::StoredState => "stored_state",
            Self::UnknownContent => "unknown_content",
        }
    }
}

impl InvalidRequest {
    /// The field to change, where it is one.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Missing { field } => Some(field),
            Self::Repeated { field } | Self::Field { field, .. } => Some(field),
            Self::CannotRead { why, .. } => why.field(),
            Self::Json { .. }
            | Self::NotAnObject { .. }
            | Self::TooDeep
            | Self::Arguments { .. }
            | Self::MediaType { .. }
            | Self::CannotCross { .. } => None,
        }
    }

    /// Whether the request may do as it is in another place, one that speaks its dialect.
    #[must_use]
    pub const fn elsewhere(&self) -> bool {
        matches!(self, Self::CannotCross { .. } | Self::CannotRead { .. })
    }

    pub(crate) fn arguments(call: &str) -> Self {
        Self::Arguments { call: named(call) }
    }

    pub(crate) fn media_type(found: &str, allowed: &'static str) -> Self {
        Self::MediaType {
            found: named(found),
            allowed,
        }
    }

    pub(crate) fn of_field(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Field {
            field: field.into(),
            problem: problem.into(),
        }
    }
}

/// A name that came from outside, as it may stand in a message: short, and nothing but a name.
fn named(name: &str) -> String {
    const MOST: usize = 64;
    let plain = |c: &char| c.is_ascii_alphanumeric() || "_-./+:".contains(*c);
    name.chars().filter(plain).take(MOST).collect()
}

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json { problem } => write!(f, "the body must be a JSON object: {problem}"),
            Self::NotAnObject { found } => write!(
                f,
                "the body must be a JSON object and is {found}: \
                 send {{\"model\": …, \"messages\": […]}}"
            ),
            Self::TooDeep => f.write_str("the body is nested too deeply: at most 128 levels"),
            Self::Missing { field } => write!(f, "`{field}` is missing: add it"),
            Self::Repeated { field } => write!(f, "`{field}` is there more than once: keep one"),
            Self::Field { field, problem } => write!(f, "`{field}` {problem}"),
            Self::Arguments { call } => write!(f, "arguments of {call} is not a JSON object"),
            Self::MediaType { found, allowed } => {
                write!(f, "media type {found} is not one of {allowed}")
            }
            Self::CannotCross { what, from, to } => {
                let what = match what {
                    Feature::ServerTools => "tools that the provider runs",
                    Feature::CustomTools => "tools that take text instead of arguments",
                    Feature::LegacyFunctions => "`functions`, which `tools` have replaced,",
                    Feature::Threads => "a conversation that the provider keeps (`thread`)",
                    Feature::UploadedFiles => "files that were uploaded to a provider",
                    Feature::Images => "images",
                    Feature::Documents => "documents",
                    Feature::Audio => "audio",
                    Feature::JsonSchema => "a JSON schema for the answer",
                    Feature::ManyAnswers => "more than one answer (`n`)",
                    Feature::StoredState => "what a provider has stored",
                    Feature::UnknownContent => "content of this kind",
                };
                write!(f, "{what} can't be carried over from {from} to {to}")
            }
            Self::CannotRead { why, from, to } => {
                write!(f, "{why}, or it can't be carried over from {from} to {to}")
            }
        }
    }
}

impl error::Error for InvalidRequest {}
