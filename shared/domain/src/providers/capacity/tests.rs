use std::time::Duration;

use crate::primitives::id::JobId;
use crate::primitives::priority::Priority;
use crate::primitives::timestamp::Timestamp;
use crate::providers::capacity::{DenialReason, Denied, PermitRequest, ProviderCapacity};
use crate::providers::error::{ErrorClass, ProviderError, Reason};
use crate::providers::task::CapacityLimits;
use proptest::prelude::*;

const FOUR: CapacityLimits = CapacityLimits { max_concurrent: 4, images_per_minute: None };

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn request(priority: Priority, images: u32, until: i64) -> PermitRequest {
    PermitRequest { job: JobId::new(), priority, images, until: at(until) }
}

fn normal() -> PermitRequest {
    request(Priority::Normal, 1, 1_000_000)
}

fn failure(fault: ErrorClass) -> ProviderError {
    ProviderError::new(fault, Reason::Failed, "it failed")
}

/// One call that ends at once.
fn call(capacity: &mut ProviderCapacity, fault: Option<ErrorClass>, now: i64) -> Result<(), DenialReason> {
    let request = normal();
    capacity.acquire(&request, FOUR, at(now)).map_err(|open| open.reason)?;
    let error = fault.map(failure);
    capacity.release(request.job, error.as_ref().map_or(Ok(()), Err), at(now));
    Ok(())
}

fn no_money() -> ProviderError {
    ProviderError::new(ErrorClass::Operator, Reason::QuotaExhausted, "no money")
}

/// A call from `image_starts` to `ended`.
fn long_call(capacity: &mut ProviderCapacity, error: &ProviderError, image_starts: i64, ended: i64) {
    let request = normal();
    capacity.acquire(&request, FOUR, at(image_starts)).unwrap();
    capacity.release(request.job, Err(error), at(ended));
}

#[test]
fn high_priority_may_use_every_slot_and_low_at_most_half() {
    let mut capacity = ProviderCapacity::new("p");
    for _ in 0..2 {
        capacity.acquire(&request(Priority::Low, 1, 100), FOUR, at(0)).unwrap();
    }
    let open = capacity.acquire(&request(Priority::Low, 1, 100), FOUR, at(0)).unwrap_err();
    assert_eq!(open.reason, DenialReason::NoPermit);
    for priority in [Priority::High, Priority::Normal] {
        capacity.acquire(&request(priority, 1, 100), FOUR, at(0)).unwrap();
    }
    assert_eq!(
        capacity.acquire(&request(Priority::High, 1, 100), FOUR, at(0)).unwrap_err().reason,
        DenialReason::NoPermit
    );
}

#[test]
fn low_priority_has_its_half_though_others_were_there_first() {
    let mut capacity = ProviderCapacity::new("p");
    for _ in 0..2 {
        capacity.acquire(&normal(), FOUR, at(0)).unwrap();
    }
    for _ in 0..2 {
        capacity.acquire(&request(Priority::Low, 1, 100), FOUR, at(0)).unwrap();
    }
    // A place that is kept while nobody is there stays what it was.
    let mut capacity = ProviderCapacity::new("p");
    for _ in 0..2 {
        let low = request(Priority::Low, 1, 100);
        capacity.acquire(&low, FOUR, at(0)).unwrap();
        capacity.extend(low.job, at(100), at(50));
    }
    assert_eq!(
        capacity.acquire(&request(Priority::Low, 1, 100), FOUR, at(60)).unwrap_err().reason,
        DenialReason::NoPermit
    );
}

#[test]
fn a_provider_of_one_slot_serves_low_priority_too() {
    let one = CapacityLimits { max_concurrent: 1, images_per_minute: None };
    ProviderCapacity::new("p").acquire(&request(Priority::Low, 1, 100), one, at(0)).unwrap();
}

