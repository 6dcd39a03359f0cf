use std::time::Duration;

use crate::primitives::id::JobId;
use crate::primitives::priority::Priority;
use crate::primitives::timestamp::Timestamp;
use crate::providers::capacity::{Closed, Traffic, Wanted, Why};
use crate::providers::error::{FaultOf, ProviderError, Reason};
use crate::providers::task::Bounds;
use proptest::prelude::*;

const FOUR: Bounds = Bounds { at_once: 4, per_minute: None };

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn wanted(priority: Priority, images: u32, until: i64) -> Wanted {
    Wanted { job: JobId::new(), priority, images, until: at(until) }
}

fn normal() -> Wanted {
    wanted(Priority::Normal, 1, 1_000_000)
}

fn failure(fault: FaultOf) -> ProviderError {
    ProviderError::new(fault, Reason::Failed, "it failed")
}

/// One call that ends at once.
fn call(traffic: &mut Traffic, fault: Option<FaultOf>, now: i64) -> Result<(), Why> {
    let wanted = normal();
    traffic.enter(&wanted, FOUR, at(now)).map_err(|closed| closed.why)?;
    let error = fault.map(failure);
    traffic.leave(wanted.job, error.as_ref().map_or(Ok(()), Err), at(now));
    Ok(())
}

fn no_money() -> ProviderError {
    ProviderError::new(FaultOf::Operator, Reason::QuotaExhausted, "no money")
}

/// A call from `begun` to `ended`.
fn long_call(traffic: &mut Traffic, error: &ProviderError, begun: i64, ended: i64) {
    let wanted = normal();
    traffic.enter(&wanted, FOUR, at(begun)).unwrap();
    traffic.leave(wanted.job, Err(error), at(ended));
}

#[test]
fn high_priority_may_use_every_slot_and_low_at_most_half() {
    let mut traffic = Traffic::new("p");
    for _ in 0..2 {
        traffic.enter(&wanted(Priority::Low, 1, 100), FOUR, at(0)).unwrap();
    }
    let closed = traffic.enter(&wanted(Priority::Low, 1, 100), FOUR, at(0)).unwrap_err();
    assert_eq!(closed.why, Why::Full);
    for priority in [Priority::High, Priority::Normal] {
        traffic.enter(&wanted(priority, 1, 100), FOUR, at(0)).unwrap();
    }
    assert_eq!(traffic.enter(&wanted(Priority::High, 1, 100), FOUR, at(0)).unwrap_err().why, Why::Full);
}

#[test]
fn low_priority_has_its_half_though_others_were_there_first() {
    let mut traffic = Traffic::new("p");
    for _ in 0..2 {
        traffic.enter(&normal(), FOUR, at(0)).unwrap();
    }
    for _ in 0..2 {
        traffic.enter(&wanted(Priority::Low, 1, 100), FOUR, at(0)).unwrap();
    }
    // A place that is kept while nobody is there stays what it was.
    let mut traffic = Traffic::new("p");
    for _ in 0..2 {
        let low = wanted(Priority::Low, 1, 100);
        traffic.enter(&low, FOUR, at(0)).unwrap();
        traffic.stay(low.job, at(100), at(50));
    }
    assert_eq!(traffic.enter(&wanted(Priority::Low, 1, 100), FOUR, at(60)).unwrap_err().why, Why::Full);
}

#[test]
fn a_provider_of_one_slot_serves_low_priority_too() {
    let one = Bounds { at_once: 1, per_minute: None };
    Traffic::new("p").enter(&wanted(Priority::Low, 1, 100), one, at(0)).unwrap();
}

#[test]
fn a_dead_workers_slot_lapses_and_its_own_job_keeps_it() {
    let one = Bounds { at_once: 1, per_minute: None };
    let mut traffic = Traffic::new("p");
    let first = wanted(Priority::Normal, 1, 100);
    traffic.enter(&first, one, at(0)).unwrap();
    assert!(traffic.enter(&normal(), one, at(99)).is_err());
    traffic.enter(&Wanted { until: at(200), ..first }, one, at(99)).unwrap();
    assert!(traffic.enter(&normal(), one, at(199)).is_err());
    traffic.enter(&normal(), one, at(200)).unwrap();
}

#[test]
fn a_tier_of_five_images_a_minute_is_never_asked_for_six() {
    let five = Bounds { at_once: 100, per_minute: Some(5) };
    let mut traffic = Traffic::new("p");
    traffic.enter(&wanted(Priority::Normal, 3, 1000), five, at(0)).unwrap();
    traffic.enter(&wanted(Priority::Normal, 2, 1000), five, at(10)).unwrap();
    let closed = traffic.enter(&wanted(Priority::Normal, 1, 1000), five, at(20)).unwrap_err();
    assert_eq!(closed, Closed { until: at(60), why: Why::Pace });
    // One that is promised its images would keep the rest of this waiting.
    let four = traffic.clone().enter(&wanted(Priority::Normal, 4, 1000), five, at(20)).unwrap_err();
    assert_eq!(four.until, at(70));
    traffic.enter(&wanted(Priority::Normal, 3, 1000), five, at(60)).unwrap();
}

