use super::*;

const CLASSES: [ErrorClass; 5] = [
    ErrorClass::Internal,
    ErrorClass::Provider,
    ErrorClass::Capacity,
    ErrorClass::Caller,
    ErrorClass::Operator,
];

fn word<T: std::fmt::Debug>(value: T) -> String {
    format!("{value:?}")
}

/// A row as `ARCHITECTURE.md` shows it.
fn documented((class, reasons, policy): &Row) -> String {
    let reasons: Vec<_> = reasons.iter().map(|reason| format!("`{reason:?}`")).collect();
    let reasons = if reasons.is_empty() { "others".to_owned() } else { reasons.join(", ") };
    let counts = match policy.counts {
        Counts::Never => "no",
        Counts::IfPaid => "if paid",
        Counts::Always => "yes",
    };
    let pause = match policy.pause {
        Pause::AsTold => "as told".to_owned(),
        Pause::Backoff => "2, 8, 32 … s".to_owned(),
        Pause::Gateway => format!("{} s or longer", GATEWAY_PAUSE.as_secs()),
        Pause::Capacity => format!("as told, or {} s", CAPACITY_PAUSE.as_secs()),
        Pause::Account => format!("{} s", ACCOUNT_PAUSE.as_secs()),
        Pause::None => "–".to_owned(),
    };
    let breaker = match policy.breaker {
        BreakerEffect::None => "–",
        BreakerEffect::Works => "closes",
        BreakerEffect::Answered => "a trial passes",
        BreakerEffect::Failed => "a failure",
        BreakerEffect::Hung => "a failure, or three",
        BreakerEffect::Pauses => "a pause",
        BreakerEffect::Account => "opens",
    };
    let ends = match policy.ends {
        Ends::Late => "late",
        Ends::Repeated => "the second time",
        Ends::RepeatedAsCallers => "the second time, as the caller's",
        Ends::AtOnce => "at once",
    };
    let yes = |yes: bool| if yes { "yes" } else { "no" };
    let waiting = policy.waiting_for.map_or("–".to_owned(), |reason| format!("`{}`", reason.as_str()));
    let health = policy.health.map_or("–".to_owned(), |state| word(state).to_lowercase());
    format!(
        "| `{class:?}` | {reasons} | {counts} | {pause} | {breaker} | {} | {ends} | {} | {} | {waiting} | {health} |",
        yes(policy.failover),
        word(policy.severity).to_lowercase(),
        yes(policy.retryable),
    )
}

#[test]
fn documented_table_is_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ARCHITECTURE.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<_> = TABLE.iter().map(documented).collect();
    assert!(text.contains(&rows.join("\n")), "the table in ARCHITECTURE.md should be:\n{}", rows.join("\n"));
}

#[test]
fn every_class_has_a_row_for_all_other_reasons() {
    for class in CLASSES {
        assert!(TABLE.iter().any(|row| row.0 == class && row.1.is_empty()), "{class:?}");
    }
}

#[test]
fn answer_about_one_request_is_never_a_failure_of_the_service() {
    for reason in [Reason::NoImage, Reason::BadResponse] {
        let policy = policy(ErrorClass::Provider, reason);
        assert_eq!((policy.breaker, policy.health), (BreakerEffect::Answered, Some(State::Up)), "{reason:?}");
    }
    assert_eq!(policy(ErrorClass::Caller, Reason::Moderated).breaker, BreakerEffect::Works);
}

#[test]
fn provider_that_is_not_asked_for_its_failures_is_down() {
    let denied = ProviderError::new(ErrorClass::Capacity, Reason::Waiting, "not asked");
    assert_eq!(denied.clone().waiting_for(WaitReason::ProviderDown).health(), Some(State::Down));
    assert_eq!(denied.waiting_for(WaitReason::Place).health(), None);
}

#[test]
fn missing_image_is_the_callers_only_the_second_time() {
    let empty = ProviderError::new(ErrorClass::Provider, Reason::NoImage, "nothing came");
    assert_eq!(empty.clone().repeated(1).class, ErrorClass::Provider);
    let second = empty.repeated(2);
    assert_eq!(
        (second.class, second.policy().retryable, second.is_refusal()),
        (ErrorClass::Caller, false, true)
    );
    let garbage = ProviderError::new(ErrorClass::Provider, Reason::BadResponse, "no image");
    assert_eq!(garbage.repeated(2).class, ErrorClass::Provider);
}

#[test]
fn pause_after_a_gateway_is_long() {
    let gateway = ProviderError::new(ErrorClass::Provider, Reason::GatewayTimeout, "504");
    assert_eq!((gateway.pause(0), gateway.pause(5)), (GATEWAY_PAUSE, MAX_BACKOFF));
    assert_eq!(gateway.retry_after(Duration::from_secs(3)).pause(0), Duration::from_secs(3));
}

#[test]
fn decisive_call_sums_the_calls_of_its_kind() {
    let failure = |class, reason| ProviderError::new(class, reason, "x");
    let all = vec![
        failure(ErrorClass::Provider, Reason::NoImage),
        failure(ErrorClass::Internal, Reason::Failed).possibly_paid(),
        failure(ErrorClass::Provider, Reason::NoImage),
    ];
    let decisive = decisive_call(all).unwrap();
    assert_eq!((decisive.reason, decisive.calls, decisive.possibly_paid), (Reason::NoImage, 2, true));
    let refused = [ErrorClass::Provider, ErrorClass::Caller, ErrorClass::Capacity];
    let refused = refused.map(|class| failure(class, Reason::Failed)).to_vec();
    assert_eq!(decisive_call(refused).unwrap().class, ErrorClass::Caller);
    assert!(decisive_call(Vec::new()).is_none());
}
