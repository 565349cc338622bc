//! Amazon Bedrock.

use super::Profile;
use crate::classify::{Rule, means::*};

/// Its host carries the region. The name of the error stands in the header `x-amzn-ErrorType`.
pub(super) const BEDROCK: Profile = Profile {
    key_env: Some("AWS_BEARER_TOKEN_BEDROCK"),
    ..Profile::compatible("bedrock")
        .max_completion_tokens()
        .rules(RULES)
};

const RULES: &[Rule] = &[
    Rule::new(ONE_QUOTA).named(&["throttlingexception"]).says(&[
        &["per day"],
        &["per month"],
        &["daily"],
    ]),
    Rule::new(ONE_QUOTA).named(&["servicequotaexceededexception"]),
    Rule::new(RATE_LIMITED).named(&[
        "throttlingexception",
        "toomanyrequestsexception",
        "requestlimitexceeded",
    ]),
    Rule::new(NOT_READY).named(&["modelnotreadyexception"]),
    Rule::new(MODEL_TIMEOUT).named(&["modeltimeoutexception"]),
    Rule::new(OVERLOADED).named(&["serviceunavailableexception"]),
    Rule::new(SERVER_ERROR).named(&["internalserverexception", "modelstreamerrorexception"]),
    // Its model of errors does not call it retryable.
    Rule::new(SERVER_ERROR.retry_same(false)).named(&["modelerrorexception"]),
    Rule::new(AUTH).named(&[
        "expiredtokenexception",
        "expiredtoken",
        "unrecognizedclientexception",
        "invalidsignatureexception",
        "incompletesignatureexception",
        "missingauthenticationtokenexception",
        "invalidclienttokenid",
        "requestexpired",
    ]),
    // An API key that is refused comes under the name of what a right key may not do.
    Rule::new(AUTH).status(&[403]).says(&[
        &["authentication failed", "api key"],
        &["bearer token", "expired"],
    ]),
    Rule::new(PERMISSION).named(&[
        "accessdeniedexception",
        "ftuformnotfilled",
        "mpagreementbeingcreated",
        "notauthorized",
        "optinrequired",
    ]),
    Rule::new(NOT_FOUND).named(&["resourcenotfoundexception"]),
    // Comes as a 400, and its model of errors does not call it retryable.
    Rule::new(CONFLICT.retry_same(false)).named(&["conflictexception"]),
    Rule::new(NOT_FOUND).named(&["validationexception"]).says(&[
        &["model identifier is invalid"],
        &["on-demand throughput isn"],
    ]),
    Rule::new(TOO_LONG).named(&["validationexception"]).says(&[
        &["input is too long"],
        &["too many input tokens"],
        &["input tokens", "exceed"],
    ]),
];
