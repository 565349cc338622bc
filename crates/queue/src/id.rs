use std::{error, fmt, str::FromStr, time::SystemTime};

/// The name of a task: 32 hexadecimal digits, of which the first twelve say when it was made and
/// the others are random. Who was not told it can't guess it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(u128);

impl TaskId {
    /// A new name, for a task that is made at this time.
    #[must_use]
    pub fn new(now: SystemTime) -> Self {
        let millis = u128::from(crate::entry::millis(now).unsigned_abs());
        Self(millis << 80 | rand::random::<u128>() >> 48)
    }

    /// The name as bytes, for a store that keeps it so.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The name of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// This is no name of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidId;

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a task is 32 hexadecimal digits")
    }
}

impl error::Error for InvalidId {}

impl FromStr for TaskId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let digits = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let id = digits
            .then(|| u128::from_str_radix(text, 16).ok())
            .flatten();
        id.map(Self).ok_or(InvalidId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn names_are_in_the_order_of_their_time_and_read_as_written() {
        let at = |seconds| TaskId::new(UNIX_EPOCH + Duration::from_secs(seconds));
        let (early, late) = (at(1_700_000_000), at(1_800_000_000));
        assert!(early < late);
        for id in [early, late, at(0)] {
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(TaskId::from_bytes(id.to_bytes()), id);
        }
        for no in [
            "",
            "1",
            "+0000000000000000000000000000001",
            "0x000000000000000000000000000000",
        ] {
            assert_eq!(no.parse::<TaskId>(), Err(InvalidId));
        }
    }
}
