use std::time::Duration;

use proptest::prelude::*;

use crate::primitives::id::JobId;
use crate::primitives::priority::Priority;
use crate::primitives::timestamp::Timestamp;
use crate::providers::capacity::{ONE_PER_CALL_TTL, PermitRequest, ProviderCapacity};
use crate::providers::denial::{DenialReason, Denied};
use crate::providers::error::{ErrorClass, ProviderError, Reason};
use crate::providers::task::CapacityLimits;

const FOUR: CapacityLimits = CapacityLimits { max_concurrent: 4, images_per_minute: None };

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn request(priority: Priority, images: u32, until: i64) -> PermitRequest {
    PermitRequest { job: JobId::new(), priority, images, until: at(until), settings: None }
}

fn normal() -> PermitRequest {
    request(Priority::Normal, 1, 1_000_000)
}

fn failure(class: ErrorClass) -> ProviderError {
    ProviderError::new(class, Reason::Failed, "it failed")
}

/// A call that ends immediately.
fn call(capacity: &mut ProviderCapacity, class: Option<ErrorClass>, now: i64) -> Result<(), DenialReason> {
    let request = normal();
    capacity.acquire(&request, FOUR, at(now)).map_err(|denied| denied.reason)?;
    let error = class.map(failure);
    capacity.release(request.job, error.as_ref().map_or(Ok(()), Err), None, at(now));
    Ok(())
}

fn no_money() -> ProviderError {
    ProviderError::new(ErrorClass::Operator, Reason::QuotaExhausted, "no money")
}

/// A call that runs from `began` to `ended`, in seconds.
fn long_call(capacity: &mut ProviderCapacity, error: &ProviderError, began: i64, ended: i64) {
    let request = normal();
    capacity.acquire(&request, FOUR, at(began)).unwrap();
    capacity.release(request.job, Err(error), None, at(ended));
}

#[test]
fn low_priority_gets_half_the_permits_and_others_all() {
    let mut capacity = ProviderCapacity::new("p");
    for _ in 0..2 {
        capacity.acquire(&request(Priority::Low, 1, 100), FOUR, at(0)).unwrap();
    }
    let denied = capacity.acquire(&request(Priority::Low, 1, 100), FOUR, at(0)).unwrap_err();
    assert_eq!(denied.reason, DenialReason::NoPermit);
    for priority in [Priority::High, Priority::Normal] {
        capacity.acquire(&request(priority, 1, 100), FOUR, at(0)).unwrap();
    }
    assert_eq!(
        capacity.acquire(&request(Priority::High, 1, 100), FOUR, at(0)).unwrap_err().reason,
        DenialReason::NoPermit
    );
}

#[test]
fn low_priority_half_ignores_permits_of_others() {
    let mut capacity = ProviderCapacity::new("p");
    for _ in 0..2 {
        capacity.acquire(&normal(), FOUR, at(0)).unwrap();
    }
    for _ in 0..2 {
        capacity.acquire(&request(Priority::Low, 1, 100), FOUR, at(0)).unwrap();
    }
    // An extended permit keeps its priority.
    let mut capacity = ProviderCapacity::new("p");
    for _ in 0..2 {
        let low = request(Priority::Low, 1, 100);
        capacity.acquire(&low, FOUR, at(0)).unwrap();
        capacity.extend(low.job, at(0), at(100));
    }
    assert_eq!(
        capacity.acquire(&request(Priority::Low, 1, 100), FOUR, at(60)).unwrap_err().reason,
        DenialReason::NoPermit
    );
}

#[test]
fn single_permit_serves_low_priority() {
    let one = CapacityLimits { max_concurrent: 1, images_per_minute: None };
    ProviderCapacity::new("p").acquire(&request(Priority::Low, 1, 100), one, at(0)).unwrap();
}

#[test]
fn permit_expires_unless_its_own_job_acquires_it_again() {
    let one = CapacityLimits { max_concurrent: 1, images_per_minute: None };
    let mut capacity = ProviderCapacity::new("p");
    let first = request(Priority::Normal, 1, 100);
    capacity.acquire(&first, one, at(0)).unwrap();
    assert!(capacity.acquire(&normal(), one, at(99)).is_err());
    capacity.acquire(&PermitRequest { until: at(200), ..first }, one, at(99)).unwrap();
    assert!(capacity.acquire(&normal(), one, at(199)).is_err());
    capacity.acquire(&normal(), one, at(200)).unwrap();
}

