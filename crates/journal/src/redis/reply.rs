//! What the scripts answer, and what is told of a record.

use crate::{About, Digest, Entry, Key, Record, SessionInfo, Step, StoreError};
use buttress_store::redis::redis::Value;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::{
    str::FromStr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
    vec,
};

pub(super) fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    // Numbers of scripts are exact so far.
    u64::try_from(since.as_millis())
        .unwrap_or(u64::MAX)
        .min(1 << 52)
}

fn time(millis: u64) -> SystemTime {
    let since = Duration::from_millis(millis);
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

/// What is told of a record, behind its branch and its place among those of the same request.
#[derive(Serialize, Deserialize)]
pub(super) struct Info {
    step: u64,
    given: bool,
    digest: [u8; Digest::BYTES],
    at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    route: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<u64>,
    streamed: bool,
    bytes: u64,
}

impl Info {
    pub(super) fn of(entry: &Entry) -> Self {
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        Self {
            step: entry.key.step.number(),
            given: entry.key.step.is_given(),
            digest: *entry.key.digest.as_bytes(),
            at: millis(entry.at),
            model: text(&entry.about.model),
            route: text(&entry.about.route),
            input: entry.about.input,
            output: entry.about.output,
            streamed: entry.streamed,
            bytes: entry.bytes() as u64,
        }
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("text and numbers can be written")
    }
}

/// An array that is read from its front.
pub(super) struct Reply(vec::IntoIter<Value>);

impl Reply {
    pub(super) fn new(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Array(values) => Ok(Self(values.into_iter())),
            _ => Err(unexpected()),
        }
    }

    /// Whether anything is left of it.
    pub(super) fn more(&self) -> bool {
        self.0.len() > 0
    }

    /// What is made of each of the arrays in it.
    pub(super) fn each<T>(
        self,
        made: impl Fn(Self) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.0.map(|value| made(Self::new(value)?)).collect()
    }

    fn bytes(&mut self) -> Result<Option<Bytes>, StoreError> {
        match self.0.next() {
            Some(Value::Nil) => Ok(None),
            Some(Value::BulkString(bytes)) => Ok(Some(bytes.into())),
            _ => Err(unexpected()),
        }
    }

    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        let bytes = self.bytes()?.ok_or_else(unexpected)?;
        String::from_utf8(bytes.into()).map_err(|_| unexpected())
    }

    pub(super) fn texts(mut self) -> Result<Vec<String>, StoreError> {
        let mut texts = Vec::with_capacity(self.0.len());
        while self.more() {
            texts.push(self.text()?);
        }
        Ok(texts)
    }

    pub(super) fn parse<T: FromStr>(&mut self) -> Result<T, StoreError> {
        match self.0.as_slice().first() {
            Some(Value::Int(number)) => {
                let number = number.to_string();
                self.0.next();
                number.parse().map_err(|_| unexpected())
            }
            _ => self.text()?.parse().map_err(|_| unexpected()),
        }
    }

    /// One that is zero until it is set.
    fn counted<T: FromStr + Default>(&mut self) -> Result<T, StoreError> {
        match self.0.as_slice().first() {
            Some(Value::Nil) => {
                self.0.next();
                Ok(T::default())
            }
            _ => self.parse(),
        }
    }

    pub(super) fn record(&mut self, session: &Arc<str>) -> Result<Record, StoreError> {
        let number = self.parse()?;
        let told = self.text()?;
        let (branch, rest) = told.split_once(' ').ok_or_else(unexpected)?;
        let (nth, info) = rest.split_once(' ').ok_or_else(unexpected)?;
        let info: Info = serde_json::from_str(info).map_err(|_| unexpected())?;
        let step = match info.given {
            true => Step::Given(info.step),
            false => Step::Derived(info.step),
        };
        Ok(Record {
            number,
            key: Key {
                session: Arc::clone(session),
                step,
                digest: Digest::from_bytes(info.digest),
                nth: nth.parse().map_err(|_| unexpected())?,
            },
            branch: branch.parse().map_err(|_| unexpected())?,
            at: time(info.at),
            about: About {
                model: info.model.map(Arc::from),
                route: info.route.map(Arc::from),
                input: info.input,
                output: info.output,
            },
            streamed: info.streamed,
            bytes: info.bytes,
            request: self.bytes()?,
            answer: self.bytes()?,
        })
    }

    pub(super) fn session(mut self) -> Result<SessionInfo, StoreError> {
        Ok(SessionInfo {
            id: self.text()?.into(),
            first: time(self.parse()?),
            last: time(self.parse()?),
            records: self.parse()?,
            bytes: self.parse()?,
            branch: self.counted()?,
            since: self.counted()?,
        })
    }
}

fn unexpected() -> StoreError {
    StoreError::Corrupt("the server answered something else than the journal's scripts do".into())
}