#[test]
fn a_job_of_more_images_than_a_minute_makes_gets_a_minute_for_itself() {
    let two = Bounds { at_once: 100, per_minute: Some(2) };
    let mut traffic = Traffic::new("p");
    traffic.enter(&wanted(Priority::Normal, 4, 1000), two, at(0)).unwrap();
    assert_eq!(traffic.enter(&normal(), two, at(59)).unwrap_err().until, at(60));
}

#[test]
fn a_job_of_several_images_is_not_overtaken_for_ever() {
    let five = Bounds { at_once: 100, per_minute: Some(5) };
    let mut traffic = Traffic::new("p");
    let four = wanted(Priority::Normal, 4, 1_000_000);
    let mut entered = None;
    // Every ten seconds there is a job of one image, which alone would keep the minute full.
    for step in 0..30 {
        let now = step * 10;
        _ = traffic.enter(&normal(), five, at(now));
        _ = traffic.enter(&normal(), five, at(now));
        if step >= 5 && traffic.enter(&four, five, at(now)).is_ok() {
            entered = Some(now);
            break;
        }
    }
    assert!(entered.is_some_and(|at| at <= 50 + 60), "{entered:?}");
    // Nothing is kept free for it any more.
    assert_eq!(traffic.promise(), None);

    // Whoever does not come back keeps others waiting for two minutes at the most.
    let mut traffic = Traffic::new("p");
    traffic.enter(&wanted(Priority::Normal, 3, 1000), five, at(0)).unwrap();
    assert_eq!(traffic.enter(&wanted(Priority::Normal, 5, 1000), five, at(1)).unwrap_err().why, Why::Pace);
    assert_eq!(traffic.enter(&normal(), five, at(100)).unwrap_err().why, Why::Pace);
    traffic.enter(&wanted(Priority::High, 1, 1000), five, at(100)).unwrap();
    traffic.enter(&normal(), five, at(121)).unwrap();
}

#[test]
fn failures_in_a_row_open_the_breaker_and_one_trial_decides() {
    let mut traffic = Traffic::new("p");
    for second in 0..5 {
        call(&mut traffic, Some(FaultOf::Provider), second).unwrap();
    }
    assert_eq!(call(&mut traffic, None, 33), Err(Why::Failing));
    // Open for 30 s from the fifth failure: then a single trial, and the others wait for it.
    let trial = normal();
    traffic.enter(&trial, FOUR, at(34)).unwrap();
    assert_eq!(call(&mut traffic, None, 34), Err(Why::Failing));
    traffic.leave(trial.job, Err(&failure(FaultOf::Provider)), at(35));
    // Twice as long after a failed trial.
    assert_eq!(call(&mut traffic, None, 94), Err(Why::Failing));
    call(&mut traffic, None, 95).unwrap();
    call(&mut traffic, Some(FaultOf::Provider), 95).unwrap();
    call(&mut traffic, None, 95).unwrap();
}

#[test]
fn failures_far_apart_or_with_a_success_between_open_nothing() {
    let mut traffic = Traffic::new("p");
    for round in 0..20 {
        call(&mut traffic, Some(FaultOf::Provider), round * 300).unwrap();
    }
    for _ in 0..20 {
        call(&mut traffic, Some(FaultOf::Provider), 9000).unwrap();
        call(&mut traffic, None, 9000).unwrap();
        call(&mut traffic, Some(FaultOf::Caller), 9000).unwrap();
    }
}

#[test]
fn two_calls_that_hang_open_the_breaker() {
    let hangs = ProviderError::new(FaultOf::Provider, Reason::Timeout, "no answer");
    // Side by side, as at OpenAI, or one after the other, as at a server of one's own.
    for second in [0, 350] {
        let mut traffic = Traffic::new("p");
        long_call(&mut traffic, &hangs, 0, 300);
        let wanted = normal();
        traffic.enter(&wanted, FOUR, at(second)).unwrap();
        traffic.leave(wanted.job, Err(&hangs), at(second + 300));
        assert_eq!(call(&mut traffic, None, second + 301), Err(Why::Failing));
    }
    // One that we had no time to wait for is a failure like any other.
    let mut traffic = Traffic::new("p");
    for second in 0..4 {
        long_call(&mut traffic, &hangs, second, second);
    }
    call(&mut traffic, None, 5).unwrap();
}