#[test]
fn rate_limit_holds_in_every_one_minute_window() {
    let five = CapacityLimits { max_concurrent: 100, images_per_minute: Some(5) };
    let mut capacity = ProviderCapacity::new("p");
    capacity.acquire(&request(Priority::Normal, 3, 1000), five, at(0)).unwrap();
    capacity.acquire(&request(Priority::Normal, 2, 1000), five, at(10)).unwrap();
    let denied = capacity.acquire(&request(Priority::Normal, 1, 1000), five, at(20)).unwrap_err();
    assert_eq!(denied, Denied { until: at(60), reason: DenialReason::RateExceeded });
    // On a clone, because the reservation of this job would delay the next one.
    let four = capacity.clone().acquire(&request(Priority::Normal, 4, 1000), five, at(20)).unwrap_err();
    assert_eq!(four.until, at(70));
    capacity.acquire(&request(Priority::Normal, 3, 1000), five, at(60)).unwrap();
}

#[test]
fn job_above_the_rate_limit_gets_a_minute_for_itself() {
    let two = CapacityLimits { max_concurrent: 100, images_per_minute: Some(2) };
    let mut capacity = ProviderCapacity::new("p");
    capacity.acquire(&request(Priority::Normal, 4, 1000), two, at(0)).unwrap();
    assert_eq!(capacity.acquire(&normal(), two, at(59)).unwrap_err().until, at(60));
}

#[test]
fn reservation_keeps_large_job_from_starving() {
    let five = CapacityLimits { max_concurrent: 100, images_per_minute: Some(5) };
    let mut capacity = ProviderCapacity::new("p");
    let four = request(Priority::Normal, 4, 1_000_000);
    let mut acquired_at = None;
    // Every ten seconds there are two jobs with one image, which alone would use the whole rate limit.
    for step in 0..30 {
        let now = step * 10;
        _ = capacity.acquire(&normal(), five, at(now));
        _ = capacity.acquire(&normal(), five, at(now));
        if step >= 5 && capacity.acquire(&four, five, at(now)).is_ok() {
            acquired_at = Some(now);
            break;
        }
    }
    assert!(acquired_at.is_some_and(|at| at <= 50 + 60), "{acquired_at:?}");
    // Its reservation is gone.
    assert_eq!(capacity.reservation(), None);

    // A job that does not ask again delays others for at most two minutes.
    let mut capacity = ProviderCapacity::new("p");
    capacity.acquire(&request(Priority::Normal, 3, 1000), five, at(0)).unwrap();
    assert_eq!(
        capacity.acquire(&request(Priority::Normal, 5, 1000), five, at(1)).unwrap_err().reason,
        DenialReason::RateExceeded
    );
    assert_eq!(capacity.acquire(&normal(), five, at(100)).unwrap_err().reason, DenialReason::RateExceeded);
    capacity.acquire(&request(Priority::High, 1, 1000), five, at(100)).unwrap();
    capacity.acquire(&normal(), five, at(121)).unwrap();
}

#[test]
fn consecutive_failures_open_breaker_until_a_trial() {
    let mut capacity = ProviderCapacity::new("p");
    for second in 0..5 {
        call(&mut capacity, Some(ErrorClass::Provider), second).unwrap();
    }
    assert_eq!(call(&mut capacity, None, 33), Err(DenialReason::BreakerOpen));
    // Open for 30 s after the fifth failure. Then half-open: a single trial, and the other calls are
    // denied.
    let trial = normal();
    capacity.acquire(&trial, FOUR, at(34)).unwrap();
    assert_eq!(call(&mut capacity, None, 34), Err(DenialReason::BreakerOpen));
    capacity.release(trial.job, Err(&failure(ErrorClass::Provider)), None, at(35));
    // Open for twice as long after a failed trial.
    assert_eq!(call(&mut capacity, None, 94), Err(DenialReason::BreakerOpen));
    call(&mut capacity, None, 95).unwrap();
    call(&mut capacity, Some(ErrorClass::Provider), 95).unwrap();
    call(&mut capacity, None, 95).unwrap();
}

