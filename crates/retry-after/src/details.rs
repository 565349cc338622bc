//! The `RetryInfo` in `grpc-status-details-bin`: a `google.rpc.Status` in protobuf, in base64.
//!
//! Four small messages are read by hand; a protobuf library for them would weigh more than the
//! rest of this crate.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD_INDIFFERENT};
use std::time::Duration;

/// The delay that the details ask for. Padding may be left out (and gRPC leaves it out).
pub(crate) fn retry_delay(encoded: &str) -> Option<Duration> {
    let status = STANDARD_NO_PAD_INDIFFERENT.decode(encoded).ok()?;
    // Status { details = 3 }
    let details = Fields(&status).filter_map(|(field, value)| (field == 3).then_some(value));
    details
        .filter_map(|detail| retry_info(detail.bytes()?))
        .max()
}

/// Any { type_url = 1, value = 2 } of a RetryInfo { retry_delay = 1 }
fn retry_info(any: &[u8]) -> Option<Duration> {
    let field = |wanted| last(any, wanted)?.bytes();
    if !field(1)?.ends_with(b"/google.rpc.RetryInfo") {
        return None;
    }
    duration(last(field(2)?, 1)?.bytes()?)
}

/// Duration { seconds = 1, nanos = 2 }
fn duration(message: &[u8]) -> Option<Duration> {
    let number = |field| last(message, field).map_or(Some(0), Value::varint);
    let nanos = u32::try_from(number(2)?).ok();
    let nanos = nanos.filter(|nanos| *nanos < 1_000_000_000)?;
    // A negative number has its highest bit set: too large for any duration.
    let seconds = number(1)?;
    i64::try_from(seconds).ok()?;
    Some(Duration::new(seconds, nanos))
}

/// The last one of a field counts, as protobuf has it.
fn last(message: &[u8], wanted: u64) -> Option<Value<'_>> {
    let fields = Fields(message).filter(|(field, _)| *field == wanted);
    fields.last().map(|(_, value)| value)
}

#[derive(Clone, Copy)]
enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed,
}

impl<'a> Value<'a> {
    const fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Varint(_) | Self::Fixed => None,
        }
    }

    const fn varint(self) -> Option<u64> {
        match self {
            Self::Varint(number) => Some(number),
            Self::Bytes(_) | Self::Fixed => None,
        }
    }
}

/// The fields of a message, up to its end or to where it is malformed.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            _ => return None,
        };
        Some((tag >> 3, value))
    }
}

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for place in 0..10 {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A length-delimited field.
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let length = u8::try_from(bytes.len()).unwrap();
        assert!(length < 128);
        [&[number << 3 | 2, length], bytes].concat()
    }

    fn read(kind: &str, duration: &[u8]) -> Option<Duration> {
        let url = format!("type.googleapis.com/google.rpc.{kind}");
        let any = [field(1, url.as_bytes()), field(2, &field(1, duration))].concat();
        let status = [&[0x08, 0x0e], &field(2, b"busy")[..], &field(3, &any)].concat();
        retry_delay(&STANDARD_NO_PAD_INDIFFERENT.encode(status))
    }

    #[test]
    fn the_delay_is_found() {
        let half = [0x10, 0x80, 0xca, 0xb5, 0xee, 0x01];
        let both = [&[0x08, 0x1e][..], &half].concat();
        assert_eq!(
            read("RetryInfo", &both),
            Some(Duration::from_millis(30_500))
        );
        assert_eq!(read("RetryInfo", &half), Some(Duration::from_millis(500)));
        assert_eq!(read("RetryInfo", &[]), Some(Duration::ZERO));
        assert_eq!(read("QuotaInfo", &both), None);
    }

    #[test]
    fn padding_may_be_left_out() {
        let text = "CA4SBGJ1c3kaMAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIECgIIHg";
        let thirty = Some(Duration::from_secs(30));
        assert_eq!(retry_delay(text), thirty);
        assert_eq!(retry_delay(&format!("{text}==")), thirty);
    }

    #[test]
    fn nonsense_gives_nothing() {
        let minus_one = [
            0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
        ];
        assert_eq!(read("RetryInfo", &minus_one), None);
        assert_eq!(
            read("RetryInfo", &[0x10, 0x80, 0x94, 0xeb, 0xdc, 0x03]),
            None
        );
        for text in ["", "!", "CA4S", "GgB", "GoD/////////////AQ"] {
            assert_eq!(retry_delay(text), None, "{text}");
        }
    }
}
