use serde::{Deserialize, Serialize};
use std::{borrow::Cow, time::Duration};

/// The version of what is told. What is of another one is passed over.
const VERSION: u32 = 1;

/// The longest message that is looked at, in bytes.
const LONGEST: usize = 1024;

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stands {
    /// A circuit is closed, a gate is open, a key works.
    Well,
    /// A circuit is open.
    Open,
    /// A circuit is isolated.
    Isolated,
    /// A gate is closed.
    Limited,
    /// A gate is parked.
    Spent,
    /// A key is parked.
    Parked,
}

/// What one gateway tells the others: how something stands now.
///
/// Times are told as what is left of them, which is the same on machines whose clocks differ. While
/// it is kept the server counts them down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Message<'a> {
    v: u32,
    /// The process that tells it.
    #[serde(borrow)]
    pub(super) from: Cow<'a, str>,
    /// What it is about.
    #[serde(borrow)]
    pub(super) of: Cow<'a, str>,
    pub(super) is: Stands,
    /// For how much longer. Without it until further notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_ms: Option<u64>,
    /// Whether somebody did it by hand: what stands until further notice ends in no other way.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) hand: bool,
}

impl<'a> Message<'a> {
    pub(super) fn new(from: &'a str, of: &'a str, is: Stands, wait: Option<Duration>) -> Self {
        let millis = |wait: Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Self {
            v: VERSION,
            from: from.into(),
            of: of.into(),
            is,
            wait_ms: wait.map(millis),
            hand: false,
        }
    }

    pub(super) const fn by_hand(mut self, hand: bool) -> Self {
        self.hand = hand;
        self
    }

    /// Reads what somebody wrote: another gateway, of another version maybe, or somebody else.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() > LONGEST {
            return None;
        }
        let message: Self = serde_json::from_slice(bytes).ok()?;
        (message.v == VERSION).then_some(message)
    }

    /// As it is written.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn wait(&self) -> Option<Duration> {
        self.wait_ms.map(Duration::from_millis)
    }

    /// So much is left of it by now.
    pub(super) fn with_left(mut self, left: Duration) -> Self {
        let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        self.wait_ms = self.wait_ms.map(|wait| wait.min(left));
        self
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let wait = Some(Duration::from_millis(1500));
        let message = Message::new("me", "gate:1", Stands::Limited, wait);
        let json = message.to_json();
        let written = r#"{"v":1,"from":"me","of":"gate:1","is":"limited","wait_ms":1500}"#;
        assert_eq!(json, written);
        assert_eq!(Message::read(json.as_bytes()), Some(message.clone()));
        let later = message.with_left(Duration::from_secs(1));
        assert_eq!(later.wait(), Some(Duration::from_secs(1)));

        let further = Message::new("me", "key:1", Stands::Parked, None);
        let json = further.to_json();
        assert_eq!(Message::read(json.as_bytes()), Some(further.clone()));
        assert_eq!(further.with_left(Duration::ZERO).wait(), None);

        let hand = Message::new("me", "key:1", Stands::Well, None).by_hand(true);
        let json = hand.to_json();
        assert!(json.ends_with(r#","hand":true}"#), "{json}");
        assert_eq!(Message::read(json.as_bytes()), Some(hand));
    }

    #[test]
    fn what_is_none_is_passed_over() {
        for foreign in [
            "",
            "null",
            "[]",
            "\u{1}\u{2}",
            r#"{"v":2,"from":"me","of":"gate:1","is":"well"}"#,
            r#"{"v":1,"from":"me","of":"gate:1","is":"better"}"#,
            r#"{"v":1,"from":"me","is":"well"}"#,
            r#"{"v":1,"from":"me","of":"gate:1","is":"limited","wait_ms":-1}"#,
            r#"{"v":1,"from":"me","of":"gate:1","is":"limited","wait_ms":1e999}"#,
        ] {
            assert_eq!(Message::read(foreign.as_bytes()), None, "{foreign}");
        }
        assert_eq!(Message::read(&[0xff; 10]), None);
        let long = "x".repeat(LONGEST);
        let long = Message::new(&long, "gate:1", Stands::Well, None).to_json();
        assert_eq!(Message::read(long.as_bytes()), None);
        // Who says more later is understood.
        let more = r#"{"v":1,"from":"me","of":"gate:1","is":"well","why":"\u0041"}"#;
        assert!(Message::read(more.as_bytes()).is_some());
    }
}