#[test]
fn spread_or_interrupted_failures_keep_breaker_closed() {
    let mut capacity = ProviderCapacity::new("p");
    for round in 0..20 {
        call(&mut capacity, Some(ErrorClass::Provider), round * 300).unwrap();
    }
    for _ in 0..20 {
        call(&mut capacity, Some(ErrorClass::Provider), 9000).unwrap();
        call(&mut capacity, None, 9000).unwrap();
        call(&mut capacity, Some(ErrorClass::Caller), 9000).unwrap();
    }
}

#[test]
fn two_hanging_calls_open_the_breaker() {
    let hangs = ProviderError::new(ErrorClass::Provider, Reason::Timeout, "no answer");
    // Concurrent calls, as at OpenAI, or consecutive calls, as at a self-hosted server.
    for second in [0, 350] {
        let mut capacity = ProviderCapacity::new("p");
        long_call(&mut capacity, &hangs, 0, 300);
        let request = normal();
        capacity.acquire(&request, FOUR, at(second)).unwrap();
        capacity.release(request.job, Err(&hangs), None, at(second + 300));
        assert_eq!(call(&mut capacity, None, second + 301), Err(DenialReason::BreakerOpen));
    }
    // A call that our own deadline cut short counts as a single failure.
    let mut capacity = ProviderCapacity::new("p");
    for second in 0..4 {
        long_call(&mut capacity, &hangs, second, second);
    }
    call(&mut capacity, None, 5).unwrap();
}

#[test]
fn calls_begun_before_opening_do_not_move_the_breaker() {
    for (error, reason) in [
        (failure(ErrorClass::Capacity).retry_after(Duration::from_secs(60)), DenialReason::RetryAfter),
        (no_money(), DenialReason::Account),
    ] {
        let mut capacity = ProviderCapacity::new("p");
        let (before, refused, late) = (normal(), normal(), normal());
        for request in [&before, &refused, &late] {
            capacity.acquire(request, FOUR, at(0)).unwrap();
        }
        long_call(&mut capacity, &error, 1, 2);
        capacity.release(before.job, Ok(()), None, at(3));
        capacity.release(refused.job, Err(&failure(ErrorClass::Caller)), None, at(4));
        assert_eq!(call(&mut capacity, None, 59), Err(reason));
        // A late response after that time is not a failed trial either.
        capacity.release(late.job, Err(&failure(ErrorClass::Provider)), None, at(400));
        call(&mut capacity, None, 400).unwrap();
    }
}

#[test]
fn model_or_setting_errors_keep_the_breaker_closed() {
    let mut capacity = ProviderCapacity::new("p");
    for reason in [Reason::ModelGone, Reason::Permission, Reason::InvalidRequest] {
        let request = normal();
        capacity.acquire(&request, FOUR, at(0)).unwrap();
        capacity.release(
            request.job,
            Err(&ProviderError::new(ErrorClass::Operator, reason, "x")),
            None,
            at(0),
        );
        call(&mut capacity, None, 0).unwrap();
    }
}

#[test]
fn account_error_pauses_and_retry_after_is_honored() {
    let mut capacity = ProviderCapacity::new("p");
    long_call(&mut capacity, &no_money(), 0, 0);
    assert_eq!(call(&mut capacity, None, 299), Err(DenialReason::Account));
    call(&mut capacity, None, 300).unwrap();

    let request = normal();
    capacity.acquire(&request, FOUR, at(300)).unwrap();
    let limited = failure(ErrorClass::Capacity).retry_after(Duration::from_secs(20));
    capacity.release(request.job, Err(&limited), None, at(300));
    assert_eq!(call(&mut capacity, None, 319), Err(DenialReason::RetryAfter));
    // No trial is needed: the provider never failed.
    capacity.acquire(&normal(), FOUR, at(320)).unwrap();
    capacity.acquire(&normal(), FOUR, at(320)).unwrap();
}

#[test]
fn calls_in_progress_do_not_shorten_an_open_breaker() {
    let mut capacity = ProviderCapacity::new("p");
    long_call(&mut capacity, &no_money(), 0, 0);
    capacity.release(JobId::new(), Err(&failure(ErrorClass::Capacity)), None, at(1));
    assert_eq!(call(&mut capacity, None, 200), Err(DenialReason::Account));
}

