//! Which session a request belongs to.

use buttress::Session;
use http::{HeaderMap, HeaderName};

/// What one agent does for one purpose.
const SESSION: HeaderName = HeaderName::from_static("x-buttress-session");
/// Which step of it the request is, where its caller numbers them.
const STEP: HeaderName = HeaderName::from_static("x-buttress-step");
/// Which run of the agent, where it asks the same on purpose.
const RUN: HeaderName = HeaderName::from_static("x-buttress-run");

/// The session that these headers tell, if any; or what to change in them.
pub(super) fn of(headers: &HeaderMap) -> Result<Option<Session>, &'static str> {
    const NAMES: &str = "`x-buttress-session` and `x-buttress-run` are names: 1 to 256 bytes of \
                         visible ASCII";
    let text = |name: HeaderName| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    let Some(name) = text(SESSION) else {
        return match headers.contains_key(STEP) || headers.contains_key(RUN) {
            true => Err("a step or a run without a session: send `x-buttress-session`, too"),
            false => Ok(None),
        };
    };
    let mut session = Session::new(name).map_err(|_| NAMES)?;
    if let Some(run) = text(RUN) {
        session = session.run(run).map_err(|_| NAMES)?;
    }
    if let Some(step) = text(STEP) {
        let step = step
            .parse()
            .map_err(|_| "`x-buttress-step` is a whole number from 0")?;
        session = session.step(step);
    }
    Ok(Some(session))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_told_by_its_headers_and_nothing_else() {
        let of = |headers: &[(&'static str, &'static str)]| {
            let headers = headers.iter().map(|(name, value)| {
                let value = http::HeaderValue::from_static(value);
                (HeaderName::from_static(name), value)
            });
            super::of(&headers.collect())
        };
        assert_eq!(of(&[]), Ok(None));
        let session = of(&[
            ("x-buttress-session", "s"),
            ("x-buttress-step", "7"),
            ("x-buttress-run", "r"),
        ]);
        let session = session.unwrap().unwrap();
        assert_eq!((&**session.id(), session.given_step()), ("s", Some(7)));
        assert_eq!(session.given_run().map(|run| &**run), Some("r"));
        for wrong in [
            &[("x-buttress-step", "7")][..],
            &[("x-buttress-session", "")],
            &[("x-buttress-session", "s"), ("x-buttress-step", "-1")],
            &[("x-buttress-session", "s"), ("x-buttress-step", "one")],
        ] {
            assert!(of(wrong).is_err(), "{wrong:?}");
        }
    }
}
