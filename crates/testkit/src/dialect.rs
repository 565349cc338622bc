use http::HeaderMap;

/// The API that a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// OpenAI chat completions: `POST /v1/chat/completions`.
    OpenAi,
    /// Anthropic messages: `POST /v1/messages`.
    Anthropic,
    /// Gemini: `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent`.
    Gemini,
    /// OpenAI responses: `POST /v1/responses`.
    Responses,
}

impl Dialect {
    /// The path, below [`Provider::url`](crate::Provider::url), that takes a chat request for a
    /// whole answer: of Gemini's by its usual model.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::OpenAi => "/v1/chat/completions",
            Self::Anthropic => "/v1/messages",
            Self::Gemini => "/v1beta/models/gemini-2.5-flash:generateContent",
            Self::Responses => "/v1/responses",
        }
    }

    /// The path that takes a chat request for this model and for a stream or a whole answer:
    /// Gemini's tells both, the others are the same for all.
    #[must_use]
    pub fn path_for(self, model: &str, stream: bool) -> String {
        match (self, stream) {
            (Self::Gemini, false) => format!("{GEMINI}{model}{WHOLE}"),
            (Self::Gemini, true) => format!("{GEMINI}{model}{STREAM}?alt=sse"),
            (dialect, _) => dialect.path().to_owned(),
        }
    }

    /// The dialect whose chat requests go to this path.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        if Address::of(path).is_some() {
            return Some(Self::Gemini);
        }
        [Self::OpenAi, Self::Anthropic, Self::Responses]
            .into_iter()
            .find(|dialect| dialect.path() == path)
    }

    /// What this dialect's SDKs take as their base URL, below the server's own.
    pub(crate) const fn base_path(self) -> &'static str {
        match self {
            Self::OpenAi | Self::Responses => "/v1",
            Self::Anthropic | Self::Gemini => "",
        }
    }

    /// The model that answers when a request names none.
    pub(crate) const fn model(self) -> &'static str {
        match self {
            Self::OpenAi | Self::Responses => "gpt-4o",
            Self::Anthropic => "claude-sonnet-4-5",
            Self::Gemini => "gemini-2.5-flash",
        }
    }

    /// Where it tells its name for a call. Gemini has none.
    pub(crate) const fn request_id_header(self) -> Option<&'static str> {
        match self {
            Self::OpenAi | Self::Responses => Some("x-request-id"),
            Self::Anthropic => Some("request-id"),
            Self::Gemini => None,
        }
    }

    /// Whether the request carries this key, where this dialect wants it.
    pub(crate) fn accepts(self, headers: &HeaderMap, key: &str) -> bool {
        let (name, scheme) = match self {
            Self::OpenAi | Self::Responses => ("authorization", "Bearer "),
            Self::Anthropic => ("x-api-key", ""),
            Self::Gemini => ("x-goog-api-key", ""),
        };
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix(scheme))
            .is_some_and(|given| given == key)
    }
}

const GEMINI: &str = "/v1beta/models/";
/// What some of its SDKs ask for.
const GEMINI_V1: &str = "/v1/models/";
const WHOLE: &str = ":generateContent";
const STREAM: &str = ":streamGenerateContent";

/// What a path of Gemini's tells.
pub(crate) struct Address<'a> {
    pub(crate) model: &'a str,
    pub(crate) stream: bool,
}

impl<'a> Address<'a> {
    /// Reads a path without its query.
    pub(crate) fn of(path: &'a str) -> Option<Self> {
        let rest = path
            .strip_prefix(GEMINI)
            .or_else(|| path.strip_prefix(GEMINI_V1))?;
        let (model, stream) = match rest.strip_suffix(STREAM) {
            Some(model) => (model, true),
            None => (rest.strip_suffix(WHOLE)?, false),
        };
        Some(Self { model, stream })
    }
}