#[test]
fn answer_about_one_request_is_no_failure_and_ends_a_trial() {
    for reason in [Reason::NoImage, Reason::BadResponse] {
        let useless = ProviderError::new(ErrorClass::Provider, reason, "of no use");
        let mut capacity = ProviderCapacity::new("p");
        for second in 0..50 {
            long_call(&mut capacity, &useless, second, second);
        }
        // Failures of the service count on, and a useless answer between them does not help it.
        for second in 50..55 {
            call(&mut capacity, Some(ErrorClass::Provider), second).unwrap();
            if second < 54 {
                long_call(&mut capacity, &useless, second, second);
            }
        }
        assert_eq!(call(&mut capacity, None, 56), Err(DenialReason::BreakerOpen), "{reason:?}");
        long_call(&mut capacity, &useless, 84, 85);
        call(&mut capacity, None, 85).unwrap();
    }
}

/// A provider whose breaker is open until 30 s.
fn open_breaker() -> ProviderCapacity {
    let mut capacity = ProviderCapacity::new("p");
    for _ in 0..5 {
        call(&mut capacity, Some(ErrorClass::Provider), 0).unwrap();
    }
    capacity
}

#[test]
fn job_that_only_looks_leaves_the_trial_to_the_others() {
    // A job looks for its picture for an hour, from before the breaker opened; its permit lapsed in between in
    // the second case.
    for lapsed in [false, true] {
        let mut capacity = ProviderCapacity::new("p");
        let looking = request(Priority::Normal, 1, 100);
        capacity.acquire(&looking, FOUR, at(0)).unwrap();
        capacity.extend(looking.job, at(0), at(if lapsed { 5 } else { 100 }));
        for _ in 0..5 {
            call(&mut capacity, Some(ErrorClass::Provider), 10).unwrap();
        }
        let opened = capacity.clone();
        for second in (11..400).step_by(10) {
            capacity.extend(looking.job, at(0), at(second + 100));
            let expected = if second < 40 { Err(DenialReason::BreakerOpen) } else { Ok(()) };
            assert_eq!(call(&mut capacity.clone(), None, second), expected, "{lapsed}, {second}");
        }
        // Its outcome, good or bad, moves nothing.
        for outcome in [Ok(()), Err(&failure(ErrorClass::Provider))] {
            let mut capacity = opened.clone();
            capacity.extend(looking.job, at(0), at(400));
            capacity.release(looking.job, outcome, None, at(200));
            let (trial, other) = (normal(), normal());
            capacity.acquire(&trial, FOUR, at(200)).unwrap();
            let denied = capacity.acquire(&other, FOUR, at(200)).unwrap_err();
            assert_eq!(denied.reason, DenialReason::BreakerOpen);
        }
    }
}

#[test]
fn call_from_before_the_breaker_opened_is_no_trial() {
    let mut capacity = ProviderCapacity::new("p");
    let hanging = normal();
    capacity.acquire(&hanging, FOUR, at(0)).unwrap();
    for _ in 0..5 {
        call(&mut capacity, Some(ErrorClass::Provider), 1).unwrap();
    }
    assert_eq!(call(&mut capacity, None, 30), Err(DenialReason::BreakerOpen));
    call(&mut capacity, None, 31).unwrap();
}

#[test]
fn trial_without_a_verdict_frees_the_trial() {
    // It turned into looks at a task.
    let mut capacity = open_breaker();
    let trial = normal();
    capacity.acquire(&trial, FOUR, at(30)).unwrap();
    assert_eq!(call(&mut capacity.clone(), None, 31), Err(DenialReason::BreakerOpen));
    capacity.extend(trial.job, at(30), at(1000));
    call(&mut capacity.clone(), None, 32).unwrap();
    // What comes of the task later is the verdict on its call, if there was none before.
    let (mut worked, mut failed) = (capacity.clone(), capacity);
    worked.release(trial.job, Ok(()), None, at(90));
    failed.release(trial.job, Err(&failure(ErrorClass::Provider)), None, at(90));
    for _ in 0..2 {
        worked.acquire(&normal(), FOUR, at(91)).unwrap();
    }
    assert_eq!(call(&mut failed, None, 149), Err(DenialReason::BreakerOpen));

    // A failure that says nothing about the service.
    let mut capacity = open_breaker();
    long_call(&mut capacity, &failure(ErrorClass::Internal), 30, 31);
    capacity.acquire(&normal(), FOUR, at(31)).unwrap();

    // Its worker died: the permit lapses.
    let mut capacity = open_breaker();
    capacity.acquire(&request(Priority::Normal, 1, 60), FOUR, at(30)).unwrap();
    let denied = capacity.acquire(&normal(), FOUR, at(59)).unwrap_err();
    assert_eq!((denied.reason, denied.until), (DenialReason::BreakerOpen, at(60)));
    capacity.acquire(&normal(), FOUR, at(60)).unwrap();
}

