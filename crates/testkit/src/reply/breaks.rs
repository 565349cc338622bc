use super::Reply;
use crate::Fault;

/// Where a body is cut short, and what is said there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    /// After how many deltas or pieces; with the head when none.
    pub(crate) after: Option<usize>,
    pub(crate) fault: Option<Fault>,
    /// Half of the next one is sent as well.
    pub(crate) mid_line: bool,
}

/// How an answer ends on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As the protocol wants it.
    Clean,
    /// It doesn't: the connection stays open and silent.
    Stall,
    /// FIN, in the middle of a body or before its head.
    Close,
    /// RST.
    Reset,
    /// Bytes that the protocol does not allow here, then FIN.
    Garbage,
    RefuseStream,
    GoAway,
}

/// How it breaks.
///
/// `after` counts the deltas of a stream (0: the events that open a stream have been sent, but
/// no content), the pieces of a raw body, or the halves of a body of JSON.
impl Reply {
    /// Falls silent, and keeps the connection open.
    #[must_use]
    pub const fn stall_after(self, after: usize) -> Self {
        self.cut(Some(after), None).ending(End::Stall)
    }

    /// Resets the connection (RST); over HTTP/2 the whole connection too.
    #[must_use]
    pub const fn reset_after(self, after: usize) -> Self {
        self.cut(Some(after), None).ending(End::Reset)
    }

    /// Closes the connection (FIN), before the end that HTTP asks for.
    #[must_use]
    pub const fn close_after(self, after: usize) -> Self {
        self.cut(Some(after), None).ending(End::Close)
    }

    /// Ends the body as HTTP asks for, without the end that the dialect asks for.
    #[must_use]
    pub const fn end_after(self, after: usize) -> Self {
        self.cut(Some(after), None).ending(End::Clean)
    }

    /// Sends an error as an event of the stream, and ends the body. A request that asks for no
    /// stream gets the plain error answer.
    #[must_use]
    pub const fn error_after(self, after: usize, fault: Fault) -> Self {
        self.cut(Some(after), Some(fault)).ending(End::Clean)
    }

    /// Sends what is no chunk where a chunk must come, and closes the connection (FIN). Over
    /// HTTP/2 a frame that is too long.
    #[must_use]
    pub const fn garbage_after(self, after: usize) -> Self {
        self.cut(Some(after), None).ending(End::Garbage)
    }

    /// Breaks within a line: half of the next delta or piece goes out first. Only after one of
    /// the above.
    #[must_use]
    pub const fn mid_line(mut self) -> Self {
        if let Some(cut) = &mut self.cut {
            cut.mid_line = true;
        }
        self
    }

    pub(super) const fn cut(mut self, after: Option<usize>, fault: Option<Fault>) -> Self {
        self.cut = Some(Cut {
            after,
            fault,
            mid_line: false,
        });
        self
    }

    pub(super) const fn ending(mut self, end: End) -> Self {
        self.end = end;
        self
    }
}
