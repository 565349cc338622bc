//! What the scripts answer, in the order in which they answer it.

use crate::{Claimed, Counts, Entry, Lease, Record, State, StoreError, TaskId, entry::time};
use buttress_store::redis::redis::Value;
use bytes::Bytes;
use std::{str::FromStr, time::SystemTime, vec};

/// An array that is read from its front.
pub(super) struct Reply(vec::IntoIter<Value>);

impl Reply {
    pub(super) fn new(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Array(values) => Ok(Self(values.into_iter())),
            _ => Err(unexpected()),
        }
    }

    fn value(&mut self) -> Result<Value, StoreError> {
        self.0.next().ok_or_else(unexpected)
    }

    /// Whether anything is left of it.
    pub(super) fn more(&self) -> bool {
        self.0.len() > 0
    }

    /// An array in this one.
    pub(super) fn array(&mut self) -> Result<Self, StoreError> {
        Self::new(self.value()?)
    }

    /// What is made of each of the arrays in it.
    pub(super) fn each<T>(
        self,
        made: impl Fn(Self) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.0.map(|value| made(Self::new(value)?)).collect()
    }

    pub(super) fn bytes(&mut self) -> Result<Option<Bytes>, StoreError> {
        match self.value()? {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => Ok(Some(bytes.into())),
            _ => Err(unexpected()),
        }
    }

    pub(super) fn text(&mut self) -> Result<Option<String>, StoreError> {
        let bytes = self.bytes()?;
        let text = bytes.map(|bytes| String::from_utf8(bytes.into()));
        text.transpose()
            .map_err(|error| StoreError::Corrupt(error.utf8_error().into()))
    }

    fn parse<T: FromStr>(&mut self) -> Result<Option<T>, StoreError> {
        let text = self.text()?;
        let parsed = text.map(|text| text.parse().map_err(|_| unexpected()));
        parsed.transpose()
    }

    /// A number, or none.
    pub(super) fn number(&mut self) -> Result<Option<i64>, StoreError> {
        match self.value()? {
            Value::Nil => Ok(None),
            Value::Int(number) => Ok(Some(number)),
            Value::BulkString(text) => {
                let text = str::from_utf8(&text).map_err(|_| unexpected())?;
                text.parse().map(Some).map_err(|_| unexpected())
            }
            _ => Err(unexpected()),
        }
    }

    /// How many there are of something.
    pub(super) fn count(&mut self) -> Result<u64, StoreError> {
        Ok(self.number()?.unwrap_or_default().max(0).unsigned_abs())
    }

    fn time(&mut self) -> Result<Option<SystemTime>, StoreError> {
        Ok(self.number()?.map(time))
    }

    pub(super) fn claimed(mut self) -> Result<Claimed, StoreError> {
        let id = self.id()?;
        let entry = Entry {
            id,
            session: self.text()?,
            lane: self.text()?,
            key: self.text()?,
            queued_at: self.time()?.ok_or_else(unexpected)?,
            payload: self.bytes()?.unwrap_or_default(),
        };
        let lease = Lease::new(id, self.count()?);
        Ok(Claimed::new(entry, lease, self.few()?))
    }

    pub(super) fn record(mut self) -> Result<Record, StoreError> {
        let id = self.id()?;
        let state = self.text()?.and_then(|name| State::of_name(&name));
        let state = state.ok_or_else(unexpected)?;
        let session = self.text()?;
        let queued_at = self.time()?.ok_or_else(unexpected)?;
        Ok(Record {
            session,
            due_at: self.time()?,
            ended_at: self.time()?,
            deliveries: self.few()?,
            bytes: self.count()?,
            reason: self.text()?,
            ..Record::new(id, state, queued_at)
        })
    }

    pub(super) fn counts(mut self) -> Result<Counts, StoreError> {
        Ok(Counts {
            waiting: self.count()?,
            behind: self.count()?,
            leased: self.count()?,
            done: self.count()?,
            dead: self.count()?,
            bytes: self.count()?,
            oldest: self.time()?,
        })
    }

    pub(super) fn id(&mut self) -> Result<TaskId, StoreError> {
        self.parse()?.ok_or_else(unexpected)
    }

    fn few(&mut self) -> Result<u32, StoreError> {
        Ok(self.count()?.try_into().unwrap_or(u32::MAX))
    }
}

fn unexpected() -> StoreError {
    StoreError::Corrupt("an answer that no script of this version gives".into())
}

/// Whether a lease was held.
pub(super) fn held(value: &Value) -> Result<(), StoreError> {
    match value {
        Value::Int(1) => Ok(()),
        Value::Int(_) => Err(StoreError::Lost),
        _ => Err(unexpected()),
    }
}

/// Whether something was done.
pub(super) fn done(value: &Value) -> Result<bool, StoreError> {
    match value {
        Value::Int(number) => Ok(*number == 1),
        _ => Err(unexpected()),
    }
}