#[test]
fn new_settings_start_with_a_closed_breaker() {
    for error in [no_money(), failure(ErrorClass::Provider)] {
        let mut capacity = ProviderCapacity::new("p");
        let with = |settings| PermitRequest { settings: Some(settings), ..normal() };
        for _ in 0..5 {
            let request = with(1);
            if capacity.acquire(&request, FOUR, at(0)).is_ok() {
                capacity.release(request.job, Err(&error), Some(1), at(0));
            }
        }
        let late = with(1);
        assert!(capacity.acquire(&late, FOUR, at(1)).is_err() && !capacity.has_other_settings(Some(1)));
        assert!(capacity.has_other_settings(Some(2)));
        capacity.acquire(&with(2), FOUR, at(1)).unwrap();
        // A call with the old settings ends after that, and says nothing about the new ones.
        capacity.release(late.job, Err(&no_money()), Some(1), at(2));
        capacity.acquire(&with(2), FOUR, at(2)).unwrap();
    }
}

proptest! {
    #[test]
    fn limits_hold_for_any_sequence_of_calls(
        steps in prop::collection::vec((0..4u32, 1..5u32, 0..3usize, 0..30i64), 1..200),
        max_concurrent in 1..5u32, images_per_minute in 1..8u32,
    ) {
        let limits = CapacityLimits { max_concurrent, images_per_minute: Some(images_per_minute) };
        let mut capacity = ProviderCapacity::new("p");
        let (mut active, mut image_starts, mut now): (Vec<(JobId, i64)>, Vec<i64>, i64) = (vec![], vec![], 0);
        for (what, images, priority, time) in steps {
            now += time;
            active.retain(|(_, until)| *until > now);
            let priority = [Priority::Low, Priority::Normal, Priority::High][priority];
            if what == 0 && !active.is_empty() {
                let (job, _) = active.remove(0);
                capacity.release(job, Ok(()), None, at(now));
                continue;
            }
            let request = request(priority, images, now + 45);
            match capacity.acquire(&request, limits, at(now)) {
                Ok(()) => {
                    active.push((request.job, now + 45));
                    image_starts.extend(std::iter::repeat_n(now, images as usize));
                    let minute = image_starts.iter().filter(|then| **then + 60 > now).count();
                    prop_assert!(active.len() <= max_concurrent as usize);
                    prop_assert!(minute <= images_per_minute.max(images) as usize);
                }
                Err(denied) => prop_assert!(denied.until > at(now)),
            }
        }
    }

    #[test]
    fn failing_provider_gets_few_calls(gaps in prop::collection::vec(0..1000i64, 500)) {
        let mut capacity = ProviderCapacity::new("p");
        let (mut now, mut calls, mut millis) = (0, 0, 0);
        for gap in gaps {
            millis += gap;
            now = millis / 1000;
            calls += i64::from(call(&mut capacity, Some(ErrorClass::Provider), now).is_ok());
        }
        // Five failures open the breaker. Then there are trials after 30 s, 60 s, 120 s and so on.
        prop_assert!(calls <= 5 + 1 + now / 30);
    }
}

#[test]
fn one_image_a_call_is_remembered_for_a_day() {
    let now = Timestamp::from_millis(1_795_380_911_000);
    let mut capacity = ProviderCapacity::new("openai");
    assert!(!capacity.makes_one_per_call(now));
    capacity.made_one_of_several(now);
    let before = now + ONE_PER_CALL_TTL - Duration::from_millis(1);
    assert!(capacity.makes_one_per_call(now) && capacity.makes_one_per_call(before));
    assert!(!capacity.makes_one_per_call(now + ONE_PER_CALL_TTL));
    // A row of an earlier release has no such field.
    let mut row = serde_json::to_value(ProviderCapacity::new("openai")).unwrap();
    assert_eq!(row.get("onePerCallUntil"), None);
    row.as_object_mut().unwrap().remove("onePerCallUntil");
    let read: ProviderCapacity = serde_json::from_value(row).unwrap();
    assert!(!read.makes_one_per_call(now));
}
