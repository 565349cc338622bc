use crate::{
    structured::{Bare, members},
    time,
};
use buttress_core::http::list;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

/// One limit, as far as the answer told it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limit {
    /// What is counted.
    pub dimension: Dimension,
    /// How many may be used in one window, or how many the full bucket holds.
    pub limit: Option<u64>,
    /// How many are left.
    pub remaining: Option<u64>,
    /// The time until the limit is back where it was at first, counted from the answer. Of a
    /// token bucket it is the time until the bucket is full, not until the next token.
    pub reset: Option<Duration>,
    /// The length of the window, where it was told (`RateLimit-Policy`).
    pub window: Option<Duration>,
    family: Family,
    /// It counts something else than its dimension says.
    odd: bool,
    /// Something was said of what is left, readable or not.
    told: bool,
}

/// What a limit counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dimension {
    /// The only limit that the answer told of, or one whose dimension it did not name.
    All,
    /// Requests.
    Requests,
    /// Tokens, in and out together.
    Tokens,
    /// Tokens of prompts.
    InputTokens,
    /// Tokens of answers.
    OutputTokens,
    /// Anything else, by the name in the header or in the policy, in lower case.
    Other(Box<str>),
}

/// Where a limit was told: two families may mean different limits by one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    XRateLimit,
    Anthropic,
    Ietf,
}

#[derive(Clone, Copy)]
enum Field {
    Limit,
    Remaining,
    Reset,
    Status,
}

/// More limits than these are passed over: nobody has so many.
pub(crate) const MOST_LIMITS: usize = 16;

impl Limit {
    const fn new(family: Family, dimension: Dimension) -> Self {
        Self {
            dimension,
            limit: None,
            remaining: None,
            reset: None,
            window: None,
            family,
            odd: false,
            told: false,
        }
    }

    /// Whether nothing is left of it.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.remaining == Some(0)
    }

    /// Whether it is one on the number of calls.
    pub(crate) fn counts_calls(&self) -> bool {
        let policy = self.family == Family::Ietf && !self.odd;
        policy || matches!(self.dimension, Dimension::All | Dimension::Requests)
    }

    /// A lone `x-ratelimit-reset`: on a 429 there is only one limit that it can mean.
    pub(crate) fn is_lone_reset(&self) -> bool {
        self.dimension == Dimension::All && !self.told
    }

    fn read(&mut self, field: Field, value: &str, sent: &dyn Fn() -> SystemTime) {
        match field {
            // "10, 10;w=1, 1000;w=3600": the first is the one in force.
            Field::Limit => self.limit = self.limit.or_else(|| list(value).find_map(count)),
            Field::Remaining => {
                let least = list(value).filter_map(count).min();
                self.told = true;
                self.remaining = match (self.remaining, least) {
                    (Some(known), Some(least)) => Some(known.min(least)),
                    (known, least) => known.or(least),
                };
            }
            Field::Reset => {
                let longest = list(value).filter_map(|value| time::reset(value, sent));
                self.reset = self.reset.max(longest.max());
            }
            Field::Status => {
                self.told = true;
                if value.trim() == "rejected" {
                    self.remaining = Some(0);
                }
            }
        }
    }
}

impl Dimension {
    fn named(name: &str) -> Self {
        match name {
            "" => Self::All,
            "requests" => Self::Requests,
            "tokens" => Self::Tokens,
            "input-tokens" => Self::InputTokens,
            "output-tokens" => Self::OutputTokens,
            other => Self::Other(other.to_ascii_lowercase().into()),
        }
    }
}

/// All limits that these headers tell of, up to [`MOST_LIMITS`].
pub(crate) fn limits(headers: &HeaderMap, sent: &dyn Fn() -> SystemTime) -> Vec<Limit> {
    let mut limits = Vec::new();
    for (name, value) in headers {
        if let Some((family, field, dimension)) = parts(name)
            && let Some(limit) = entry(&mut limits, family, Dimension::named(dimension))
        {
            limit.read(field, &text(value), sent);
        }
    }
    read_ietf(&mut limits, headers);
    limits
}

/// Whether this header tells of a limit.
pub(crate) fn tells(name: &HeaderName) -> bool {
    parts(name).is_some() || name == "ratelimit"
}

