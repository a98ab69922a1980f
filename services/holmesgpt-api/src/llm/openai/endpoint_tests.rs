use super::*;

#[test]
fn retry_after_is_read_in_both_its_forms() {
    let after = |text: &str| {
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_str(text).unwrap())]);
        retry_after(&headers)
    };
    assert_eq!(after("7"), Some(Duration::from_secs(7)));
    assert_eq!(after("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO), "that is over");
    let soon = (Utc::now() + chrono::TimeDelta::seconds(30)).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    assert!(after(&soon).is_some_and(|after| after.as_secs().abs_diff(29) <= 2), "{soon}");
    assert_eq!(after("soon"), None);
    assert_eq!(retry_after(&HeaderMap::new()), None);
}

#[test]
fn only_what_may_pass_is_asked_again() {
    let status = |code: u16| CallError::Status { status: StatusCode::from_u16(code).unwrap(), retry_after: None };
    for code in [408, 429, 500, 502, 503, 504] {
        assert!(status(code).is_passing(), "{code}");
    }
    for code in [301, 400, 401, 403, 404, 422] {
        assert!(!status(code).is_passing(), "{code}");
    }
    assert!(matches!(LlmError::from(status(404)), LlmError::Refused(404)));
    assert!(matches!(LlmError::from(status(429)), LlmError::Busy(1)));
    assert!(matches!(LlmError::from(status(502)), LlmError::Failed(_)));
    assert!(matches!(LlmError::from(CallError::TimedOut), LlmError::TimedOut));
}
