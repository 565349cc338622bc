use http::HeaderMap;

/// The API that a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// OpenAI chat completions: `POST /v1/chat/completions`.
    OpenAi,
    /// Anthropic messages: `POST /v1/messages`.
    Anthropic,
    /// OpenAI responses: `POST /v1/responses`.
    Responses,
}

impl Dialect {
    /// The path, below [`Provider::url`](crate::Provider::url), that takes a chat request.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::OpenAi => "/v1/chat/completions",
            Self::Anthropic => "/v1/messages",
            Self::Responses => "/v1/responses",
        }
    }

    /// The dialect whose chat requests go to this path.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        [Self::OpenAi, Self::Anthropic, Self::Responses]
            .into_iter()
            .find(|dialect| dialect.path() == path)
    }

    /// What this dialect's SDKs take as their base URL, below the server's own.
    pub(crate) const fn base_path(self) -> &'static str {
        match self {
            Self::OpenAi | Self::Responses => "/v1",
            Self::Anthropic => "",
        }
    }

    /// The model that answers when a request names none.
    pub(crate) const fn model(self) -> &'static str {
        match self {
            Self::OpenAi | Self::Responses => "gpt-4o",
            Self::Anthropic => "claude-sonnet-4-5",
        }
    }

    pub(crate) const fn request_id_header(self) -> &'static str {
        match self {
            Self::OpenAi | Self::Responses => "x-request-id",
            Self::Anthropic => "request-id",
        }
    }

    /// Whether the request carries this key, where this dialect wants it.
    pub(crate) fn accepts(self, headers: &HeaderMap, key: &str) -> bool {
        let (name, scheme) = match self {
            Self::OpenAi | Self::Responses => ("authorization", "Bearer "),
            Self::Anthropic => ("x-api-key", ""),
        };
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix(scheme))
            .is_some_and(|given| given == key)
    }
}
