//! What the errors of the HTTP library mean.

use buttress_llm::TransportError;
use std::{error::Error, io};

/// What broke, as far as it can be told from the chain of errors.
///
/// The particular comes before the general: the same broken connection may show up as an
/// HTTP/2 error, an I/O error below it, and a hyper error around both.
pub(crate) fn transport_error(error: &(dyn Error + 'static)) -> TransportError {
    let mut connecting = false;
    match find(error, &mut connecting) {
        Some(fault) => fault,
        None if connecting => TransportError::Unreachable,
        None => TransportError::Other,
    }
}

/// What is known of an error for certain. `connecting` is for what is around it, and set by what
/// is found.
fn find(error: &(dyn Error + 'static), connecting: &mut bool) -> Option<TransportError> {
    let mut guess = None;
    for cause in chain(error) {
        if let Some(error) = cause.downcast_ref::<hyper_util::client::legacy::Error>() {
            *connecting |= error.is_connect();
        } else if let Some(error) = cause.downcast_ref::<h2::Error>() {
            if let Some(fault) = h2_fault(error) {
                return Some(fault);
            }
        } else if let Some(error) = cause.downcast_ref::<rustls::Error>() {
            return Some(tls_fault(error));
        } else if let Some(error) = cause.downcast_ref::<io::Error>() {
            // An I/O error may carry one of the above; then that one knows better.
            match error.get_ref().map(|inner| find(inner, connecting)) {
                Some(inner) => guess = guess.or(inner),
                None => return io_fault(error.kind(), *connecting).or(guess),
            }
            guess = guess.or_else(|| io_fault(error.kind(), *connecting));
        } else if let Some(error) = cause.downcast_ref::<hyper::Error>() {
            guess = guess.or_else(|| hyper_fault(error));
        } else if cause.to_string() == "dns error" {
            return Some(TransportError::Dns);
        }
    }
    guess
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn h2_fault(error: &h2::Error) -> Option<TransportError> {
    match error.reason() {
        Some(h2::Reason::REFUSED_STREAM) => Some(TransportError::Unprocessed),
        Some(h2::Reason::ENHANCE_YOUR_CALM) => Some(TransportError::TooFast),
        Some(h2::Reason::HTTP_1_1_REQUIRED) => Some(TransportError::Protocol),
        // h2 gives this error only to the streams above the last one that the server looked at.
        Some(h2::Reason::NO_ERROR) if error.is_go_away() && error.is_remote() => {
            Some(TransportError::Unprocessed)
        }
        Some(_) => Some(TransportError::Reset),
        None => None,
    }
}

fn tls_fault(error: &rustls::Error) -> TransportError {
    use rustls::{AlertDescription as Alert, Error as Tls};
    match error {
        Tls::InvalidCertificate(_) | Tls::NoCertificatesPresented => TransportError::Certificate,
        Tls::AlertReceived(
            Alert::UnknownCA | Alert::BadCertificate | Alert::CertificateUnknown,
        ) => TransportError::Certificate,
        Tls::PeerIncompatible(_)
        | Tls::NoApplicationProtocol
        | Tls::InvalidMessage(_)
        | Tls::AlertReceived(Alert::ProtocolVersion | Alert::NoApplicationProtocol) => {
            TransportError::Protocol
        }
        _ => TransportError::Handshake,
    }
}

fn io_fault(kind: io::ErrorKind, connecting: bool) -> Option<TransportError> {
    Some(match kind {
        io::ErrorKind::ConnectionRefused => TransportError::Refused,
        io::ErrorKind::TimedOut if connecting => TransportError::ConnectTimeout,
        io::ErrorKind::TimedOut => TransportError::ReadTimeout,
        io::ErrorKind::UnexpectedEof if connecting => TransportError::Handshake,
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::AddrNotAvailable => TransportError::Unreachable,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected
        | io::ErrorKind::UnexpectedEof => TransportError::Reset,
        _ => return None,
    })
}

fn hyper_fault(error: &hyper::Error) -> Option<TransportError> {
    if error.is_incomplete_message() {
        Some(TransportError::Reset)
    } else if error.is_canceled() || error.is_closed() {
        Some(TransportError::Unprocessed)
    } else if error.is_parse_version_h2() {
        Some(TransportError::Protocol)
    } else if error.is_parse() {
        // Not HTTP: something broke on the way, as likely as not.
        Some(TransportError::Reset)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_cause_is_found() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let wrapped = io::Error::other(refused);
        assert_eq!(transport_error(&wrapped), TransportError::Refused);

        let untrusted = rustls::CertificateError::UnknownIssuer;
        let tls = rustls::Error::InvalidCertificate(untrusted);
        let wrapped = io::Error::new(io::ErrorKind::InvalidData, tls);
        assert_eq!(transport_error(&wrapped), TransportError::Certificate);

        let refused = h2::Error::from(h2::Reason::REFUSED_STREAM);
        let wrapped = io::Error::other(refused);
        assert_eq!(transport_error(&wrapped), TransportError::Unprocessed);
    }

    #[test]
    fn a_cause_that_says_nothing_leaves_the_word_to_what_is_around_it() {
        let late = io::Error::new(io::ErrorKind::TimedOut, "deadline has elapsed");
        let found = |connecting: bool| find(&late, &mut { connecting });
        assert_eq!(found(true), Some(TransportError::ConnectTimeout));
        assert_eq!(found(false), Some(TransportError::ReadTimeout));
    }

    #[test]
    fn a_handshake_that_breaks_off_is_told_from_a_connection_that_does() {
        let end = io::Error::other(io::Error::from(io::ErrorKind::UnexpectedEof));
        let found = |connecting: bool| find(&end, &mut { connecting });
        assert_eq!(found(true), Some(TransportError::Handshake));
        assert_eq!(found(false), Some(TransportError::Reset));
    }
}