#[test]
fn calls_that_were_under_way_open_and_close_nothing_afterwards() {
    for (error, why) in [
        (failure(FaultOf::Capacity).retry_after(Duration::from_secs(60)), Why::NoRoom),
        (no_money(), Why::Account),
    ] {
        let mut traffic = Traffic::new("p");
        let (before, refused, late) = (normal(), normal(), normal());
        for wanted in [&before, &refused, &late] {
            traffic.enter(wanted, FOUR, at(0)).unwrap();
        }
        long_call(&mut traffic, &error, 1, 2);
        traffic.leave(before.job, Ok(()), at(3));
        traffic.leave(refused.job, Err(&failure(FaultOf::Caller)), at(4));
        assert_eq!(call(&mut traffic, None, 59), Err(why));
        // Nor is what comes back after the time is up a trial that has failed.
        traffic.leave(late.job, Err(&failure(FaultOf::Provider)), at(400));
        call(&mut traffic, None, 400).unwrap();
    }
}

#[test]
fn what_is_wrong_with_one_model_keeps_nobody_from_the_others() {
    let mut traffic = Traffic::new("p");
    for reason in [Reason::ModelGone, Reason::Permission, Reason::InvalidRequest] {
        let wanted = normal();
        traffic.enter(&wanted, FOUR, at(0)).unwrap();
        traffic.leave(wanted.job, Err(&ProviderError::new(FaultOf::Operator, reason, "x")), at(0));
        call(&mut traffic, None, 0).unwrap();
    }
}

#[test]
fn an_account_in_trouble_is_left_alone_at_once_and_no_room_as_long_as_was_said() {
    let mut traffic = Traffic::new("p");
    long_call(&mut traffic, &no_money(), 0, 0);
    assert_eq!(call(&mut traffic, None, 299), Err(Why::Account));
    call(&mut traffic, None, 300).unwrap();

    let wanted = normal();
    traffic.enter(&wanted, FOUR, at(300)).unwrap();
    let limited = failure(FaultOf::Capacity).retry_after(Duration::from_secs(20));
    traffic.leave(wanted.job, Err(&limited), at(300));
    assert_eq!(call(&mut traffic, None, 319), Err(Why::NoRoom));
    // No trial after it: it never failed.
    traffic.enter(&normal(), FOUR, at(320)).unwrap();
    traffic.enter(&normal(), FOUR, at(320)).unwrap();
}

#[test]
fn what_was_under_way_when_the_breaker_opened_does_not_shorten_it() {
    let mut traffic = Traffic::new("p");
    long_call(&mut traffic, &no_money(), 0, 0);
    traffic.leave(JobId::new(), Err(&failure(FaultOf::Capacity)), at(1));
    assert_eq!(call(&mut traffic, None, 200), Err(Why::Account));
}

proptest! {
    #[test]
    fn the_bounds_hold_whatever_happens(
        steps in prop::collection::vec((0..4u32, 1..5u32, 0..3usize, 0..30i64), 1..200),
        at_once in 1..5u32, per_minute in 1..8u32,
    ) {
        let bounds = Bounds { at_once, per_minute: Some(per_minute) };
        let mut traffic = Traffic::new("p");
        let (mut inside, mut begun, mut now): (Vec<(JobId, i64)>, Vec<i64>, i64) = (vec![], vec![], 0);
        for (what, images, priority, time) in steps {
            now += time;
            inside.retain(|(_, until)| *until > now);
            let priority = [Priority::Low, Priority::Normal, Priority::High][priority];
            if what == 0 && !inside.is_empty() {
                let (job, _) = inside.remove(0);
                traffic.leave(job, Ok(()), at(now));
                continue;
            }
            let wanted = wanted(priority, images, now + 45);
            match traffic.enter(&wanted, bounds, at(now)) {
                Ok(()) => {
                    inside.push((wanted.job, now + 45));
                    begun.extend(std::iter::repeat_n(now, images as usize));
                    let minute = begun.iter().filter(|then| **then + 60 > now).count();
                    prop_assert!(inside.len() <= at_once as usize);
                    prop_assert!(minute <= per_minute.max(images) as usize);
                }
                Err(closed) => prop_assert!(closed.until > at(now)),
            }
        }
    }

    #[test]
    fn a_dead_provider_gets_few_calls(gaps in prop::collection::vec(0..1000i64, 500)) {
        let mut traffic = Traffic::new("p");
        let (mut now, mut calls, mut millis) = (0, 0, 0);
        for gap in gaps {
            millis += gap;
            now = millis / 1000;
            calls += i64::from(call(&mut traffic, Some(FaultOf::Provider), now).is_ok());
        }
        // Five open the breaker; then there is a trial after 30 s, 60 s, 120 s and so on.
        prop_assert!(calls <= 5 + 1 + now / 30);
    }
}
