//! Images and documents.

use std::borrow::Cow;

/// Where the bytes of an image or a document are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source<'a> {
    /// Here, in base64.
    Base64 {
        media_type: Cow<'a, str>,
        data: Cow<'a, str>,
    },
    /// At this address.
    Url(Cow<'a, str>),
}

#[derive(Clone, Debug)]
pub(crate) struct Image<'a> {
    pub(crate) source: Source<'a>,
}

#[derive(Clone, Debug)]
pub(crate) struct Document<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) name: Option<Cow<'a, str>>,
}

impl<'a> Source<'a> {
    /// Reads an address, which may be a `data:` URL.
    ///
    /// Nothing, when it is a `data:` URL that is not in base64.
    pub(crate) fn of_url(url: Cow<'a, str>) -> Option<Self> {
        const SCHEME: &str = "data:";
        let is_data = url
            .get(..SCHEME.len())
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME));
        if !is_data {
            return Some(Self::Url(url));
        }
        match url {
            Cow::Borrowed(url) => {
                let (media_type, data) = split(&url[SCHEME.len()..])?;
                Some(Self::Base64 {
                    media_type: media_type.into(),
                    data: data.into(),
                })
            }
            Cow::Owned(url) => {
                let (media_type, data) = split(&url[SCHEME.len()..])?;
                Some(Self::Base64 {
                    media_type: media_type.to_owned().into(),
                    data: data.to_owned().into(),
                })
            }
        }
    }

    /// As an address: a `data:` URL where the bytes are here.
    pub(crate) fn url(&self) -> Cow<'_, str> {
        match self {
            Self::Base64 { media_type, data } => {
                Cow::Owned(format!("data:{media_type};base64,{data}"))
            }
            Self::Url(url) => Cow::Borrowed(url),
        }
    }

    /// What kind of file it is: as it is said, or as the ending of the address lets expect.
    pub(crate) fn media_type(&self) -> Option<&str> {
        match self {
            Self::Base64 { media_type, .. } => Some(media_type),
            Self::Url(url) => {
                let path = url.split(['?', '#']).next()?;
                let (_, ending) = path.rsplit_once('.')?;
                Some(match &*ending.to_ascii_lowercase() {
                    "png" => "image/png",
                    "jpg" | "jpeg" => "image/jpeg",
                    "gif" => "image/gif",
                    "webp" => "image/webp",
                    "heic" => "image/heic",
                    "heif" => "image/heif",
                    "pdf" => "application/pdf",
                    "txt" => "text/plain",
                    _ => return None,
                })
            }
        }
    }
}

/// The media type, without its parameters, and the data.
fn split(rest: &str) -> Option<(&str, &str)> {
    let (head, data) = rest.split_once(',')?;
    let head = head.strip_suffix(";base64")?;
    let media_type = head.split(';').next().unwrap_or_default();
    // What the standard says of one that is left out.
    let media_type = if media_type.is_empty() {
        "text/plain"
    } else {
        media_type
    };
    Some((media_type, data))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base64<'a>(media_type: &'a str, data: &'a str) -> Option<Source<'a>> {
        Some(Source::Base64 {
            media_type: media_type.into(),
            data: data.into(),
        })
    }

    #[test]
    fn an_address_may_hold_the_bytes() {
        let read = |url: &'static str| {
            let source = Source::of_url(url.into());
            assert_eq!(source, Source::of_url(url.to_owned().into()));
            source
        };
        assert_eq!(
            read("data:image/png;base64,aGk="),
            base64("image/png", "aGk=")
        );
        assert_eq!(
            read("DATA:image/png;name=a;base64,aGk="),
            base64("image/png", "aGk=")
        );
        assert_eq!(read("data:;base64,aGk="), base64("text/plain", "aGk="));
        assert_eq!(read("data:image/png,hi"), None);
        assert_eq!(read("data:image/png;base64"), None);
        let url = "https://x.test/a.png";
        assert_eq!(read(url), Some(Source::Url(url.into())));
        assert_eq!(read("é"), Some(Source::Url("é".into())));
    }

    #[test]
    fn the_kind_of_a_file_is_known_by_its_ending() {
        let kind = |url: &'static str| Source::Url(url.into()).media_type().map(str::to_owned);
        assert_eq!(
            kind("https://x.test/a.PNG?size=1.gif").unwrap(),
            "image/png"
        );
        assert_eq!(kind("https://x.test/a.jpg#x").unwrap(), "image/jpeg");
        assert_eq!(kind("https://x.test/a"), None);
    }
}