#[test]
fn a_dead_workers_slot_lapses_and_its_own_job_keeps_it() {
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
fn a_tier_of_five_images_a_minute_is_never_asked_for_six() {
    let five = CapacityLimits { max_concurrent: 100, images_per_minute: Some(5) };
    let mut capacity = ProviderCapacity::new("p");
    capacity.acquire(&request(Priority::Normal, 3, 1000), five, at(0)).unwrap();
    capacity.acquire(&request(Priority::Normal, 2, 1000), five, at(10)).unwrap();
    let open = capacity.acquire(&request(Priority::Normal, 1, 1000), five, at(20)).unwrap_err();
    assert_eq!(open, Denied { until: at(60), reason: DenialReason::RateExceeded });
    // One that is promised its images would keep the rest of this waiting.
    let four = capacity.clone().acquire(&request(Priority::Normal, 4, 1000), five, at(20)).unwrap_err();
    assert_eq!(four.until, at(70));
    capacity.acquire(&request(Priority::Normal, 3, 1000), five, at(60)).unwrap();
}

#[test]
fn a_job_of_more_images_than_a_minute_makes_gets_a_minute_for_itself() {
    let two = CapacityLimits { max_concurrent: 100, images_per_minute: Some(2) };
    let mut capacity = ProviderCapacity::new("p");
    capacity.acquire(&request(Priority::Normal, 4, 1000), two, at(0)).unwrap();
    assert_eq!(capacity.acquire(&normal(), two, at(59)).unwrap_err().until, at(60));
}

#[test]
fn a_job_of_several_images_is_not_overtaken_for_ever() {
    let five = CapacityLimits { max_concurrent: 100, images_per_minute: Some(5) };
    let mut capacity = ProviderCapacity::new("p");
    let four = request(Priority::Normal, 4, 1_000_000);
    let mut entered = None;
    // Every ten seconds there is a job of one image, which alone would keep the minute full.
    for step in 0..30 {
        let now = step * 10;
        _ = capacity.acquire(&normal(), five, at(now));
        _ = capacity.acquire(&normal(), five, at(now));
        if step >= 5 && capacity.acquire(&four, five, at(now)).is_ok() {
            entered = Some(now);
            break;
        }
    }
    assert!(entered.is_some_and(|at| at <= 50 + 60), "{entered:?}");
    // Nothing is kept free for it any more.
    assert_eq!(capacity.reservation(), None);

    // Whoever does not come back keeps others waiting for two minutes at the most.
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
fn failures_in_a_row_open_the_breaker_and_one_trial_decides() {
    let mut capacity = ProviderCapacity::new("p");
    for second in 0..5 {
        call(&mut capacity, Some(ErrorClass::Provider), second).unwrap();
    }
    assert_eq!(call(&mut capacity, None, 33), Err(DenialReason::BreakerOpen));
    // Open for 30 s from the fifth failure: then a single trial, and the others wait for it.
    let trial = normal();
    capacity.acquire(&trial, FOUR, at(34)).unwrap();
    assert_eq!(call(&mut capacity, None, 34), Err(DenialReason::BreakerOpen));
    capacity.release(trial.job, Err(&failure(ErrorClass::Provider)), at(35));
    // Twice as long after a failed trial.
    assert_eq!(call(&mut capacity, None, 94), Err(DenialReason::BreakerOpen));
    call(&mut capacity, None, 95).unwrap();
    call(&mut capacity, Some(ErrorClass::Provider), 95).unwrap();
    call(&mut capacity, None, 95).unwrap();
}

#[test]
fn failures_far_apart_or_with_a_success_between_open_nothing() {
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
fn two_calls_that_hang_open_the_breaker() {
    let hangs = ProviderError::new(ErrorClass::Provider, Reason::Timeout, "no answer");
    // Side by side, as at OpenAI, or one after the other, as at a server of one's own.
    for second in [0, 350] {
        let mut capacity = ProviderCapacity::new("p");
        long_call(&mut capacity, &hangs, 0, 300);
        let request = normal();
        capacity.acquire(&request, FOUR, at(second)).unwrap();
        capacity.release(request.job, Err(&hangs), at(second + 300));
        assert_eq!(call(&mut capacity, None, second + 301), Err(DenialReason::BreakerOpen));
    }
    // One that we had no time to wait for is a failure like any other.
    let mut capacity = ProviderCapacity::new("p");
    for second in 0..4 {
        long_call(&mut capacity, &hangs, second, second);
    }
    call(&mut capacity, None, 5).unwrap();
}

#[test]
fn calls_that_were_under_way_open_and_close_nothing_afterwards() {
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
        capacity.release(before.job, Ok(()), at(3));
        capacity.release(refused.job, Err(&failure(ErrorClass::Caller)), at(4));
        assert_eq!(call(&mut capacity, None, 59), Err(reason));
        // Nor is what comes back after the time is up a trial that has failed.
        capacity.release(late.job, Err(&failure(ErrorClass::Provider)), at(400));
        call(&mut capacity, None, 400).unwrap();
    }
}

#[test]
fn what_is_wrong_with_one_model_keeps_nobody_from_the_others() {
    let mut capacity = ProviderCapacity::new("p");
    for reason in [Reason::ModelGone, Reason::Permission, Reason::InvalidRequest] {
        let request = normal();
        capacity.acquire(&request, FOUR, at(0)).unwrap();
        capacity.release(request.job, Err(&ProviderError::new(ErrorClass::Operator, reason, "x")), at(0));
        call(&mut capacity, None, 0).unwrap();
    }
}

#[test]
fn an_account_in_trouble_is_left_alone_at_once_and_no_room_as_long_as_was_said() {
    let mut capacity = ProviderCapacity::new("p");
    long_call(&mut capacity, &no_money(), 0, 0);
    assert_eq!(call(&mut capacity, None, 299), Err(DenialReason::Account));
    call(&mut capacity, None, 300).unwrap();

    let request = normal();
    capacity.acquire(&request, FOUR, at(300)).unwrap();
    let limited = failure(ErrorClass::Capacity).retry_after(Duration::from_secs(20));
    capacity.release(request.job, Err(&limited), at(300));
    assert_eq!(call(&mut capacity, None, 319), Err(DenialReason::RetryAfter));
    // No trial after it: it never failed.
    capacity.acquire(&normal(), FOUR, at(320)).unwrap();
    capacity.acquire(&normal(), FOUR, at(320)).unwrap();
}

#[test]
fn what_was_under_way_when_the_breaker_opened_does_not_shorten_it() {
    let mut capacity = ProviderCapacity::new("p");
    long_call(&mut capacity, &no_money(), 0, 0);
    capacity.release(JobId::new(), Err(&failure(ErrorClass::Capacity)), at(1));
    assert_eq!(call(&mut capacity, None, 200), Err(DenialReason::Account));
}

proptest! {
    #[test]
    fn the_bounds_hold_whatever_happens(
        steps in prop::collection::vec((0..4u32, 1..5u32, 0..3usize, 0..30i64), 1..200),
        max_concurrent in 1..5u32, images_per_minute in 1..8u32,
    ) {
        let limits = CapacityLimits { max_concurrent, images_per_minute: Some(images_per_minute) };
        let mut capacity = ProviderCapacity::new("p");
        let (mut inside, mut image_starts, mut now): (Vec<(JobId, i64)>, Vec<i64>, i64) = (vec![], vec![], 0);
        for (what, images, priority, time) in steps {
            now += time;
            inside.retain(|(_, until)| *until > now);
            let priority = [Priority::Low, Priority::Normal, Priority::High][priority];
            if what == 0 && !inside.is_empty() {
                let (job, _) = inside.remove(0);
                capacity.release(job, Ok(()), at(now));
                continue;
            }
            let request = request(priority, images, now + 45);
            match capacity.acquire(&request, limits, at(now)) {
                Ok(()) => {
                    inside.push((request.job, now + 45));
                    image_starts.extend(std::iter::repeat_n(now, images as usize));
                    let minute = image_starts.iter().filter(|then| **then + 60 > now).count();
                    prop_assert!(inside.len() <= max_concurrent as usize);
                    prop_assert!(minute <= images_per_minute.max(images) as usize);
                }
                Err(open) => prop_assert!(open.until > at(now)),
            }
        }
    }

    #[test]
    fn a_dead_provider_gets_few_calls(gaps in prop::collection::vec(0..1000i64, 500)) {
        let mut capacity = ProviderCapacity::new("p");
        let (mut now, mut calls, mut millis) = (0, 0, 0);
        for gap in gaps {
            millis += gap;
            now = millis / 1000;
            calls += i64::from(call(&mut capacity, Some(ErrorClass::Provider), now).is_ok());
        }
        // Five open the breaker; then there is a trial after 30 s, 60 s, 120 s and so on.
        prop_assert!(calls <= 5 + 1 + now / 30);
    }
}