/// Takes `x-ratelimit-remaining-tokens` and `anthropic-ratelimit-tokens-remaining` apart.
fn parts(name: &HeaderName) -> Option<(Family, Field, &str)> {
    const PREFIXES: [(&str, Family); 4] = [
        ("x-ratelimit-", Family::XRateLimit),
        ("x-rate-limit-", Family::XRateLimit),
        ("anthropic-ratelimit-", Family::Anthropic),
        ("ratelimit-", Family::Ietf),
    ];
    let name = name.as_str();
    let mut prefixes = PREFIXES.iter();
    let (family, rest) =
        prefixes.find_map(|(prefix, family)| Some((*family, name.strip_prefix(prefix)?)))?;
    let field = |name| {
        Some(match name {
            "limit" => Field::Limit,
            "remaining" => Field::Remaining,
            "reset" => Field::Reset,
            "status" => Field::Status,
            _ => return None,
        })
    };
    if let Some(field) = field(rest) {
        return Some((family, field, ""));
    }
    let front = rest.split_once('-');
    let back = rest.rsplit_once('-').map(|(rest, name)| (name, rest));
    let mut both = [front, back].into_iter().flatten();
    let (field, dimension) = both.find_map(|(name, dimension)| Some((field(name)?, dimension)))?;
    // Says whether one may pay for more, which is rejected for most keys all of the time.
    (dimension != "unified-overage").then_some((family, field, dimension))
}

fn entry(limits: &mut Vec<Limit>, family: Family, dimension: Dimension) -> Option<&mut Limit> {
    let known = limits
        .iter()
        .position(|limit| limit.family == family && limit.dimension == dimension);
    let at = match known {
        Some(at) => at,
        None if limits.len() == MOST_LIMITS => return None,
        None => {
            limits.push(Limit::new(family, dimension));
            limits.len() - 1
        }
    };
    limits.get_mut(at)
}

/// `RateLimit: "burst";r=0;t=5` with `RateLimit-Policy: "burst";q=100;w=60`, or draft 07's
/// `RateLimit: limit=100, remaining=0, reset=50`.
fn read_ietf(limits: &mut Vec<Limit>, headers: &HeaderMap) {
    let told = joined(headers, "ratelimit");
    let Some(told) = told.as_deref().and_then(members) else {
        return;
    };
    let count = |bare: Option<Bare>| bare.and_then(Bare::count);
    for member in &told {
        if let Some(value) = member.value {
            let Some(limit) = entry(limits, Family::Ietf, Dimension::All) else {
                return;
            };
            match member.name {
                "limit" => limit.limit = value.count(),
                "remaining" => {
                    limit.told = true;
                    limit.remaining = value.count();
                }
                "reset" => limit.reset = value.count().map(Duration::from_secs),
                _ => {}
            }
        } else if let Some(remaining) = count(member.param("r"))
            && let Some(limit) = entry(limits, Family::Ietf, Dimension::named(member.name))
        {
            limit.told = true;
            limit.remaining = Some(remaining);
            limit.reset = count(member.param("t")).map(Duration::from_secs);
        }
    }
    let policies = joined(headers, "ratelimit-policy");
    for policy in policies.as_deref().and_then(members).iter().flatten() {
        let dimension = Dimension::named(policy.name);
        let mut known = limits.iter_mut();
        if let Some(limit) =
            known.find(|limit| limit.family == Family::Ietf && limit.dimension == dimension)
        {
            // What is counted, requests if nothing is said.
            limit.odd = policy.param("qu").is_some();
            limit.limit = count(policy.param("q"));
            limit.window = count(policy.param("w")).map(Duration::from_secs);
        }
    }
}

/// The lines of a structured field are one field.
fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(name).iter();
    let lines = lines
        .map(|line| line.to_str().ok())
        .collect::<Option<Vec<_>>>()?;
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// A count with perhaps parameters after it. A part of one does not do for a request.
fn count(item: &str) -> Option<u64> {
    let number = item.split(';').next().unwrap_or_default().trim();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| time::whole_number(whole))?
}

/// A value as text, which for `µs` is either UTF-8 or Latin-1.
pub(crate) fn text(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(
            value
                .as_bytes()
                .iter()
                .map(|byte| char::from(*byte))
                .collect(),
        ),
    }
}
