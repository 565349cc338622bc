use http::Uri;
use std::{error, fmt};

/// Why a text is no base URL. Reads on from the name of what was written: "has no host". It shows
/// nothing of the text, which may hold a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidBaseUrl {
    /// It is no URL.
    NoUrl,
    /// It does not begin with `http://` or `https://`.
    Scheme,
    /// It has no host.
    NoHost,
    /// There is a user name or a password before the host. It would not be sent.
    UserInfo,
    /// It has a query or a fragment, behind which no path can be put.
    Query,
    /// It ends in the path of an endpoint, which the client adds itself.
    Endpoint,
}

/// What a dialect's paths can be put behind: scheme, host, and a path.
///
/// ```
/// use buttress_client::{InvalidBaseUrl, base_url};
///
/// assert_eq!(base_url("http://localhost:8000/v1/")?, "http://localhost:8000/v1");
/// assert_eq!(base_url("http://key@localhost/v1"), Err(InvalidBaseUrl::UserInfo));
/// # Ok::<_, InvalidBaseUrl>(())
/// ```
///
/// # Errors
/// It can't.
pub fn base_url(text: &str) -> Result<Uri, InvalidBaseUrl> {
    const ENDPOINTS: [&str; 6] = [
        "/chat/completions",
        "/messages",
        "/completions",
        "/responses",
        ":generateContent",
        ":streamGenerateContent",
    ];
    let url = text.trim_end_matches('/');
    let url: Uri = url.parse().map_err(|_| InvalidBaseUrl::NoUrl)?;
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err(InvalidBaseUrl::Scheme);
    }
    let authority = url.authority().ok_or(InvalidBaseUrl::NoHost)?;
    if authority.host().is_empty() {
        return Err(InvalidBaseUrl::NoHost);
    }
    if authority.as_str().contains('@') {
        return Err(InvalidBaseUrl::UserInfo);
    }
    // A URI leaves out the fragment when it is read.
    if url.query().is_some() || text.contains('#') {
        return Err(InvalidBaseUrl::Query);
    }
    if ENDPOINTS.iter().any(|end| url.path().ends_with(end)) {
        return Err(InvalidBaseUrl::Endpoint);
    }
    Ok(url)
}

impl fmt::Display for InvalidBaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoUrl => "is no URL",
            Self::Scheme => "has to begin with http:// or https://",
            Self::NoHost => "has no host",
            Self::UserInfo => "holds a user name or a password",
            Self::Query => "has a query or a fragment",
            Self::Endpoint => "names an endpoint and not the place above it",
        })
    }
}

impl error::Error for InvalidBaseUrl {}
