use proptest::prelude::*;

use super::*;
use crate::provider::Reason;

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
    let four = traffic.enter(&wanted(Priority::Normal, 4, 1000), five, at(20)).unwrap_err();
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
        call(&mut traffic, Some(FaultOf::Provider), round * 20).unwrap();
    }
    for _ in 0..20 {
        call(&mut traffic, Some(FaultOf::Provider), 500).unwrap();
        call(&mut traffic, None, 500).unwrap();
        call(&mut traffic, Some(FaultOf::Caller), 500).unwrap();
    }
}

#[test]
fn an_account_in_trouble_is_left_alone_at_once_and_no_room_as_long_as_was_said() {
    let mut traffic = Traffic::new("p");
    call(&mut traffic, Some(FaultOf::Operator), 0).unwrap();
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
    call(&mut traffic, Some(FaultOf::Operator), 0).unwrap();
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
